//! The socket beneath a connection. A lapin connection lives in a thread of its own, which a dropped future does not end: a
//! handshake that was given up, or a close that nobody answers, would leave thread and socket behind for as long as the
//! broker is silent. Whoever holds the line can cut it, and that ends both.

use std::{
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use async_compat::Compat;
use lapin::{
    Connection, ConnectionProperties, Error,
    runtime::default_runtime,
    tcp::{AsyncTcpStream, RustlsConnector},
    uri::AMQPUri,
};
use rustls::InvalidMessage;
use tokio::time::timeout;

use super::{BrokerAddress, address::Tls};

/// What goes to the broker and comes from it, encrypted or not.
pub(super) type Stream = AsyncTcpStream<Compat<tokio::net::TcpStream>>;

/// lapin gives a socket up in a thread of its own. There is no runtime there, so async-compat makes one, the first time; if it
/// cannot, for want of descriptors, it panics, and again whenever a connection ends. Hence it is made when a process starts, which
/// cannot work without it.
pub(crate) fn prepare() -> std::io::Result<()> {
    let first = thread::Builder::new().spawn(|| drop(Compat::new(())))?;
    first
        .join()
        .map_err(|_| std::io::Error::other("no descriptors, or no threads"))
}

/// Cuts the connection when it is dropped. After an orderly close there is nothing left to cut.
#[derive(Debug)]
pub(crate) struct Line(Arc<Mutex<End>>);

/// Our end of it.
#[derive(Debug, Default)]
enum End {
    /// Not connected yet.
    #[default]
    Loose,
    /// A second handle on the socket.
    Plugged(TcpStream),
    Cut,
}

impl Line {
    /// Dials, within `within`, and shakes hands. Dropped before its end, it takes the socket with it.
    pub async fn connect(
        address: &BrokerAddress,
        heartbeat: u16,
        properties: ConnectionProperties,
        within: Duration,
    ) -> lapin::Result<(Connection, Self)> {
        let line = Self(Arc::default());
        let end = line.0.clone();
        let uri = address.uri(heartbeat);
        let address = address.clone();
        let dial = async move |_: AMQPUri, _| {
            let dialled = timeout(within, dial(&address, |stream| plug(&end, stream))).await;
            dialled.map_err(std::io::Error::from).flatten().map_err(io)
        };
        let connection = Connection::connector(uri, default_runtime()?, dial, properties).await?;
        Ok((connection, line))
    }
}

/// Connects, and encrypts if the address says so. `plug` gets the socket before anything is said over it.
pub(super) async fn dial(
    address: &BrokerAddress,
    plug: impl FnOnce(&tokio::net::TcpStream) -> std::io::Result<()>,
) -> std::io::Result<Stream> {
    let stream = tokio::net::TcpStream::connect(address.endpoint()).await?;
    plug(&stream)?;
    let plain = AsyncTcpStream::Plain(Compat::new(stream));
    match address.tls() {
        Some(tls) => encrypt(plain, tls).await,
        None => Ok(plain),
    }
}

async fn encrypt(plain: Stream, tls: &Tls) -> std::io::Result<Stream> {
    let connector = RustlsConnector::from(tls.client()?);
    let encrypted = plain.into_rustls(&connector, &tls.name).await;
    encrypted.map_err(|error| {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        let hint = match cause {
            Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                " (a port without TLS?)"
            }
            _ => "",
        };
        std::io::Error::new(
            error.kind(),
            format!("no TLS with the broker: {error}{hint}"),
        )
    })
}

fn plug(end: &Mutex<End>, stream: &tokio::net::TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let handle = TcpStream::from(stream.as_fd().try_clone_to_owned()?);
    let mut end = lock(end);
    if matches!(*end, End::Cut) {
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    *end = End::Plugged(handle);
    Ok(())
}

fn io(error: std::io::Error) -> Error {
    lapin::ErrorKind::IOError(Arc::new(error)).into()
}

fn lock(end: &Mutex<End>) -> MutexGuard<'_, End> {
    end.lock()
        .expect("never poisoned: no code panics under this lock")
}

impl Drop for Line {
    fn drop(&mut self) {
        if let End::Plugged(stream) = std::mem::replace(&mut *lock(&self.0), End::Cut) {
            // It may have been closed from the other side.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read, net::TcpListener, time::Instant};

    use super::*;

    const TRIES: usize = 30;
    const WITHIN: Duration = Duration::from_secs(10);

    /// Threads of lapin's in this process.
    fn io_loops() -> usize {
        let tasks = fs::read_dir("/proc/self/task").expect("tasks");
        let names =
            tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names
            .filter(|name| name.starts_with("lapin-io-loop"))
            .count()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_handshake_that_was_given_up_leaves_no_thread_and_no_socket() {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = silent.local_addr().expect("an address");
        let ends = std::thread::spawn(move || {
            for _ in 0..TRIES {
                let (mut stream, _) = silent.accept().expect("a connection");
                stream.set_read_timeout(Some(WITHIN)).expect("a timeout");
                // Until the other side is gone.
                stream.read_to_end(&mut Vec::new()).expect("an end");
            }
        });
        for _ in 0..TRIES {
            let url = format!("amqp://guest:guest@{address}/v");
            let silent = BrokerAddress::read(&url).expect("a URL");
            let dial = Line::connect(&silent, 10, ConnectionProperties::default(), WITHIN);
            assert!(timeout(Duration::from_millis(30), dial).await.is_err());
        }
        ends.join().expect("every socket came to its end");
        let deadline = Instant::now() + WITHIN;
        while io_loops() > 0 {
            assert!(Instant::now() < deadline, "{} threads are left", io_loops());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
