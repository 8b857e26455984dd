//! What a target itself tells whoever follows it.

use serde::Serialize;

/// Server-sent events of a target's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Feed {
    /// What it tells of.
    pub name: String,
    /// What its events are called.
    pub events: Vec<String>,
    /// Where it is: each process that tells it, around all edges.
    #[serde(skip)]
    pub urls: Vec<String>,
}
