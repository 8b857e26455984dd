//! How a message is made to come.

use serde::Serialize;

/// How a message is made to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It comes all the time.
    Flows,
    /// It comes when a connection is opened.
    Opens,
    /// It comes when a process is stopped and started.
    Starts,
    /// So it does, and one case alone waits for it: whoever could not say it goes on without.
    StartsAlone,
    /// It came only when nothing was broken any more, and the lab looked at what was left.
    Last,
}

impl Reach {
    /// What more can be done where a message did not come.
    pub(super) fn harder(self) -> Option<Self> {
        match self {
            Self::Flows => Some(Self::Opens),
            Self::Opens => Some(Self::Starts),
            Self::Starts => Some(Self::StartsAlone),
            Self::StartsAlone | Self::Last => None,
        }
    }

    /// Whether several cases wait for what is made to come once: whoever is cut off tries again, and meets the next of them.
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Self::Opens | Self::Starts)
    }

    /// For people.
    pub fn told(self) -> &'static str {
        match self {
            Self::Flows => "all the time",
            Self::Opens => "when a connection opens",
            Self::Starts => "when a process starts or stops",
            Self::StartsAlone => "when a process starts or stops, one case alone",
            Self::Last => "only at the end",
        }
    }
}
