//! What clients ask in a [`Story`], and how they are answered.

use crate::judge::auction::bid;

use super::{Asked, Event, Outcome, Purpose, Story};

impl Story {
    /// A client sends a bid; the answer is told later, or never.
    pub(in crate::judge) fn ask(&mut self, bid: u128, auction: u128, amount: i64) -> u64 {
        self.ops += 1;
        let asked = Asked {
            id: Self::id(bid),
            key: Self::key(auction),
            content: bid::asked(format!("user {bid}"), amount),
        };
        self.events.push(Event::Invoked {
            op: self.ops,
            asked,
            via: "api 1".to_owned(),
            purpose: Purpose::Workload,
        });
        self.ops
    }

    /// What a request asked, and the process that it asked, are otherwise.
    pub(in crate::judge) fn change_request(
        &mut self,
        wanted: u64,
        change: impl FnOnce(&mut Asked, &mut String),
    ) {
        let request = self.events.iter_mut().find_map(|event| match event {
            Event::Invoked { op, asked, via, .. } if *op == wanted => Some((asked, via)),
            _ => None,
        });
        let (asked, via) = request.expect("asked before");
        change(asked, via);
    }

    pub(in crate::judge) fn accept(&mut self, op: u64, status: u16) {
        let asked = self.asked(op).clone();
        let row = self.tables.stored.iter().find(|row| row.id == asked.id);
        let outcome = Outcome::Accepted {
            status: Some(status),
            n: Some(row.map_or(1, |row| row.n)),
            content: asked.content,
        };
        self.events.push(Event::Completed { op, outcome });
    }

    pub(in crate::judge) fn refuse(&mut self, op: u64, status: u16, code: &str) {
        let (status, code) = (Some(status), code.to_owned());
        let outcome = Outcome::Refused { status, code };
        self.events.push(Event::Completed { op, outcome });
    }

    pub(in crate::judge) fn times_out(&mut self, op: u64) {
        self.unknown(op, None);
    }

    pub(in crate::judge) fn unavailable(&mut self, op: u64, status: u16) {
        self.unknown(op, Some(status));
    }

    pub(in crate::judge) fn nonsense(&mut self, op: u64, status: u16) {
        let (status, reason) = (Some(status), "not what was asked".to_owned());
        let outcome = Outcome::Nonsense { status, reason };
        self.events.push(Event::Completed { op, outcome });
    }

    /// An answer that leaves it open, in these words.
    pub(in crate::judge) fn says(&mut self, op: u64, status: u16, reason: &str) {
        let (status, reason) = (Some(status), reason.to_owned());
        let outcome = Outcome::Unknown { status, reason };
        self.events.push(Event::Completed { op, outcome });
    }

    fn unknown(&mut self, op: u64, status: Option<u16>) {
        let reason = "no answer".to_owned();
        let outcome = Outcome::Unknown { status, reason };
        self.events.push(Event::Completed { op, outcome });
    }
}
