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
    /// It came only when nothing was broken any more, and the lab looked at what was left.
    Last,
}

impl Reach {
    /// What more can be done where a message did not come.
    pub(super) fn harder(self) -> Option<Self> {
        match self {
            Self::Flows => Some(Self::Opens),
            Self::Opens => Some(Self::Starts),
            Self::Starts | Self::Last => None,
        }
    }

    /// For people.
    pub fn told(self) -> &'static str {
        match self {
            Self::Flows => "all the time",
            Self::Opens => "when a connection opens",
            Self::Starts => "when a process starts or stops",
            Self::Last => "only at the end",
        }
    }
}
