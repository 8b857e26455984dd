//! What passed the taps, in the model's words.

use std::collections::{BTreeMap, HashMap};

use super::commits::{Claimed, Script};
use super::names::Names;
use crate::history::{Event, History};
use crate::judge::auction::model::{EventNo, LinkNo};

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
    /// The session whose connection it is; none of one that has claimed nothing that it sends, and of a consumer's.
    pub link: Option<LinkNo>,
    pub events: Vec<EventNo>,
    /// Process and connection, for the reader.
    pub by: String,
}

/// A connection: process and number.
type Connection<'h> = (&'h str, u64);

impl Heard {
    /// All messages between relays, broker and consumers that name an event, in the order in which they passed.
    pub fn all(history: &History, names: &Names, script: &Script) -> Vec<Self> {
        let mut all = Vec::new();
        let mut published: BTreeMap<Connection<'_>, Vec<(EventNo, Option<i64>)>> = BTreeMap::new();
        let mut connections = Vec::new();
        for (position, event) in history.events().enumerate() {
            let Event::Passed {
                edge,
                by,
                connection,
                what,
                ops,
                ..
            } = event
            else {
                continue;
            };
            let Some(what) = what_is(edge, what) else {
                continue;
            };
            let events: Vec<EventNo> = ops.iter().filter_map(|id| names.announcing(*id)).collect();
            if events.is_empty() {
                continue;
            }
            let at_us = history.wall_clock_us(position);
            if what == What::Publish {
                let sent = published.entry((by, *connection)).or_default();
                sent.extend(events.iter().map(|event| (*event, at_us)));
            }
            connections.push((by.as_str(), *connection));
            all.push(Self {
                at_us,
                what,
                link: None,
                events,
                by: format!("{by}, connection {connection}"),
            });
        }
        let links = links(&published, &script.claims);
        for (heard, connection) in all.iter_mut().zip(connections) {
            if matches!(heard.what, What::Publish | What::Confirm | What::Refuse) {
                heard.link = links.get(&connection).copied();
            }
        }
        all
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

/// Whose connection is whose session's: that of whoever had last claimed most of what it sent, when it sent it.
fn links<'h>(
    published: &BTreeMap<Connection<'h>, Vec<(EventNo, Option<i64>)>>,
    claims: &[Claimed],
) -> HashMap<Connection<'h>, LinkNo> {
    let mut of: HashMap<EventNo, Vec<&Claimed>> = HashMap::new();
    for claim in claims {
        of.entry(claim.event).or_default().push(claim);
    }
    let mut links = HashMap::new();
    for (connection, sent) in published {
        let mut votes: BTreeMap<LinkNo, u32> = BTreeMap::new();
        for (event, at_us) in sent {
            let claims = of.get(event).into_iter().flatten();
            let before = claims.filter(|claim| at_us.is_none_or(|at_us| claim.at_us <= at_us));
            let before: Vec<LinkNo> = before.map(|claim| claim.by).collect();
            for by in &before {
                *votes.entry(*by).or_default() += 1;
            }
            before
                .last()
                .map(|last| votes.entry(*last).and_modify(|votes| *votes += 1));
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        links.extend(most.map(|(link, _)| (*connection, link)));
    }
    links
}
