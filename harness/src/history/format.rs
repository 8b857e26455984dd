//! The format that histories are written in, so that a lab does not take what it does not understand for nothing.

use serde::Deserialize;

/// What this lab writes, and reads. A new kind of entry, a new field or a new meaning is a new format. From 4 on a history
/// knows no auctions: what was written is an operation of a key, whatever the target calls it. From 5 on it has what passed
/// the taps.
pub const FORMAT: u32 = 5;

/// Histories of the first format did not say so.
pub(super) fn first() -> u32 {
    1
}

/// As much of a first entry as every format has.
#[derive(Debug, Deserialize)]
struct Head {
    kind: String,
    #[serde(default = "first")]
    format: u32,
    #[serde(default)]
    lab: String,
}

/// The format of a first line and the lab that wrote it, when this lab does not read that format.
pub(super) fn other(line: &[u8]) -> Option<(u32, String)> {
    let head: Head = serde_json::from_slice(line).ok()?;
    (head.kind == "begun" && head.format != FORMAT).then_some((head.format, head.lab))
}
