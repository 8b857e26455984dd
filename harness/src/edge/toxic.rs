//! Toxics in the lab's words, and their translation into Toxiproxy's.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;
use toxiproxy_rust::proxy::Proxy;

use super::{api::ToxicFound, error::EdgeError};

/// The way that a toxic lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the system under test to the server; Toxiproxy's "upstream".
    Requests,
    /// From the server to the system under test; Toxiproxy's "downstream".
    Replies,
}

impl Direction {
    /// Toxiproxy's name for it.
    pub fn stream(self) -> &'static str {
        match self {
            Self::Requests => "upstream",
            Self::Replies => "downstream",
        }
    }
}

/// What can be done to the bytes on an edge. Times are whole milliseconds unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toxic {
    /// Delays all data by `latency` plus or minus `jitter`; order stays.
    Latency {
        /// The delay.
        latency: Duration,
        /// How far it may differ.
        jitter: Duration,
    },
    /// Limits each connection's throughput.
    Bandwidth {
        /// Thousands of bytes a second.
        kb_per_s: u32,
    },
    /// Holds back the end of the stream.
    SlowClose {
        /// For how long.
        delay: Duration,
    },
    /// Swallows all data; the sender's kernel still sees it acknowledged. Removing it closes the connection.
    Timeout {
        /// The connection closes after this; zero is never.
        timeout: Duration,
    },
    /// Resets connections.
    ResetPeer {
        /// After this; zero is at once.
        timeout: Duration,
    },
    /// Cuts data into small pieces.
    Slicer {
        /// Bytes of a piece, on average.
        average_size: u32,
        /// How many bytes a piece may differ; less than the average. The genuine server wants at least 1.
        size_variation: u32,
        /// Pause between pieces, in whole microseconds.
        delay: Duration,
    },
    /// Closes the connection once so much has passed.
    LimitData {
        /// Bytes.
        bytes: u32,
    },
}

impl Toxic {
    /// Refuses what Toxiproxy's units cannot say.
    ///
    /// # Errors
    /// When a time is not in whole units.
    pub fn must_be_sayable(&self) -> Result<(), EdgeError> {
        Wanted::new(self, Direction::Requests, 1.0).map(drop)
    }
}

/// A toxic in Toxiproxy's words.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Wanted {
    pub(super) name: String,
    r#type: &'static str,
    stream: &'static str,
    toxicity: f32,
    attributes: BTreeMap<&'static str, u32>,
}

impl Wanted {
    pub(super) fn new(
        toxic: &Toxic,
        direction: Direction,
        toxicity: f32,
    ) -> Result<Self, EdgeError> {
        if !(0.0..=1.0).contains(&toxicity) {
            return Err(EdgeError::Unsayable {
                field: "toxicity",
                value: toxicity.to_string(),
                rule: "it is a share from 0 to 1",
            });
        }
        let (kind, attributes) = match *toxic {
            Toxic::Latency { latency, jitter } => (
                "latency",
                vec![
                    ("latency", millis("latency", latency)?),
                    ("jitter", millis("jitter", jitter)?),
                ],
            ),
            Toxic::Bandwidth { kb_per_s } => ("bandwidth", vec![("rate", kb_per_s)]),
            Toxic::SlowClose { delay } => ("slow_close", vec![("delay", millis("delay", delay)?)]),
            Toxic::Timeout { timeout } => {
                ("timeout", vec![("timeout", millis("timeout", timeout)?)])
            }
            Toxic::ResetPeer { timeout } => {
                ("reset_peer", vec![("timeout", millis("timeout", timeout)?)])
            }
            Toxic::Slicer {
                average_size,
                size_variation,
                delay,
            } => (
                "slicer",
                vec![
                    ("average_size", average_size),
                    ("size_variation", size_variation),
                    ("delay", whole("delay", delay, Duration::from_micros(1))?),
                ],
            ),
            Toxic::LimitData { bytes } => ("limit_data", vec![("bytes", bytes)]),
        };
        let stream = direction.stream();
        Ok(Self {
            name: format!("{kind}_{stream}"),
            r#type: kind,
            stream,
            toxicity,
            attributes: attributes.into_iter().collect(),
        })
    }

    pub(super) fn official_client_has_it(&self) -> bool {
        self.r#type != "reset_peer"
    }

    /// Sets it through the official client. That it returns says nothing about whether the server agreed.
    pub(super) fn set_on(&self, proxy: &Proxy) -> Result<(), String> {
        let stream = self.stream.to_owned();
        let of = |name: &str| self.attributes.get(name).copied().unwrap_or(0);
        match self.r#type {
            "latency" => proxy.with_latency(stream, of("latency"), of("jitter"), self.toxicity),
            "bandwidth" => proxy.with_bandwidth(stream, of("rate"), self.toxicity),
            "slow_close" => proxy.with_slow_close(stream, of("delay"), self.toxicity),
            "timeout" => proxy.with_timeout(stream, of("timeout"), self.toxicity),
            "limit_data" => proxy.with_limit_data(stream, of("bytes"), self.toxicity),
            "slicer" => proxy.with_slicer(
                stream,
                of("average_size"),
                of("size_variation"),
                of("delay"),
                self.toxicity,
            ),
            other => return Err(format!("it has no verb for a toxic of type {other}")),
        };
        Ok(())
    }

    /// Whether that is what was found.
    pub(super) fn is(&self, found: &ToxicFound) -> bool {
        let attribute = |(name, value): (&&str, &u32)| {
            found.attributes.get(*name).and_then(|found| found.as_u64()) == Some(u64::from(*value))
        };
        found.r#type == self.r#type
            && found.stream == self.stream
            && (found.toxicity - self.toxicity).abs() < 1e-6
            && self.attributes.iter().all(attribute)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} (", self.r#type, self.stream)?;
        for (name, value) in &self.attributes {
            write!(f, "{name} {value}, ")?;
        }
        write!(f, "toxicity {})", self.toxicity)
    }
}

fn millis(field: &'static str, span: Duration) -> Result<u32, EdgeError> {
    whole(field, span, Duration::from_millis(1))
}

/// A span in units, refusing what would be rounded: half a millisecond would otherwise become a fault of nothing.
fn whole(field: &'static str, span: Duration, unit: Duration) -> Result<u32, EdgeError> {
    let units = span.as_nanos() / unit.as_nanos();
    let exact = span.as_nanos().is_multiple_of(unit.as_nanos());
    u32::try_from(units)
        .ok()
        .filter(|_| exact)
        .ok_or(EdgeError::Unsayable {
            field,
            value: format!("{span:?}"),
            rule: "it takes whole milliseconds (a slicer's delay: microseconds) up to 2^32",
        })
}
