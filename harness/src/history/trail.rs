//! An operation's way from its request to its effect, by what passed the taps.

use uuid::Uuid;

use super::{History, Passing};
use crate::ask::{toxic::Direction, wire};

/// Who says something to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Microseconds since the run began.
    pub at_us: u64,
    /// Who says it.
    pub from: String,
    /// Whom it is said to.
    pub to: String,
    /// What, in a few words.
    pub what: String,
    /// A fault has struck it.
    pub struck: bool,
}

impl History {
    /// Every message that names this operation, in the order in which they passed.
    pub fn trail(&self, op: Uuid) -> Vec<Step> {
        let named = self.passing().filter(|passing| passing.ops.contains(&op));
        let steps = named.filter_map(|passing| {
            let at_us = self.entries()[passing.position].at_us;
            step(at_us, passing)
        });
        steps.collect()
    }
}

fn step(at_us: u64, passing: Passing<'_>) -> Option<Step> {
    let (opens, leads_to) = passing.edge.split_once(" -> ")?;
    // The process is one end: of an edge from clients the second, unless they write to the database themselves.
    let ends = match (opens, leads_to) {
        ("client", "postgres") => (opens, leads_to),
        ("client", _) => (opens, passing.by),
        _ => (passing.by, leads_to),
    };
    let event = wire::Event::parse(passing.what);
    let reply = event.is_some_and(|event| event.way() == Direction::Replies);
    let (from, to) = if reply { (ends.1, ends.0) } else { ends };
    let several = match passing.ops.len() {
        1 => String::new(),
        all => format!(" (of {all})"),
    };
    let what = format!("{}{several}  {}", passing.what, passing.text);
    Some(Step {
        at_us,
        from: from.to_owned(),
        to: to.to_owned(),
        what: what.trim_end().to_owned(),
        struck: passing.struck,
    })
}
