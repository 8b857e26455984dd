//! The formats that histories were written in, so that a later lab judges what an earlier one kept, and an earlier one
//! does not take what it does not understand for nothing.

use serde::Deserialize;

/// What this lab writes. A new kind of entry, a new field or a new meaning is a new format:
/// 1: no number at all. 2: `placed_at`, the inbox's `user_id`, `highest_bid_id` and the wall clock are recorded, every commit,
/// the plan, the fence, what processes count, and why each request was sent. 3: what readers were shown, and when an auction
/// closes.
pub const FORMAT: u32 = 3;

/// Histories of the first format do not say so.
pub(super) fn first() -> u32 {
    1
}

/// As much of a first entry as every format has.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(default = "first")]
    format: u32,
    #[serde(default)]
    lab: String,
}

/// The format of a first line and the lab that wrote it, when this lab does not know that format.
pub(super) fn newer(line: &[u8]) -> Option<(u32, String)> {
    let head: Head = serde_json::from_slice(line).ok()?;
    (head.format > FORMAT).then_some((head.format, head.lab))
}
