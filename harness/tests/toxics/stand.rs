//! The test stand: a Toxiproxy, one edge on it, an echo server behind that.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use outbox_harness::{
    ask::toxic::{Direction, Toxic},
    wire::edge::{Edge, EdgeControl, ToxicHandle},
    wire::toxiproxy::ToxiproxyServer,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::echo::Echo;

pub const BOTH: [Direction; 2] = [Direction::Requests, Direction::Replies];

/// Longer than anything here takes on a busy machine: reaching it is a hang.
const HANG: Duration = Duration::from_secs(15);

pub struct Stand {
    pub server: Option<ToxiproxyServer>,
    pub api: SocketAddr,
    pub control: EdgeControl,
    pub edge: Edge,
    pub echo: Echo,
}

impl Stand {
    /// On the embedded server, or the one that `LAB_TOXIPROXY_ADDR` names.
    pub async fn any() -> Self {
        match std::env::var("LAB_TOXIPROXY_ADDR") {
            Ok(api) => Self::at(api.parse().expect("LAB_TOXIPROXY_ADDR is ip:port"), None).await,
            Err(_) => Self::embedded().await,
        }
    }

    /// On the embedded server, for what it deliberately does otherwise.
    pub async fn embedded() -> Self {
        let server = ToxiproxyServer::start("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        Self::at(server.address(), Some(server)).await
    }

    async fn at(api: SocketAddr, server: Option<ToxiproxyServer>) -> Self {
        let echo = Echo::start().await;
        let control = EdgeControl::connect(api).await.unwrap();
        let name = format!("stand {}", uuid::Uuid::now_v7());
        let edge = control.create(&name, echo.address()).await.unwrap();
        Self {
            server,
            api,
            control,
            edge,
            echo,
        }
    }

    pub async fn dial(&self) -> TcpStream {
        dial(self.edge.address()).await
    }

    pub async fn add(&self, toxic: Toxic, direction: Direction) -> ToxicHandle {
        self.edge.add(toxic, direction, 1.0).await.unwrap()
    }

    pub async fn finish(self) {
        self.edge.delete().await.unwrap();
    }
}

pub async fn dial(address: SocketAddr) -> TcpStream {
    let stream = within(TcpStream::connect(address)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(HANG, work).await.expect("this hangs")
}

/// Sends `bytes`, receives as many, and says how long that took.
pub async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Duration> {
    let began = Instant::now();
    let mut back = vec![0; bytes.len()];
    let (mut from, mut to) = stream.split();
    within(async { tokio::try_join!(to.write_all(bytes), from.read_exact(&mut back)) }).await?;
    assert!(back == bytes, "{} bytes came back changed", bytes.len());
    Ok(began.elapsed())
}

/// Waits for the end of the stream: how many bytes came before, and how it ended.
pub async fn end_of(stream: &mut TcpStream) -> (usize, io::Result<()>) {
    let mut seen = Vec::new();
    let end = within(stream.read_to_end(&mut seen)).await;
    (seen.len(), end.map(drop))
}

/// Whether nothing at all arrives for so long.
pub async fn silent(stream: &mut TcpStream, span: Duration) -> bool {
    let mut byte = [0];
    timeout(span, stream.read(&mut byte)).await.is_err()
}

/// Bytes in which a loss, a double or a swap anywhere shows.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect()
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
