//! What can be done to the bytes on an edge, in the lab's words and in Toxiproxy's units.

use std::{collections::BTreeMap, time::Duration};

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

/// What Toxiproxy's units cannot say.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{field} = {value} cannot be said to Toxiproxy; {rule}")]
pub struct Unsayable {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What would be right.
    pub rule: &'static str,
}

impl Toxic {
    /// Refuses what Toxiproxy's units cannot say.
    pub fn must_be_sayable(&self) -> Result<(), Unsayable> {
        self.said().map(drop)
    }

    /// Toxiproxy's name for its kind, and its attributes.
    pub(crate) fn said(&self) -> Result<(&'static str, BTreeMap<&'static str, u32>), Unsayable> {
        let (kind, attributes) = match *self {
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
        Ok((kind, attributes.into_iter().collect()))
    }
}

fn millis(field: &'static str, span: Duration) -> Result<u32, Unsayable> {
    whole(field, span, Duration::from_millis(1))
}

/// A span in units, refusing what would be rounded: half a millisecond would otherwise become a fault of nothing.
fn whole(field: &'static str, span: Duration, unit: Duration) -> Result<u32, Unsayable> {
    let units = span.as_nanos() / unit.as_nanos();
    let exact = span.as_nanos().is_multiple_of(unit.as_nanos());
    u32::try_from(units)
        .ok()
        .filter(|_| exact)
        .ok_or(Unsayable {
            field,
            value: format!("{span:?}"),
            rule: "it takes whole milliseconds (a slicer's delay: microseconds) up to 2^32",
        })
}
