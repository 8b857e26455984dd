//! The service's tables whose rows enter the history, and what of them.

use crate::run::ledger::Watched;

const BID: &[&str] = &[
    "bid_id",
    "auction_id",
    "user_id",
    "amount",
    "sequence",
    "placed_at",
];
const RECEIVED: &[&str] = &["bid_id", "auction_id", "sequence", "applied_at"];
const STANDING: &[&str] = &["auction_id", "last_sequence", "bid_count"];
const LANE: &[&str] = &[
    "lane",
    "owner",
    "token",
    "lease_until",
    "draining",
    "recalls",
];
const NEW_EVENT: &[&str] = &[
    "id",
    "event_type",
    "payload",
    "status",
    "auction_id",
    "sequence",
    "lane",
    "claim_token",
    "attempts",
    "position",
    "held",
];
const EVENT: &[&str] = &["id", "status", "lane", "claim_token", "attempts", "held"];

/// Those whose columns the service's own checkers know.
pub(in crate::run) fn watched() -> Watched {
    Watched::these(&[
        ("bids", BID, BID),
        ("outbox_events", NEW_EVENT, EVENT),
        ("inbox", RECEIVED, RECEIVED),
        ("standings", STANDING, STANDING),
        ("relay_lanes", LANE, LANE),
    ])
}
