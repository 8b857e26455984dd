//! The ledger in the model's actions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::names::Names;
use super::turns::Turns;
use crate::judge::auction::model::{
    Action, Asker, AuctionNo, EventNo, LaneNo, RelayNo, Status, Token, USURPER,
};
use crate::judge::auction::replay::{Lane, Step, Told};

/// A commit, as the model takes it.
#[derive(Debug, Default)]
pub(super) struct Scripted {
    pub xid: u32,
    pub at_us: i64,
    /// Events that it stores.
    pub stored: Vec<EventNo>,
    /// What else it does, in order.
    pub actions: Vec<Action>,
    /// As the rows are afterwards.
    pub events: Vec<(EventNo, Status, bool)>,
    pub standings: BTreeMap<AuctionNo, u32>,
    /// What nobody can do.
    pub odd: Option<String>,
    /// Claims whose snapshots are taken when this has been committed, with what they will take.
    pub looks: Vec<(Action, Vec<EventNo>)>,
}

/// A claim: when, by whom and in which of his sessions, and what it took.
#[derive(Debug)]
pub(super) struct Claimed {
    pub at_us: i64,
    pub by: (RelayNo, u16),
    pub event: EventNo,
}

/// Everything that was committed.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub commits: Vec<Scripted>,
    pub claims: Vec<Claimed>,
    pub lanes: BTreeSet<LaneNo>,
}

/// What a relay does that has lost all its lanes, and shows nothing of it before it has others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bereft {
    /// Its session goes on, for nobody has told it.
    GoesOn,
    /// It knows, and begins another one.
    BeginsAnew,
}

pub(super) fn script(told: &[Told<'_>], names: &Names, bereft: Bereft) -> Script {
    let mut writer = Writer {
        names,
        bereft,
        script: Script::default(),
        lanes: BTreeMap::new(),
        since: HashMap::new(),
        drawn: HashMap::new(),
        begun: HashMap::new(),
        sessions: HashMap::new(),
        in_flight: BTreeMap::new(),
    };
    for told in told {
        writer.write(told);
    }
    let owned = writer.lanes.keys().copied();
    writer.script.lanes = names.lanes(owned);
    writer.script
}

/// Writes the script. Commits are told by their numbers.
struct Writer<'n> {
    names: &'n Names,
    bereft: Bereft,
    script: Script,
    lanes: BTreeMap<LaneNo, Lane>,
    /// When an event became claimable.
    since: HashMap<EventNo, usize>,
    /// When a lane's token was drawn.
    drawn: HashMap<LaneNo, usize>,
    /// When a relay could begin its next claim: after the one before, and after its rewind.
    begun: HashMap<RelayNo, usize>,
    /// A relay's session, and whether it has claimed in it.
    sessions: HashMap<RelayNo, (u16, bool)>,
    in_flight: BTreeMap<LaneNo, BTreeSet<EventNo>>,
}

