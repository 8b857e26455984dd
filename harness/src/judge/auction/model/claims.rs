//! Claims: asked for, carried out, answered; and what their relay learns for the next one.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{Illegal, Stepped, must};
use super::world::{Candidate, Edge, EventNo, LaneNo, Looked, RelayNo, Statement, Status, Token};
use super::{Asker, Horizon, Rules, World};

/// What a claim finds in a lane.
struct Found {
    lane: LaneNo,
    /// Its token by now.
    token: Token,
    /// Everything that could be claimed was.
    through: bool,
    /// The last event that was.
    last: Option<EventNo>,
}

impl World {
    pub(super) fn look(&mut self, rules: &Rules, number: RelayNo, lanes: &[LaneNo]) -> Stepped {
        let Some(relay) = self.relays.get_mut(&number) else {
            return Err(Illegal("a relay claims that there is not"));
        };
        must(!relay.gone, "a relay claims that has gone")?;
        must(!relay.ended, "a session claims that has ended")?;
        must(relay.asks.is_none(), "a relay asks for two windows at once")?;
        let known = |lane: &LaneNo| relay.known.contains_key(lane);
        must(
            lanes.iter().all(known),
            "a relay claims from a lane that it was not given",
        )?;
        let mut looked = Vec::with_capacity(lanes.len());
        for lane in lanes {
            let (token, recalls) = relay.known[lane];
            let edge = relay
                .edges
                .entry(*lane)
                .or_insert(Edge::unseen(token, recalls));
            if edge.token < token {
                *edge = Edge::unseen(token, recalls);
            }
            let runs = |writer: &u32| self.running.contains_key(writer);
            let waits = |candidate: &Candidate| candidate.waits_for.iter().any(runs);
            looked.push(Looked {
                lane: *lane,
                token: edge.token,
                recalls_known: edge.recalls,
                recalls_seen: self.lanes.get(lane).map_or(0, |lane| lane.recalls),
                floor: edge.floor,
                ripe: edge.candidate.as_ref().is_some_and(|next| !waits(next)),
            });
        }
        let below = match rules.horizon {
            Horizon::OwnId => self.begun,
            Horizon::SnapshotMax => self.completed,
        };
        relay.asks = Some(Statement {
            relay: number,
            lanes: looked,
            unseen: BTreeSet::new(),
            unseen_holds: BTreeSet::new(),
            waits_for: self
                .running
                .range(..below)
                .map(|(writer, _)| *writer)
                .collect(),
            begun: self.begun,
        });
        Ok(())
    }

    pub(super) fn give_up(&mut self, relay: RelayNo) -> Stepped {
        let relay = self.relays.get_mut(&relay);
        let relay = relay.ok_or(Illegal("a relay that there is not"))?;
        must(!relay.gone, "a relay that has gone gives up")?;
        relay.ended = true;
        self.strays.extend(relay.asks.take());
        Ok(())
    }

    /// A claim on its way.
    pub fn asked(&self, asker: Asker) -> Option<&Statement> {
        match asker {
            Asker::Relay(relay) => self.relays.get(&relay)?.asks.as_ref(),
            Asker::Stray(number) => self.strays.get(number),
        }
    }

