//! The ways in which a message can be cut, and which of them are legal at it.

use serde::{Serialize, Serializer};

use crate::ask::wire::{Deed, Event};

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Way {
    /// As a table's head has it.
    pub name: &'static str,
    /// As scenarios write it.
    pub deed: &'static str,
    /// For how long, in milliseconds, where it lasts.
    lasts_ms: Option<u64>,
}

impl Serialize for Way {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.deed)
    }
}

const fn way(name: &'static str, deed: &'static str, lasts_ms: Option<u64>) -> Way {
    Way {
        name,
        deed,
        lasts_ms,
    }
}

/// All of them.
pub const WAYS: [Way; 9] = [
    way("reset", "reset", None),
    way("close", "close", None),
    way("half", "cut in half", None),
    way("swallow", "swallow", Some(400)),
    way("stall", "stall", Some(700)),
    way("delay", "delay 300ms", None),
    way("error", "answer error 40001", None),
    way("nack", "answer nack", None),
    way("closed", "answer close", None),
];

impl Way {
    /// Whether the protocol allows it at such a message.
    pub fn is_legal(&self, event: Event) -> bool {
        let deed = Deed::parse(self.deed).ok().flatten();
        deed.is_some_and(|deed| deed.must_fit(event, false).is_ok())
    }

    /// As a fault's `for` has it.
    pub(super) fn lasts(&self) -> Option<String> {
        self.lasts_ms.map(|ms| format!("{ms}ms"))
    }

    /// Milliseconds during which nothing else is tried.
    pub(super) fn takes_ms(&self) -> u64 {
        self.lasts_ms.unwrap_or(100)
    }
}

/// The legal ones at such a message.
pub fn ways(event: Event) -> impl Iterator<Item = Way> {
    WAYS.into_iter().filter(move |way| way.is_legal(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_a_deed_and_only_what_the_protocol_allows_is_tried() {
        for way in WAYS {
            assert!(Deed::parse(way.deed).unwrap().is_some(), "{}", way.deed);
        }
        let names = |event| ways(event).map(|way| way.name).collect::<Vec<_>>();
        let plain = ["reset", "close", "half", "swallow", "stall", "delay"];
        let and = |more: &[&'static str]| [&plain[..], more].concat();
        assert_eq!(names(Event::Execute), plain);
        assert_eq!(names(Event::Commit), and(&["error"]));
        assert_eq!(names(Event::Confirm), and(&["nack", "closed"]));
        assert_eq!(names(Event::Handshake), plain);
        assert_eq!(names(Event::Response), plain);
    }
}
