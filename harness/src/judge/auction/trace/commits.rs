//! The ledger in the model's actions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::held_back::HeldBack;
use super::names::Names;
use super::received;
use super::scripted::Scripted;
use super::turns::Turns;
use crate::judge::auction::model::{
    Action, Asker, EventNo, LaneNo, LinkNo, RelayNo, Status, USURPER,
};
use crate::judge::auction::replay::{Lane, Step, Told};

/// A claim: when, by whom and in which of his sessions, and what it took.
#[derive(Debug)]
pub(super) struct Claimed {
    pub at_us: i64,
    pub by: LinkNo,
    pub event: EventNo,
    /// The event was marked under it.
    pub marked: bool,
}

/// Everything that was committed.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub commits: Vec<Scripted>,
    pub claims: Vec<Claimed>,
    pub lanes: BTreeSet<LaneNo>,
}

/// Tells it. A relay that has lost all its lanes shows nothing of its session's end before it has others: of the sessions that
/// may begin there, some are `going_on` with the one before.
pub(super) fn script(
    told: &[Told<'_>],
    names: &Names,
    going_on: &BTreeSet<LinkNo>,
    held_back: &HeldBack,
) -> Script {
    let mut writer = Writer {
        names,
        going_on,
        held_back,
        script: Script::default(),
        lanes: BTreeMap::new(),
        since: HashMap::new(),
        drawn: HashMap::new(),
        recalled: HashMap::new(),
        begun: HashMap::new(),
        sessions: HashMap::new(),
        in_flight: BTreeMap::new(),
        claimed: HashMap::new(),
        failed: Vec::new(),
    };
    for told in told {
        writer.write(told);
    }
    let owned = writer.lanes.keys().copied();
    writer.script.lanes = names.lanes(owned);
    writer.script
}

/// A relay's session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Session {
    pub number: u16,
    /// Its number, were every session another one that may be.
    pub may_be: u16,
    pub has_claimed: bool,
}

/// Writes the script. Commits are told by their numbers.
pub(super) struct Writer<'n> {
    pub names: &'n Names,
    pub going_on: &'n BTreeSet<LinkNo>,
    pub held_back: &'n HeldBack,
    pub script: Script,
    pub lanes: BTreeMap<LaneNo, Lane>,
    /// When an event became claimable.
    pub since: HashMap<EventNo, usize>,
    /// When a lane's token was drawn.
    pub drawn: HashMap<LaneNo, usize>,
    /// When a lane was recalled.
    pub recalled: HashMap<LaneNo, usize>,
    /// When a relay could begin its next claim: after the one before, and after its rewind.
    pub begun: HashMap<RelayNo, usize>,
    pub sessions: HashMap<RelayNo, Session>,
    pub in_flight: BTreeMap<LaneNo, BTreeSet<EventNo>>,
    /// An event's last claim, by its number.
    pub claimed: HashMap<EventNo, usize>,
    /// Events that their own relays gave up, and when.
    pub failed: Vec<(EventNo, i64)>,
}

