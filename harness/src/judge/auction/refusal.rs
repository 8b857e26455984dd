//! Why the auction service refuses a bid.

use crate::history::Outcome;

/// Why a bid was refused, by the code of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::judge) enum Refusal {
    /// It does not beat the highest bid, or does not reach the starting price.
    TooLow,
    /// The `bid_id` is taken by a bid with other content.
    Conflict,
    /// The auction is closed.
    Closed,
    /// Anything else: no well-formed bid on an existing auction earns it.
    Unexpected,
}

impl Refusal {
    /// What a refusal says; none when it is not one.
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let Outcome::Refused { code, .. } = outcome else {
            return None;
        };
        Some(match code.as_str() {
            "bid_too_low" => Self::TooLow,
            "bid_conflict" => Self::Conflict,
            "auction_closed" => Self::Closed,
            _ => Self::Unexpected,
        })
    }
}
