//! Which keys are opened for a plan's operations, and until when they take any.

use serde::{Deserialize, Serialize};

/// The keys of a plan's auctions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Of those that take bids to the end.
    pub open: Vec<u16>,
    /// Of those that close during the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub closing: Vec<u16>,
    /// Of the one that is closed from the start.
    pub closed: u16,
}

impl Keys {
    /// Those that take bids, for a while or to the end.
    pub fn taking(&self) -> impl Iterator<Item = u16> + '_ {
        self.open.iter().chain(&self.closing).copied()
    }
}
