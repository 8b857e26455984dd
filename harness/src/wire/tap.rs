//! A forwarder in the lab, in front of each Toxiproxy proxy: it breaks nothing and counts what really went through.
//!
//! The system under test dials the tap, the tap dials the proxy, the proxy the server. Being outside the proxy, the tap
//! sees what the system sees, while it happens; Toxiproxy's own counters move only when a connection ends.

mod amqp;
mod connection;
mod counters;
mod dialogue;
mod fate;
mod frame;
mod heard;
mod message;
mod meter;
mod pump;
mod refusal;
mod trigger;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedRwLockWriteGuard, RwLock},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{id::Run, wire::Dialect},
    wire::edge::{Edge, EdgeControl, EdgeError},
    wire::forward::{Carrier, Ending, Forward},
};
use connection::Connection;
use counters::Counts;
pub use counters::TapCounters;
pub use message::Seen;
use meter::Meters;
pub use meter::{Measure, Meter};
use trigger::Triggers;
pub use trigger::{Act, Held, Trigger};

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
    /// Bytes on their way would not come to an end.
    #[error(
        "requests to {upstream} could not be held within {within:?}: bytes that are under way are not taken; is the edge stalled?"
    )]
    Hold {
        /// Where the tap leads.
        upstream: SocketAddr,
        /// How long was waited.
        within: Duration,
    },
    /// The edge behind the tap was not made.
    #[error(transparent)]
    Edge(#[from] EdgeError),
}

/// A message that has passed, or was struck.
#[derive(Debug)]
pub struct Passed<'p> {
    /// On which edge, such as `relay -> rabbitmq`.
    pub edge: &'p str,
    /// Of which process, such as `relay 2`.
    pub process: &'p str,
    /// On which of the tap's connections.
    pub connection: u64,
    /// The message.
    pub seen: &'p Seen,
    /// Something was done to it.
    pub struck: bool,
}

/// Who is told what passes, while it passes: he must not be slow.
#[derive(Clone)]
pub struct Audience {
    /// Whose operations are looked for.
    pub run: Run,
    /// Told of each message.
    pub told: Arc<dyn Fn(&Passed<'_>) + Send + Sync>,
}

impl std::fmt::Debug for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Audience of run {}", self.run)
    }
}

/// Where a tap is, and who is told what passes it.
#[derive(Debug, Clone, Default)]
pub struct Spot {
    /// The edge, such as `relay -> rabbitmq`.
    pub edge: String,
    /// The process that it is of, such as `relay 2`.
    pub process: String,
    /// Who is told.
    pub told: Option<Audience>,
}

/// What all connections of a tap share.
struct Wire {
    dialect: Dialect,
    place: Spot,
    triggers: Triggers,
    counts: Counts,
    meters: Meters,
    /// Read while requests are passed on, written while they are held.
    gate: Arc<RwLock<()>>,
    connections: AtomicU64,
}

/// A running forwarder. Dropping it closes its port and its connections.
pub struct Tap {
    forward: Forward,
    wire: Arc<Wire>,
    upstream: SocketAddr,
}

/// Holds the requests of a tap: they wait, and none is lost. They go on with the end of this value.
#[must_use = "requests go on as soon as this is dropped"]
pub struct Pause {
    _gate: OwnedRwLockWriteGuard<()>,
}

impl Wire {
    fn run(&self) -> Option<Run> {
        self.place.told.as_ref().map(|audience| audience.run)
    }
}

impl Tap {
    /// Forwards from an ephemeral loopback port to `upstream`, where `dialect` is spoken.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start(
        upstream: SocketAddr,
        dialect: Dialect,
        place: Spot,
    ) -> Result<Self, TapError> {
        let failed = |source| TapError::Listen { upstream, source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let wire = Arc::new(Wire {
            dialect,
            place,
            triggers: Triggers::default(),
            counts: Counts::default(),
            meters: Meters::default(),
            gate: Arc::default(),
            connections: AtomicU64::new(0),
        });
        let never = CancellationToken::new();
        let carrier = Arc::clone(&wire);
        let forward =
            Forward::open(listener, &upstream.to_string(), &never, carrier).map_err(failed)?;
        Ok(Self {
            forward,
            wire,
            upstream,
        })
    }

    /// What the system under test dials.
    pub fn address(&self) -> SocketAddr {
        self.forward.address()
    }

    /// The counters as they are now; they move while connections live.
    pub fn snapshot(&self) -> TapCounters {
        self.wire.counts.snapshot()
    }

    /// Begins to measure.
    pub fn measure(&self, measure: Measure) -> Arc<Meter> {
        self.wire.meters.start(measure)
    }

    /// Sets a trigger, until it is disarmed.
    pub fn arm(&self, trigger: &Arc<Trigger>) {
        self.wire.triggers.arm(trigger);
    }

    /// Holds all requests from now on. What has been passed on is counted when this returns; replies go on.
    ///
    /// # Errors
    /// When what is being passed on is not taken in time.
    pub async fn hold(&self, within: Duration) -> Result<Pause, TapError> {
        let gate = Arc::clone(&self.wire.gate).write_owned();
        match timeout(within, gate).await {
            Ok(gate) => Ok(Pause { _gate: gate }),
            Err(_) => Err(TapError::Hold {
                upstream: self.upstream,
                within,
            }),
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
        dialect: Dialect,
        place: Spot,
    ) -> Result<Self, TapError> {
        let edge = control.create(name, upstream).await?;
        let tap = Tap::start(edge.address(), dialect, place).await?;
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

    /// Where it is measured and held.
    pub fn tap(&self) -> &Tap {
        &self.tap
    }

    /// What went through.
    pub fn counters(&self) -> TapCounters {
        self.tap.snapshot()
    }
}

impl Carrier for Arc<Wire> {
    fn accepted(&self) {
        self.counts.accepted();
    }

    fn refused(&self) -> Ending {
        self.counts.refused();
        Ending::Reset
    }

    async fn carry(&self, client: &mut TcpStream, upstream: &mut TcpStream) -> Ending {
        let number = self.connections.fetch_add(1, Relaxed);
        Connection::new(self, number).carry(client, upstream).await
    }
}