    /// What a claim may take from a lane, in order; none of a lane that it passes by.
    pub fn due<'w>(
        &'w self,
        rules: &Rules,
        statement: &'w Statement,
        looked: &Looked,
    ) -> Option<impl Iterator<Item = EventNo> + 'w> {
        let lane = self.lanes.get(&looked.lane)?;
        let owned = lane.owner == Some(statement.relay) && lane.leased && !lane.draining;
        let presented = !rules.tokens_per_session || lane.token == looked.token;
        let current = lane.recalls == looked.recalls_seen;
        let from = match lane.recalls == looked.recalls_known {
            true => looked.floor,
            false => 0,
        };
        let ready = self.ready.get(&looked.lane);
        let due = ready
            .into_iter()
            .flat_map(move |ready| ready.range(from..).copied());
        let due = due.filter(|event| !statement.unseen.contains(event));
        (owned && presented && current).then_some(due)
    }

    /// Whether an event waits for an earlier one of its auction, as far as a claim's snapshot shows. Nothing that fails locks
    /// its lane.
    pub fn waits(&self, rules: &Rules, statement: &Statement, event: EventNo) -> bool {
        let seen = |event: &EventNo| !statement.unseen_holds.contains(event);
        self.holds(rules, self.holding_before(event).filter(seen))
    }

    fn holds(&self, rules: &Rules, mut earlier: impl Iterator<Item = EventNo>) -> bool {
        earlier.any(|event| self.events[event as usize].held || rules.hold_failed)
    }

    /// Events of an event's auction before it that have failed or are held.
    pub(super) fn holding_before(&self, event: EventNo) -> impl Iterator<Item = EventNo> {
        let event = &self.events[event as usize];
        let earlier = (event.auction, 0)..(event.auction, event.sequence);
        let earlier = self.holding.range(earlier);
        earlier.filter_map(|(auction, sequence)| {
            let places = &self.auctions.get(auction)?.places;
            places.get(*sequence as usize - 1).copied()
        })
    }

    pub(super) fn claim(
        &mut self,
        rules: &Rules,
        asker: Asker,
        taken: &[EventNo],
        aside: &[EventNo],
    ) -> Stepped {
        let statement = self
            .asked(asker)
            .ok_or(Illegal("a claim that nobody asked for"))?;
        let found = self.finds(rules, statement, taken, aside)?;
        // Of what the snapshot may not have seen nobody knows whether it has.
        let surely = |event: &EventNo| self.waits(rules, statement, *event);
        must(
            !taken.iter().any(surely),
            "an event is claimed past one that has failed",
        )?;
        let may_wait = |event: &EventNo| self.holds(rules, self.holding_before(*event));
        must(
            aside.iter().all(may_wait),
            "an event is put aside that waits for none",
        )?;
        let statement = self.asked_no_more(asker)?;
        self.completed = self.completed.max(statement.begun);
        let tokens: BTreeMap<LaneNo, Token> = found
            .iter()
            .map(|found| (found.lane, found.token))
            .collect();
        let mut claimed = Vec::with_capacity(taken.len());
        for event in taken {
            let token = tokens[&self.events[*event as usize].lane];
            self.becomes(*event, Status::Processing(token), false);
            claimed.push((*event, token));
        }
        for event in aside {
            self.becomes(*event, Status::Pending, true);
        }
        if let Asker::Relay(relay) = asker {
            self.learn(relay, &statement, &found);
            self.sends(rules, relay, claimed);
        }
        Ok(())
    }

    fn asked_no_more(&mut self, asker: Asker) -> Result<Statement, Illegal> {
        let asked = match asker {
            Asker::Relay(relay) => self.relays.get_mut(&relay).and_then(|r| r.asks.take()),
            Asker::Stray(number) => Some(self.strays.remove(number)),
        };
        asked.ok_or(Illegal("a claim that nobody asked for"))
    }

    /// What is taken must be, of each lane, the first that is due and waits for none, and whatever waits before it is put
    /// aside. Behind that more may be put aside: a claim may take fewer events than it looks at.
    fn finds(
        &self,
        rules: &Rules,
        statement: &Statement,
        taken: &[EventNo],
        aside: &[EventNo],
    ) -> Result<Vec<Found>, Illegal> {
        let mut wanted: BTreeMap<LaneNo, BTreeSet<EventNo>> = BTreeMap::new();
        for event in taken.iter().chain(aside) {
            let lane = self
                .event(*event)
                .ok_or(Illegal("an event that there is not"))?
                .lane;
            wanted.entry(lane).or_default().insert(*event);
        }
        let mut found = Vec::new();
        for looked in &statement.lanes {
            let mut wanted = wanted.remove(&looked.lane).unwrap_or_default();
            let Some(due) = self.due(rules, statement, looked) else {
                must(
                    wanted.is_empty(),
                    "a claim takes from a lane that is not its relay's now",
                )?;
                continue;
            };
            let (mut through, mut last) = (true, None);
            for event in due {
                match wanted.remove(&event) {
                    false => through = false,
                    true if taken.contains(&event) => {
                        must(through, "a claim passes by what comes first in its lane")?;
                        last = Some(event);
                    }
                    true => {}
                }
                if !through && wanted.is_empty() {
                    break;
                }
            }
            must(wanted.is_empty(), "a claim takes what cannot be claimed")?;
            found.push(Found {
                lane: looked.lane,
                token: self.lanes[&looked.lane].token,
                through,
                last,
            });
        }
        must(
            wanted.is_empty(),
            "a claim takes from a lane that it does not know",
        )?;
        Ok(found)
    }

    fn learn(&mut self, relay: RelayNo, statement: &Statement, found: &[Found]) {
        let Some(relay) = self.relays.get_mut(&relay) else {
            return;
        };
        for looked in &statement.lanes {
            let recalls = self.lanes.get(&looked.lane).map_or(0, |lane| lane.recalls);
            let Some(edge) = relay.edges.get_mut(&looked.lane) else {
                continue;
            };
            let recalled = recalls != looked.recalls_known;
            if recalled {
                *edge = Edge::unseen(edge.token, recalls);
            }
            let Some(found) = found.iter().find(|found| found.lane == looked.lane) else {
                continue;
            };
            let reached = |next: &mut Candidate| {
                looked.ripe
                    && !recalled
                    && (found.through || found.last.is_some_and(|last| last >= next.event))
            };
            if let Some(next) = edge.candidate.take_if(reached) {
                edge.floor = next.event + 1;
            }
            if let Some(event) = found.last {
                edge.candidate.get_or_insert(Candidate {
                    event,
                    waits_for: statement.waits_for.clone(),
                });
            }
        }
    }
}

impl Edge {
    fn unseen(token: Token, recalls: u32) -> Self {
        Self {
            token,
            recalls,
            floor: 0,
            candidate: None,
        }
    }
}
