//! What clients ask, and what becomes of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A bid as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidAsked {
    /// The client's idempotency key.
    pub bid_id: Uuid,
    /// The auction it is placed on.
    pub auction_id: Uuid,
    /// The bidder.
    pub user_id: String,
    /// Minor units.
    pub amount: i64,
}

/// Why a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The scenario's workload.
    #[default]
    Workload,
    /// An earlier answer left it open; the same is asked again until it is known.
    Inquiry,
    /// Everything is healed: does the whole way work, through this process and for this key?
    Canary,
}

/// How an invocation ended, as its client knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// 201 or 200 with the bid: it is stored.
    Accepted {
        /// 201 created, or 200 the same bid again.
        status: u16,
        /// Its place in the auction, as the service answered.
        sequence: i64,
        /// The amount as the service answered.
        amount: i64,
    },
    /// A definite no, 4xx with a known code: it is not stored.
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem's code, such as `bid_too_low`.
        code: String,
    },
    /// 5xx, a timeout, a cut connection: it may have happened.
    Unknown {
        /// HTTP status where there was an answer.
        status: Option<u16>,
        /// What the client saw.
        reason: String,
    },
    /// An answer that no contract allows: another bid's body, a redirect, a refusal without a problem document. It may have
    /// happened.
    Nonsense {
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
}

impl Outcome {
    /// What a refusal says; `None` when it is not one. The codes are told apart by what they contain, so that
    /// `too_low` and `bid_too_low` mean the same whatever system is judged.
    pub fn refusal(&self) -> Option<Refusal> {
        let Self::Refused { code, .. } = self else {
            return None;
        };
        Some(match code {
            code if code.contains("too_low") => Refusal::TooLow,
            code if code.contains("conflict") => Refusal::Conflict,
            code if code.contains("closed") => Refusal::Closed,
            _ => Refusal::Unexpected,
        })
    }
}

/// Why a bid was refused, by the code of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not beat the highest bid, or does not reach the starting price.
    TooLow,
    /// The `bid_id` is taken by a bid with other content.
    Conflict,
    /// The auction is closed.
    Closed,
    /// Anything else: no well-formed bid on an existing auction earns it.
    Unexpected,
}
