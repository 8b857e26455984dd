//! Whose connection is whose session's. A relay opens one connection a session, one after the other, and sends on it what the
//! session has claimed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::commits::Claimed;
use super::heard::{Connection, Heard, What};
use crate::judge::auction::model::{EventNo, LinkNo, RelayNo};

/// That a connection sends what a session has claimed,
const CLAIMED: u32 = 1;
/// that the session was the one to claim it for this publish,
const MEANT: u32 = 1;
/// and that what is confirmed on the connection is marked by the session.
const MARKED: u32 = 2;

/// The votes for each of a relay's sessions.
type Sessions = BTreeMap<u16, u32>;

/// What was sent on a connection.
#[derive(Default)]
struct Traffic {
    published: Vec<(EventNo, Option<i64>)>,
    confirmed: HashSet<EventNo>,
    /// Of each publish the claim that it carries out.
    claims: Vec<LinkNo>,
}

/// The connections of a run, by processes and their numbers.
pub(super) struct Connections<'h> {
    all: BTreeMap<&'h Connection, Traffic>,
    /// The sessions that may be theirs.
    votes: BTreeMap<&'h Connection, BTreeMap<LinkNo, u32>>,
}

impl<'h> Connections<'h> {
    pub fn of(heard: &'h [Heard], claims: &[Claimed]) -> Self {
        let mut by_event: HashMap<EventNo, Vec<&Claimed>> = HashMap::new();
        for claim in claims {
            by_event.entry(claim.event).or_default().push(claim);
        }
        let mut all: BTreeMap<&Connection, Traffic> = BTreeMap::new();
        let mut times: HashMap<EventNo, usize> = HashMap::new();
        for heard in heard {
            let traffic = match heard.what {
                What::Publish | What::Confirm => all.entry(&heard.on).or_default(),
                _ => continue,
            };
            if heard.what == What::Confirm {
                traffic.confirmed.extend(&heard.events);
                continue;
            }
            for event in &heard.events {
                traffic.published.push((*event, heard.at_us));
                let nth = times.entry(*event).or_default();
                let claims = by_event.get(event).map_or(&[][..], Vec::as_slice);
                // Without a clock as many claims came before a publish as there were publishes, or more.
                let meant = match heard.at_us {
                    Some(_) => before(claims, heard.at_us).last(),
                    None => claims.get(*nth).or(claims.last()).copied(),
                };
                traffic.claims.extend(meant.map(|claim| claim.by));
                *nth += 1;
            }
        }
        let votes = all.iter().map(|(on, traffic)| {
            let mut votes: BTreeMap<LinkNo, u32> = BTreeMap::new();
            for (event, at_us) in &traffic.published {
                let claims = by_event.get(event).map_or(&[][..], Vec::as_slice);
                for claim in before(claims, *at_us) {
                    let marked = claim.marked && traffic.confirmed.contains(event);
                    let weight = CLAIMED + if marked { MARKED } else { 0 };
                    *votes.entry(claim.by).or_default() += weight;
                }
            }
            for by in &traffic.claims {
                *votes.entry(*by).or_default() += MEANT;
            }
            (*on, votes)
        });
        let votes = votes.collect();
        Self { all, votes }
    }

    /// Each connection's session: a relay's later connection is a later session's.
    pub fn links(&self) -> HashMap<Connection, LinkNo> {
        let mut of_relay: BTreeMap<RelayNo, Vec<(&Connection, Sessions)>> = BTreeMap::new();
        for (on, votes) in &self.votes {
            let mut of: BTreeMap<RelayNo, u32> = BTreeMap::new();
            for ((relay, _), votes) in votes {
                *of.entry(*relay).or_default() += votes;
            }
            let Some((relay, _)) = of.into_iter().max_by_key(|(_, votes)| *votes) else {
                continue;
            };
            let sessions = votes.iter().filter(|((of, _), _)| *of == relay);
            let sessions = sessions.map(|((_, session), votes)| (*session, *votes));
            let connections = of_relay.entry(relay).or_default();
            connections.push((on, sessions.collect()));
        }
        let mut links = HashMap::new();
        for (relay, connections) in of_relay {
            for (on, votes) in &connections {
                let most = votes.iter().max_by_key(|(_, votes)| **votes);
                links.extend(most.map(|(session, _)| ((*on).clone(), (relay, *session))));
            }
            let votes: Vec<_> = connections.iter().map(|(_, votes)| votes).collect();
            for (number, session) in in_turn(&votes) {
                links.insert(connections[number].0.clone(), (relay, session));
            }
        }
        links
    }

    /// Sessions that are none of their own: what they claim is sent on the connection of the one before.
    pub fn going_on(&self) -> BTreeSet<LinkNo> {
        let links = self.links();
        let own: HashSet<LinkNo> = links.values().copied().collect();
        let mut going_on = BTreeSet::new();
        for (on, traffic) in &self.all {
            let Some((relay, session)) = links.get(*on).copied() else {
                continue;
            };
            let shared = traffic.claims.iter().filter(|by| by.0 == relay);
            for other in shared.filter(|by| !own.contains(by)) {
                let (first, last) = (other.1.min(session), other.1.max(session));
                going_on.extend((first..last).map(|before| (relay, before + 1)));
            }
        }
        going_on
    }
}

/// Claims that may have come before then.
fn before<'c>(claims: &[&'c Claimed], at_us: Option<i64>) -> impl Iterator<Item = &'c Claimed> {
    let claims = claims.iter().copied();
    claims.filter(move |claim| at_us.is_none_or(|at_us| claim.at_us <= at_us))
}

/// Connections by number, and for each its session: those with the most votes altogether of which each is later than the one
/// before. Of two that say the same the earlier.
fn in_turn(votes: &[&Sessions]) -> Vec<(usize, u16)> {
    struct Best {
        session: u16,
        connection: usize,
        votes: u32,
        behind: Option<usize>,
    }
    let mut all: Vec<Best> = Vec::new();
    for (connection, votes) in votes.iter().enumerate() {
        let known = all.len();
        for (session, more) in votes.iter() {
            let behind = (0..known).filter(|best| all[*best].session < *session);
            let behind = behind.rev().max_by_key(|best| all[*best].votes);
            all.push(Best {
                session: *session,
                connection,
                votes: more + behind.map_or(0, |best| all[best].votes),
                behind,
            });
        }
    }
    let mut at = (0..all.len()).rev().max_by_key(|best| all[*best].votes);
    let mut chosen = Vec::new();
    while let Some(best) = at {
        chosen.push((all[best].connection, all[best].session));
        at = all[best].behind;
    }
    chosen
}
