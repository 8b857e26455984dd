//! The format that histories are written in, so that a lab does not take what it does not understand for nothing.

use serde::Deserialize;

/// What this lab writes, and reads. A new kind of entry, a new field or a new meaning is a new format. From 4 on what
/// was written is an operation of a key, whatever the target calls it; 5 calls the rules of the lab's own target `own`, and has its
/// part of a workload in a section of its own; it has what passed the taps. 6 says what processes hold and where their threads
/// panicked, and which faults may miss.
pub const FORMAT: u32 = 6;

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
