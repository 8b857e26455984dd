//! Who is judged: what it promises, and how much of it can be seen.

use serde::{Deserialize, Serialize};

use crate::ask::target::{
    Target,
    outbox::Sent,
    process::Plays,
    promise::{Messages, Order, Outage, Times, Unroutable},
    sql::TableName,
    write::Serial,
};

/// A target, as its judge sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What it is called.
    pub name: String,
    /// Whose rules it has beside those that every outbox has.
    pub rules: Rules,
    /// What can be seen of it.
    pub shows: Shows,
    /// What it says of itself.
    pub promises: Promises,
    /// What its tables are called, without their schema.
    #[serde(default)]
    pub tables: TableNames,
}

/// Tables by what they mean; where there are none, or the target's own checkers know them, none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableNames {
    /// What it keeps of operations.
    pub stored: Option<String>,
    /// Its outbox.
    pub outbox: Option<String>,
}

/// Rules of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rules {
    /// None that the judge knows.
    None,
    /// Those of the lab's own target, which it knows by heart.
    Own,
}

/// What can be seen of a target. What cannot is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shows {
    /// What it keeps of operations.
    pub stored: bool,
    /// Its outbox.
    pub outbox: bool,
    /// Which rows of the outbox are sent.
    pub sent: bool,
    /// Whether rows leave the outbox when they are sent or given up, or at any time.
    pub rows_leave: bool,
    /// Which rows of the outbox were given up.
    pub given_up: bool,
    /// What messages do.
    pub effects: bool,
    /// What consumers tell copies by.
    pub dedup: bool,
    /// An operation's place in its key, in each message.
    pub place: bool,
}

/// What a target says of itself. What it does not promise is counted, and fails nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promises {
    /// Messages of one key come in the order in which they were written.
    pub order: bool,
    /// Each takes effect once.
    pub once: bool,
    /// What the broker routes nowhere goes out again.
    pub keeps_unroutable: bool,
    /// After so long an outage, in milliseconds, events may be given up; never, if there is none.
    pub gives_up_after_ms: Option<u64>,
    /// Messages outlive a restart of the broker.
    pub persistent: bool,
    /// The lab writes one operation of a key after the other, so that its own number is an operation's place.
    pub serial: bool,
}

impl Subject {
    /// The lab's own: nothing of it is hidden.
    fn own(name: String) -> Self {
        Self {
            name,
            rules: Rules::Own,
            shows: Shows {
                stored: true,
                outbox: true,
                sent: true,
                rows_leave: false,
                given_up: true,
                effects: true,
                dedup: true,
                place: true,
            },
            promises: Promises {
                order: true,
                once: true,
                keeps_unroutable: true,
                gives_up_after_ms: None,
                persistent: true,
                serial: false,
            },
            tables: TableNames::default(),
        }
    }

    /// What a target file makes visible.
    pub fn of(target: &Target) -> Self {
        if target.is_ours() {
            return Self::own(target.name.clone());
        }
        let outbox = target.outbox.as_ref();
        let sent = outbox.map(|outbox| &outbox.sent);
        Self {
            name: target.name.clone(),
            rules: Rules::None,
            shows: Shows {
                stored: target.look.business.is_some(),
                outbox: sent.is_some(),
                sent: sent.is_some_and(|sent| *sent != Sent::Unsaid),
                rows_leave: matches!(sent, Some(Sent::Gone | Sent::Unsaid))
                    || outbox.is_some_and(|outbox| outbox.given_up_is_gone),
                given_up: outbox.is_some_and(|outbox| outbox.given_up.is_some()),
                effects: target.effects.is_some() && target.has(Plays::Consumer),
                dedup: target.message.dedup_by.is_some(),
                place: target.message.n.is_some(),
            },
            promises: Promises {
                order: target.promise.order == Order::Key,
                once: target.promise.effects == Times::Once,
                keeps_unroutable: target.promise.unroutable == Unroutable::Kept,
                gives_up_after_ms: match target.promise.outage {
                    Outage::Keeps => None,
                    // However short an outage is, nobody knows how many attempts it takes.
                    Outage::GivesUpAfterAttempts(_) => Some(0),
                    Outage::GivesUpAfter(span) => u64::try_from(span.get().as_millis()).ok(),
                },
                persistent: target.promise.messages == Messages::Persistent,
                serial: target.write.serial == Serial::Key,
            },
            tables: TableNames {
                stored: target.look.business.as_ref().map(name),
                outbox: target.outbox.as_ref().map(|outbox| name(&outbox.table)),
            },
        }
    }
}

/// A table's name without its schema.
fn name(table: &TableName) -> String {
    let text = table.to_string();
    let name = text.rsplit('.').next().unwrap_or_default();
    name.trim_matches('"').to_owned()
}
