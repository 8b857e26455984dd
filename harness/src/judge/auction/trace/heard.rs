//! What passed the taps, in the model's words.

use std::collections::HashMap;

use super::names::Names;
use crate::history::History;
use crate::judge::auction::model::{EventNo, LinkNo};
use crate::judge::struck::{Came, Struck};

/// A connection: process and number.
pub(super) type Connection = (String, u64);

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Publish,
    Confirm,
    /// Returned or refused by the broker.
    Refuse,
    Deliver,
    Ack,
    Reject,
}

/// A message of one event or several.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// The wall clock; none where the servers' is another one.
    pub at_us: Option<i64>,
    pub what: What,
    pub on: Connection,
    /// The session whose connection it is; none of one that has claimed nothing that it sends, and of a consumer's.
    pub link: Option<LinkNo>,
    pub events: Vec<EventNo>,
}

impl Heard {
    /// All messages between relays, broker and consumers that name an event, in the order in which they came, but for those
    /// that did not go on.
    pub fn all(history: &History, names: &Names, struck: &Struck) -> Vec<Self> {
        let mut all = Vec::new();
        for passing in history.passing() {
            let Some(says) = what_is(passing.edge, passing.what) else {
                continue;
            };
            let came = match passing.struck {
                true => struck.came(passing.by, passing.what),
                false => Came::Whole,
            };
            let what = match came {
                Came::Whole => says,
                Came::Refused => What::Refuse,
                Came::Not => continue,
            };
            let ops = passing.ops.iter();
            let events: Vec<EventNo> = ops.filter_map(|id| names.announcing(*id)).collect();
            if events.is_empty() {
                continue;
            }
            all.push(Self {
                at_us: history.wall_clock_us(passing.position),
                what,
                on: (passing.by.to_owned(), passing.connection),
                link: None,
                events,
            });
        }
        all
    }

    /// Whose message it is, for the reader.
    pub fn by(&self) -> String {
        let (process, connection) = &self.on;
        format!("{process}, connection {connection}")
    }

    /// Gives each message of a relay's its session.
    pub fn connect(all: &mut [Self], links: &HashMap<Connection, LinkNo>) {
        let of_relays =
            |heard: &&mut Self| matches!(heard.what, What::Publish | What::Confirm | What::Refuse);
        for heard in all.iter_mut().filter(of_relays) {
            heard.link = links.get(&heard.on).copied();
        }
    }
}

fn what_is(edge: &str, what: &str) -> Option<What> {
    Some(match (edge, what) {
        ("relay -> rabbitmq", "publish") => What::Publish,
        ("relay -> rabbitmq", "confirm") => What::Confirm,
        ("relay -> rabbitmq", "nack" | "return") => What::Refuse,
        ("consumer -> rabbitmq", "deliver") => What::Deliver,
        ("consumer -> rabbitmq", "ack") => What::Ack,
        ("consumer -> rabbitmq", "reject") => What::Reject,
        _ => return None,
    })
}
