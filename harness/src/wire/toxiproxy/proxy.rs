//! One proxy: where it listens, where it leads, and the toxics on the way.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{
    chance::Chance,
    listen,
    problem::Problem,
    pump::Pump,
    toxic::{Stream, Toxic},
};
use crate::wire::forward::{Carrier, Ending, Forward, both_ways};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A proxy, up or down.
pub(super) struct Proxy {
    name: String,
    listen: String,
    upstream: String,
    toxics: watch::Sender<Vec<Toxic>>,
    next_toxic: u64,
    connections: Arc<AtomicU64>,
    up: Option<Forward>,
    /// Holds the port while the proxy is down: bound, not listening, so that connects are refused and nobody else
    /// is given the port.
    parked: Option<TcpSocket>,
    server: CancellationToken,
}

/// A proxy as the API shows it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct View {
    name: String,
    listen: String,
    upstream: String,
    enabled: bool,
    toxics: Vec<Toxic>,
}

impl Proxy {
    /// A proxy that is down, and has its port.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(super) async fn new(
        name: &str,
        listen: &str,
        upstream: &str,
        server: CancellationToken,
    ) -> Result<Self, Problem> {
        let place = take(listen, resolve(listen).await?)?;
        Ok(Self {
            name: name.to_owned(),
            listen: place.1,
            upstream: upstream.to_owned(),
            toxics: watch::Sender::new(Vec::new()),
            next_toxic: 0,
            connections: Arc::default(),
            up: None,
            parked: Some(place.0),
            server,
        })
    }

    pub(super) fn view(&self) -> View {
        View {
            name: self.name.clone(),
            listen: self.listen.clone(),
            upstream: self.upstream.clone(),
            enabled: self.is_up(),
            toxics: self.toxics(),
        }
    }

    /// Whether it listens.
    pub(super) fn is_up(&self) -> bool {
        self.up.is_some()
    }

    /// Starts listening; does nothing if it does already.
    pub(super) async fn enable(&mut self) -> Result<(), Problem> {
        if self.up.is_some() {
            return Ok(());
        }
        let opened = self.open().await;
        self.up = Some(opened.map_err(|error| refused(&self.listen, &error))?);
        Ok(())
    }

    /// Closes the listener and every connection, and returns once they are gone.
    pub(super) async fn disable(&mut self) {
        let Some(up) = self.up.take() else { return };
        let address = up.address();
        up.close().await;
        match bind(address) {
            Ok(socket) => self.parked = Some(socket),
            // Enabling will try again, and say so if it cannot.
            Err(error) => {
                tracing::warn!(%address, %error, "could not keep the port of a proxy that is down")
            }
        }
    }

    /// Moves it to other addresses, and says whether it was not there already, however the first one is spelt. A move closes
    /// all connections and leaves it down; where the new address cannot be had, everything stays as it is.
    pub(super) async fn move_to(
        &mut self,
        listen: Option<&str>,
        upstream: Option<&str>,
    ) -> Result<bool, Problem> {
        let mut place = None;
        if let Some(listen) = listen {
            let address = resolve(listen).await?;
            if address.to_string() != self.listen {
                place = Some(take(listen, address)?);
            }
        }
        let upstream = upstream.unwrap_or(&self.upstream).to_owned();
        if place.is_none() && upstream == self.upstream {
            return Ok(false);
        }
        self.disable().await;
        self.upstream = upstream;
        if let Some((socket, listen)) = place {
            (self.parked, self.listen) = (Some(socket), listen);
        }
        Ok(true)
    }

    pub(super) fn toxics(&self) -> Vec<Toxic> {
        let toxics = self.toxics.borrow();
        let of = |stream| toxics.iter().filter(move |toxic| toxic.stream == stream);
        of(Stream::Upstream)
            .chain(of(Stream::Downstream))
            .cloned()
            .collect()
    }

    pub(super) fn toxic(&self, name: &str) -> Result<Toxic, Problem> {
        let toxics = self.toxics.borrow();
        let found = toxics.iter().find(|toxic| toxic.name == name);
        found.cloned().ok_or(Problem::ToxicNotFound)
    }

    /// Lays a toxic on every connection, live ones included.
    pub(super) fn add_toxic(&mut self, body: &[u8]) -> Result<Toxic, Problem> {
        let toxic = Toxic::parse(body, self.next_toxic)?;
        if self.toxic(&toxic.name).is_ok() {
            return Err(Problem::ToxicExists);
        }
        self.next_toxic += 1;
        self.toxics.send_modify(|toxics| toxics.push(toxic.clone()));
        Ok(toxic)
    }

    pub(super) fn update_toxic(&mut self, name: &str, body: &[u8]) -> Result<Toxic, Problem> {
        let updated = self.toxic(name)?.updated(body)?;
        self.toxics.send_modify(|toxics| {
            for toxic in toxics.iter_mut().filter(|toxic| toxic.id == updated.id) {
                *toxic = updated.clone();
            }
        });
        Ok(updated)
    }

    pub(super) fn remove_toxic(&mut self, name: &str) -> Result<(), Problem> {
        let id = self.toxic(name)?.id;
        self.toxics
            .send_modify(|toxics| toxics.retain(|toxic| toxic.id != id));
        Ok(())
    }

    pub(super) fn remove_all_toxics(&mut self) {
        self.toxics.send_modify(Vec::clear);
    }

    async fn open(&mut self) -> std::io::Result<Forward> {
        let listener = self.listener().await?;
        let links = Links {
            toxics: self.toxics.subscribe(),
            name: self.name.clone(),
            connections: Arc::clone(&self.connections),
        };
        let up = Forward::open(listener, &self.upstream, &self.server, links)?;
        self.listen = up.address().to_string();
        Ok(up)
    }

    async fn listener(&mut self) -> std::io::Result<TcpListener> {
        if let Some(parked) = self.parked.take() {
            return parked.listen(BACKLOG);
        }
        bind(listen::resolve(&self.listen).await?)?.listen(BACKLOG)
    }
}

