//! What readers were shown.

use serde::{Deserialize, Serialize};

use crate::history::Item;

/// One message of a live feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// How the auction stood when the follower connected; the first message of each connection.
    Standing {
        /// The last applied place.
        last_sequence: i64,
    },
    /// An applied bid.
    Bid(Item),
    /// Applied bids that are not kept for feeds any more.
    Gap {
        /// They stand after this place.
        after: i64,
        /// The last of them.
        until: i64,
    },
    /// No message that a feed ever has, or an answer that is no feed.
    Nonsense {
        /// What was wrong.
        reason: String,
    },
}
