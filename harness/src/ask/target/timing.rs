//! `[pace]`: how fast the target is. A budget belongs to the target, not to the story that breaks it: scenarios' budgets
//! are raised to these, never lowered.

use serde::Deserialize;

use super::span::{Rate, Span};

/// How fast the target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// How long after a heal the slowest of its timers may take until all is as before.
    pub recovers_within: Span,
    /// The most that is ever asked of it.
    pub drains: Rate,
    /// How long it may take to start.
    pub ready_within: Span,
    /// How long it may take to stop when it is asked to.
    pub stops_within: Span,
    /// How long it sends nothing between two batches, at most, although there is something to send.
    pub rests: Option<Span>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            recovers_within: Span::seconds(15),
            drains: Rate::new(100),
            ready_within: Span::seconds(60),
            stops_within: Span::seconds(15),
            rests: None,
        }
    }
}