async fn resolve(listen: &str) -> Result<SocketAddr, Problem> {
    let address = listen::resolve(listen).await;
    address.map_err(|error| refused(listen, &error))
}

/// A port that nobody else is given from here on, and the address that it has. Port 0 becomes the one that was given.
fn take(listen: &str, address: SocketAddr) -> Result<(TcpSocket, String), Problem> {
    let taken = bind(address).and_then(|socket| {
        let address = socket.local_addr()?.to_string();
        Ok((socket, address))
    });
    taken.map_err(|error| refused(listen, &error))
}

fn refused(listen: &str, error: &std::io::Error) -> Problem {
    Problem::Listen {
        listen: listen.to_owned(),
        reason: match error.kind() {
            std::io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
            _ => error.to_string(),
        },
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(everywhere) if everywhere.ip().is_unspecified() => {
            match TcpSocket::new_v6() {
                Ok(socket) => socket,
                // Every interface of a machine without IPv6.
                Err(_) => return bind((Ipv4Addr::UNSPECIFIED, everywhere.port()).into()),
            }
        }
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The proxy's connections.
struct Links {
    toxics: watch::Receiver<Vec<Toxic>>,
    name: String,
    connections: Arc<AtomicU64>,
}

impl Carrier for Links {
    fn refused(&self) -> Ending {
        Ending::Closed
    }

    async fn carry(&self, client: &mut TcpStream, upstream: &mut TcpStream) -> Ending {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let pump = |stream: Stream, way: u64| {
            let chance = Chance::of(&self.name, number * 2 + way);
            Pump::new(stream, self.toxics.clone(), chance)
        };
        let (from_client, to_client) = client.split();
        let (from_upstream, to_upstream) = upstream.split();
        both_ways(
            pump(Stream::Upstream, 0).run(from_client, to_upstream),
            pump(Stream::Downstream, 1).run(from_upstream, to_client),
        )
        .await
    }
}