impl Writer<'_> {
    fn now(&self) -> usize {
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
        scripted.actions.extend(failed);
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
        let let_go = turns.let_go.iter();
        scripted.actions.extend(let_go.map(|(lane, events)| {
            let (lane, events) = (*lane, events.clone());
            Action::LetGo { lane, events }
        }));
        scripted.actions.extend(turns.others.iter().cloned());
        received(told, self.names, &mut scripted);
        self.remember(&turns);
        scripted.stored = turns.stored;
        scripted.events = turns.after;
        scripted.odd = scripted.odd.or(turns.odd);
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

    /// What became of lanes.
    fn owners(&mut self, told: &Told<'_>, turns: &Turns, scripted: &mut Scripted) {
        let mut rewound: BTreeMap<RelayNo, Vec<(LaneNo, Token)>> = BTreeMap::new();
        for step in &told.steps {
            let Step::Lane(turn) = step else { continue };
            let Some(after) = turn.after else { continue };
            let before = turn.before.unwrap_or(Lane::FREE);
            self.lanes.insert(after.number, after);
            let Some(owner) = after.owner else {
                scripted
                    .actions
                    .extend(self.given_up(&before, after.number));
                continue;
            };
            let relay = self.names.relay(owner);
            let lane = after.number;
            let same = before.owner == Some(owner);
            if same && after.token != before.token && after.lease_until_us == before.lease_until_us
            {
                rewound.entry(relay).or_default().push((lane, after.token));
            } else if !same || after.token != before.token {
                self.acquired(before, after, relay, turns, scripted);
            } else if after.draining != before.draining {
                let on = after.draining;
                scripted.actions.push(Action::Drain { relay, lane, on });
            } else if after.lease_until_us != before.lease_until_us {
                scripted.actions.push(Action::Renew { relay, lane });
            }
        }
        for (relay, tokens) in rewound {
            let lanes = tokens.iter().map(|(lane, _)| lane);
            let back = lanes
                .filter_map(|lane| turns.back.get(lane))
                .flatten()
                .copied();
            let back = sorted(back);
            self.drawn.extend(
                tokens
                    .iter()
                    .map(|(lane, _)| (*lane, self.script.commits.len())),
            );
            self.rewinds(relay, tokens, back, scripted);
        }
    }

    fn rewinds(
        &mut self,
        relay: RelayNo,
        tokens: Vec<(LaneNo, Token)>,
        back: Vec<EventNo>,
        scripted: &mut Scripted,
    ) {
        self.begun.insert(relay, self.now());
        let session = self.sessions.entry(relay).or_default();
        *session = (session.0 + 1, false);
        scripted.actions.push(Action::GiveUp { relay });
        scripted.actions.push(Action::Rewind {
            relay,
            tokens,
            back,
        });
    }

    fn given_up(&self, before: &Lane, lane: LaneNo) -> Option<Action> {
        let relay = before.owner.map(|owner| self.names.relay(owner))?;
        let flies = self
            .in_flight
            .get(&lane)
            .is_some_and(|flying| !flying.is_empty());
        Some(match before.draining && !flies {
            true => Action::Release { relay, lane },
            false => Action::Leave { relay, lane },
        })
    }

    fn acquired(
        &mut self,
        before: Lane,
        after: Lane,
        relay: RelayNo,
        turns: &Turns,
        scripted: &mut Scripted,
    ) {
        let (lane, token) = (after.number, after.token);
        self.drawn.insert(lane, self.now());
        if relay == USURPER {
            let claims = sorted(turns.retaken.get(&lane).into_iter().flatten().copied());
            scripted.actions.push(Action::Usurp {
                lane,
                token,
                claims,
            });
            return;
        }
        let others = self.lanes.values().filter(|other| other.number != lane);
        let owns_none = !others.into_iter().any(|other| other.owner == after.owner);
        let has_claimed = self
            .sessions
            .get(&relay)
            .is_some_and(|(_, claimed)| *claimed);
        if owns_none && has_claimed && self.bereft == Bereft::BeginsAnew {
            self.rewinds(relay, Vec::new(), Vec::new(), scripted);
        }
        if before.owner.is_some() && before.lease_until_us <= scripted.at_us {
            scripted.actions.push(Action::Expire { lane });
        }
        let failed = turns.failed.get(&lane).into_iter().flatten();
        scripted.actions.push(Action::Acquire {
            relay,
            lane,
            token,
            back: sorted(turns.back.get(&lane).into_iter().flatten().copied()),
            gave_up: sorted(failed.map(|(event, _)| *event)),
        });
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
            let seen = since.chain(drawn).chain(self.begun.get(&relay)).max();
            let asker = Asker::Relay(relay);
            if let Some(at) = seen.and_then(|seen| self.script.commits.get_mut(*seen)) {
                at.looks.push((Action::Look { relay, lanes }, met));
            }
            let (session, claimed) = self.sessions.entry(relay).or_default();
            *claimed = true;
            let by = (relay, *session);
            let at_us = scripted.at_us;
            let claims = taken.iter().map(|event| Claimed {
                at_us,
                by,
                event: *event,
            });
            self.script.claims.extend(claims);
            scripted.actions.push(Action::Claim {
                asker,
                taken,
                aside,
            });
            self.begun.insert(relay, self.now());
        }
    }
}

/// What a consumer's transaction did.
fn received(told: &Told<'_>, names: &Names, scripted: &mut Scripted) {
    let (mut new, mut applied) = (Vec::new(), Vec::new());
    let mut auctions = HashMap::new();
    for step in &told.steps {
        match step {
            Step::Received(turn) => {
                let row = turn.after.as_ref().or(turn.before.as_ref());
                let id = row.map_or(Uuid::nil(), |row| row.id);
                let Some(event) = names.announcing(id) else {
                    scripted.odd =
                        Some(format!("bid {id} was received, and no event announces it"));
                    continue;
                };
                let was = turn.before.as_ref().is_some_and(|row| row.applied);
                let is = turn.after.as_ref().is_some_and(|row| row.applied);
                if turn.after.is_none() {
                    scripted.actions.push(Action::Forget { event });
                    continue;
                }
                auctions.extend(row.map(|row| (row.key, names.events[event as usize].auction)));
                new.extend(turn.before.is_none().then_some(event));
                applied.extend((is && !was).then_some(event));
            }
            Step::Standing(turn) => {
                let row = turn.after.as_ref();
                let known = row.and_then(|row| Some((auctions.get(&row.key)?, row.last_sequence)));
                if let Some((auction, stands)) = known {
                    scripted
                        .standings
                        .insert(*auction, u32::try_from(stands).unwrap_or(0));
                }
            }
            _ => {}
        }
    }
    if !(new.is_empty() && applied.is_empty()) {
        scripted.actions.push(Action::Receive { new, applied });
    }
}

fn sorted(events: impl Iterator<Item = EventNo>) -> Vec<EventNo> {
    let mut events: Vec<EventNo> = events.collect();
    events.sort_unstable();
    events
}
