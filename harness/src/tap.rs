//! A forwarder in the lab, in front of each Toxiproxy proxy: it breaks nothing and counts what really went through.
//!
//! The system under test dials the tap, the tap dials the proxy, the proxy the server. Being outside the proxy, the tap
//! sees what the system sees, while it happens; Toxiproxy's own counters move only when a connection ends.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    edge::{Edge, EdgeControl, EdgeError},
    forward::{Carrier, Ending, Forward, both_ways},
};

const CHUNK: usize = 32 * 1024;

/// A tap or its edge could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// The tap has no socket.
    #[error(
        "a tap in front of {upstream} cannot listen on a loopback port: {source}; check the limits on open files and ports"
    )]
    Listen {
        /// Where it would have led.
        upstream: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The edge behind the tap was not made.
    #[error(transparent)]
    Edge(#[from] EdgeError),
}

/// What went through a tap since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TapCounters {
    /// Connections the system under test opened.
    pub connections_accepted: u64,
    /// Of those: the upstream refused the dial, or ended the connection before a byte came back.
    pub connections_refused_upstream: u64,
    /// Of those: bytes had come back, and then the upstream ended first, in order or with an error.
    pub connections_cut: u64,
    /// Bytes from the system under test that were passed on.
    pub bytes_requests: u64,
    /// Bytes for the system under test that were passed on.
    pub bytes_replies: u64,
    /// Connections, now, on which the system under test had the last word: where each request is answered, it waits.
    pub connections_waiting: u64,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    cut: AtomicU64,
    requests: AtomicU64,
    replies: AtomicU64,
    waiting: AtomicU64,
}

/// A running forwarder. Dropping it closes its port and its connections.
pub struct Tap {
    forward: Forward,
    counts: Arc<Counts>,
}

impl Tap {
    /// Forwards from an ephemeral loopback port to `upstream`.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start(upstream: SocketAddr) -> Result<Self, TapError> {
        let failed = |source| TapError::Listen { upstream, source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let counts = Arc::new(Counts::default());
        let wire = Wire(Arc::clone(&counts));
        let never = CancellationToken::new();
        let forward =
            Forward::open(listener, &upstream.to_string(), &never, wire).map_err(failed)?;
        Ok(Self { forward, counts })
    }

    /// What the system under test dials.
    pub fn address(&self) -> SocketAddr {
        self.forward.address()
    }

    /// The counters as they are now; they move while connections live.
    pub fn snapshot(&self) -> TapCounters {
        let of = |count: &AtomicU64| count.load(Relaxed);
        TapCounters {
            connections_accepted: of(&self.counts.accepted),
            connections_refused_upstream: of(&self.counts.refused),
            connections_cut: of(&self.counts.cut),
            bytes_requests: of(&self.counts.requests),
            bytes_replies: of(&self.counts.replies),
            connections_waiting: of(&self.counts.waiting),
        }
    }
}

/// One named edge of the system under test: a tap in front of a Toxiproxy proxy.
pub struct Link {
    tap: Tap,
    edge: Edge,
}

impl Link {
    /// Makes the proxy `name` in front of `upstream`, and a tap in front of that.
    ///
    /// # Errors
    /// When either cannot be made.
    pub async fn create(
        control: &EdgeControl,
        name: &str,
        upstream: SocketAddr,
    ) -> Result<Self, TapError> {
        let edge = control.create(name, upstream).await?;
        let tap = Tap::start(edge.address()).await?;
        Ok(Self { tap, edge })
    }

    /// What the system under test dials.
    pub fn address(&self) -> SocketAddr {
        self.tap.address()
    }

    /// Where faults are set.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// What went through.
    pub fn counters(&self) -> TapCounters {
        self.tap.snapshot()
    }
}

struct Wire(Arc<Counts>);

impl Carrier for Wire {
    fn accepted(&self) {
        self.0.accepted.fetch_add(1, Relaxed);
    }

    fn refused(&self) -> Ending {
        self.0.refused.fetch_add(1, Relaxed);
        Ending::Reset
    }

    async fn carry(&self, client: &mut TcpStream, upstream: &mut TcpStream) -> Ending {
        let connection = Connection {
            counts: &self.0,
            replied: AtomicBool::new(false),
            over: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
        };
        let (from_client, to_client) = client.split();
        let (from_upstream, to_upstream) = upstream.split();
        both_ways(
            connection.requests(from_client, to_upstream),
            connection.replies(from_upstream, to_client),
        )
        .await
    }
}

/// One connection's part in the counters.
struct Connection<'a> {
    counts: &'a Counts,
    /// A byte came back.
    replied: AtomicBool,
    /// One side has ended it, and that was counted.
    over: AtomicBool,
    /// The last bytes were a request.
    waiting: AtomicBool,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.waits(false);
    }
}

impl Connection<'_> {
    async fn requests(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Ending {
        let mut buffer = vec![0; CHUNK];
        loop {
            let Ok(count) = from.read(&mut buffer).await else {
                self.over.store(true, Relaxed);
                return Ending::Reset;
            };
            if count == 0 {
                self.over.store(true, Relaxed);
                return finish(&mut to).await;
            }
            if to.write_all(&buffer[..count]).await.is_err() {
                self.upstream_ended();
                return Ending::Reset;
            }
            self.counts.requests.fetch_add(count as u64, Relaxed);
            self.waits(true);
        }
    }

    async fn replies(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Ending {
        let mut buffer = vec![0; CHUNK];
        loop {
            let Ok(count) = from.read(&mut buffer).await else {
                self.upstream_ended();
                return Ending::Reset;
            };
            if count == 0 {
                self.upstream_ended();
                return finish(&mut to).await;
            }
            self.replied.store(true, Relaxed);
            if to.write_all(&buffer[..count]).await.is_err() {
                self.over.store(true, Relaxed);
                return Ending::Reset;
            }
            self.counts.replies.fetch_add(count as u64, Relaxed);
            self.waits(false);
        }
    }

    fn waits(&self, waits: bool) {
        match (self.waiting.swap(waits, Relaxed), waits) {
            (false, true) => self.counts.waiting.fetch_add(1, Relaxed),
            (true, false) => self.counts.waiting.fetch_sub(1, Relaxed),
            _ => return,
        };
    }

    /// Counts an end that came from the upstream, unless the client had ended it before.
    fn upstream_ended(&self) {
        if self.over.swap(true, Relaxed) {
            return;
        }
        let count = if self.replied.load(Relaxed) {
            &self.counts.cut
        } else {
            &self.counts.refused
        };
        count.fetch_add(1, Relaxed);
    }
}

async fn finish(to: &mut WriteHalf<'_>) -> Ending {
    match to.shutdown().await {
        Ok(()) => Ending::Drained,
        Err(_) => Ending::Reset,
    }
}
