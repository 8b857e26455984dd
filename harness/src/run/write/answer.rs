//! How an operation ended, as the lab's client knows it.

use std::fmt::{Display, Formatter};

/// What was answered to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Accepted {
        /// In the target's own words: a status and the beginning of a body, or `COMMIT`.
        said: String,
    },
    /// It is not done, and never will be.
    Refused {
        /// In the target's own words, or why it was never asked to the end.
        said: String,
    },
    /// It may have happened, or may still happen.
    Unknown {
        /// What was answered, if anything was.
        said: Option<String>,
        /// Why that decides nothing.
        reason: String,
    },
    /// An answer that no contract allows, such as a redirect. It may have happened.
    Nonsense {
        /// What was answered.
        said: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Answer {
    /// Whether nobody knows what became of it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Nonsense { .. })
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accepted { said } => write!(f, "accepted ({said})"),
            Self::Refused { said } => write!(f, "refused ({said})"),
            Self::Unknown { said: None, reason } => write!(f, "unknown ({reason})"),
            Self::Unknown {
                said: Some(said),
                reason,
            } => write!(f, "unknown ({said}; {reason})"),
            Self::Nonsense { said, reason } => write!(f, "nonsense ({said}; {reason})"),
        }
    }
}
