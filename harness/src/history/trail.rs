//! An operation's way from its request to its effect, by what passed the taps.

use uuid::Uuid;

use super::{Entry, Event, History};
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
        let entries = self.entries().iter();
        entries.filter_map(|entry| step(entry, op)).collect()
    }
}

fn step(entry: &Entry, op: Uuid) -> Option<Step> {
    let Event::Passed {
        edge,
        by,
        what,
        text,
        ops,
        struck,
        ..
    } = &entry.event
    else {
        return None;
    };
    if !ops.contains(&op) {
        return None;
    }
    let (opens, leads_to) = edge.split_once(" -> ")?;
    // The process is one end: of an edge from clients the second, unless they write to the database themselves.
    let ends = match (opens, leads_to) {
        ("client", "postgres") => (opens, leads_to),
        ("client", _) => (opens, by.as_str()),
        _ => (by.as_str(), leads_to),
    };
    let reply = wire::Event::parse(what).is_some_and(|event| event.way() == Direction::Replies);
    let (from, to) = if reply { (ends.1, ends.0) } else { ends };
    let several = match ops.len() {
        1 => String::new(),
        all => format!(" (of {all})"),
    };
    Some(Step {
        at_us: entry.at_us,
        from: from.to_owned(),
        to: to.to_owned(),
        what: format!("{what}{several}  {text}").trim_end().to_owned(),
        struck: *struck,
    })
}