impl Writer<'_> {
    pub fn now(&self) -> usize {
        self.script.commits.len()
    }

    fn write(&mut self, told: &Told<'_>) {
        let turns = Turns::of(&told.steps, self.names);
        let mut scripted = Scripted {
            xid: told.commit.xid,
            at_us: told.commit.committed_at_us,
            ..Scripted::default()
        };
        self.owners(told, &turns, &mut scripted);
        self.claims(&turns, &mut scripted);
        let failed = turns
            .failed
            .iter()
            .filter(|(lane, _)| self.drawn.get(lane) != Some(&self.now()));
        let failed = failed.flat_map(|(_, failed)| failed);
        let failed = failed.map(|(event, token)| Action::Fail {
            event: *event,
            token: *token,
        });
        let failed: Vec<Action> = failed.collect();
        self.failed
            .extend(failed.iter().filter_map(|fail| match fail {
                Action::Fail { event, .. } => Some((*event, scripted.at_us)),
                _ => None,
            }));
        scripted.actions.extend(failed);
        for (event, _) in &turns.marked {
            if let Some(claim) = self.claimed.get(event) {
                self.script.claims[*claim].marked = true;
            }
        }
        let marked = turns.marked.iter();
        let marked = marked.map(|(event, token)| Action::Mark {
            event: *event,
            token: *token,
        });
        scripted.actions.extend(marked);
        let requeued = turns.requeued.iter();
        scripted.actions.extend(requeued.map(|(lane, events)| {
            let (lane, events) = (*lane, events.clone());
            Action::Requeue { lane, events }
        }));
        let unseen = match turns.let_go.is_empty() {
            true => Vec::new(),
            false => self.failed_since(self.seen_from(scripted.at_us)),
        };
        let let_go = turns.let_go.iter();
        scripted
            .actions
            .extend(let_go.map(|(lane, events)| Action::LetGo {
                lane: *lane,
                events: events.clone(),
                unseen: unseen.clone(),
            }));
        let recalled = turns.requeued.keys().chain(turns.let_go.keys());
        let recalls = recalled.map(|lane| (*lane, self.lanes.get(lane).unwrap_or(&Lane::FREE)));
        scripted
            .recalls
            .extend(recalls.map(|(lane, row)| (lane, row.recalls)));
        scripted.actions.extend(turns.others.iter().cloned());
        received::tell(told, self.names, &mut scripted);
        let emptied = told.steps.iter().find_map(|step| match step {
            Step::Emptied(table) => Some(format!("the table {table} was emptied")),
            _ => None,
        });
        self.remember(&turns);
        scripted.stored = turns.stored;
        scripted.events = turns.after;
        scripted.odd = scripted.odd.or(turns.odd).or(emptied);
        self.script.commits.push(scripted);
    }

    fn remember(&mut self, turns: &Turns) {
        for (event, status, held) in &turns.after {
            let lane = self.names.events[*event as usize].lane;
            let flying = self.in_flight.entry(lane).or_default();
            match status {
                Status::Processing(_) => _ = flying.insert(*event),
                _ => _ = flying.remove(event),
            }
            if *status == Status::Pending && !held {
                self.since.insert(*event, self.script.commits.len());
            }
        }
    }

    /// Whose failing locks no lane: a statement may not have seen it.
    fn failed_since(&self, at_us: i64) -> Vec<EventNo> {
        let failed = self.failed.iter().rev();
        let failed = failed.take_while(|(_, failed_us)| *failed_us >= at_us);
        failed.map(|(event, _)| *event).collect()
    }

    /// What was over by then, every statement has seen that commits at this moment.
    fn seen_from(&self, at_us: i64) -> i64 {
        let longest = self.held_back.statement_us(at_us);
        longest.map_or(i64::MIN, |longest| at_us.saturating_sub(longest))
    }

    /// The last commit that was over by then.
    fn by_then(&self, at_us: i64) -> Option<usize> {
        let mut commits = self.script.commits.iter();
        commits.rposition(|commit| commit.at_us <= at_us)
    }

    /// A claim's snapshot shows all that it takes, under tokens that its relay knows.
    fn claims(&mut self, turns: &Turns, scripted: &mut Scripted) {
        let lanes: BTreeSet<LaneNo> = turns
            .taken
            .keys()
            .chain(turns.aside.keys())
            .copied()
            .collect();
        let mut of: BTreeMap<RelayNo, Vec<LaneNo>> = BTreeMap::new();
        for lane in lanes {
            let owner = self.lanes.get(&lane).and_then(|lane| lane.owner);
            let relay = owner.map_or(USURPER, |owner| self.names.relay(owner));
            of.entry(relay).or_default().push(lane);
        }
        for (relay, lanes) in of {
            let in_lanes = |events: &BTreeMap<LaneNo, Vec<EventNo>>| {
                let of_lane = lanes.iter().filter_map(|lane| events.get(lane));
                sorted(of_lane.flatten().copied())
            };
            let (taken, aside) = (in_lanes(&turns.taken), in_lanes(&turns.aside));
            let met: Vec<EventNo> = taken.iter().chain(&aside).copied().collect();
            let since = met.iter().filter_map(|event| self.since.get(event));
            let drawn = lanes.iter().filter_map(|lane| self.drawn.get(lane));
            let recalled = lanes.iter().filter_map(|lane| self.recalled.get(lane));
            let statement_us = self.held_back.statement_us(scripted.at_us);
            let long_ago = statement_us
                .and_then(|longest| self.by_then(scripted.at_us.saturating_sub(longest)));
            let seen = since.chain(drawn).chain(recalled);
            let seen = seen.chain(self.begun.get(&relay)).chain(&long_ago).max();
            for lane in lanes.iter().filter_map(|lane| self.lanes.get(lane)) {
                scripted.expires(lane, statement_us);
            }
            let asker = Asker::Relay(relay);
            if let Some(at) = seen.and_then(|seen| self.script.commits.get_mut(*seen)) {
                at.looks.push((Action::Look { relay, lanes }, met));
            }
            let session = self.sessions.entry(relay).or_default();
            session.has_claimed = true;
            let by = (relay, session.number);
            for event in &taken {
                self.claimed.insert(*event, self.script.claims.len());
                self.script.claims.push(Claimed {
                    at_us: scripted.at_us,
                    by,
                    event: *event,
                    marked: false,
                });
            }
            scripted.actions.push(Action::Claim {
                asker,
                taken,
                aside,
            });
            self.begun.insert(relay, self.now());
        }
    }
}

pub(super) fn sorted(events: impl Iterator<Item = EventNo>) -> Vec<EventNo> {
    let mut events: Vec<EventNo> = events.collect();
    events.sort_unstable();
    events
}
