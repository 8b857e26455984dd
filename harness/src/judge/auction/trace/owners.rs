//! What commits did to lanes, in the model's actions.

use std::collections::BTreeMap;

use super::commits::{Writer, sorted};
use super::scripted::Scripted;
use super::turns::Turns;
use crate::judge::auction::model::{Action, EventNo, LaneNo, RelayNo, Token, USURPER};
use crate::judge::auction::replay::{Lane, Step, Told};

impl Writer<'_> {
    /// What became of lanes.
    pub fn owners(&mut self, told: &Told<'_>, turns: &Turns, scripted: &mut Scripted) {
        let mut rewound: BTreeMap<RelayNo, Vec<(LaneNo, Token)>> = BTreeMap::new();
        for step in &told.steps {
            let Step::Lane(turn) = step else { continue };
            let Some(after) = turn.after else { continue };
            let before = turn.before.unwrap_or(Lane::FREE);
            self.lanes.insert(after.number, after);
            self.recall(&before, &after, turns, scripted);
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
                let statement_us = self.held_back.statement_us(scripted.at_us);
                scripted.expires(&before, statement_us);
                scripted.actions.push(Action::Renew { relay, lane });
            }
        }
        for (relay, tokens) in rewound {
            self.session_ends(relay);
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
        self.sessions.entry(relay).or_default().number += 1;
        scripted.actions.push(Action::GiveUp { relay });
        scripted.actions.push(Action::Rewind {
            relay,
            tokens,
            back,
        });
    }

    /// Returns whether another one begins, as far as the taps have shown.
    fn session_ends(&mut self, relay: RelayNo) -> bool {
        let session = self.sessions.entry(relay).or_default();
        session.may_be += 1;
        session.has_claimed = false;
        !self.going_on.contains(&(relay, session.may_be))
    }

    /// That a lane was recalled is part of what it is recalled for; or that was nothing, when it was done.
    fn recall(&mut self, before: &Lane, after: &Lane, turns: &Turns, scripted: &mut Scripted) {
        let lane = after.number;
        scripted.recalls.push((lane, after.recalls));
        if after.recalls == before.recalls {
            return;
        }
        self.recalled.insert(lane, self.now());
        if !(turns.requeued.contains_key(&lane) || turns.let_go.contains_key(&lane)) {
            scripted.actions.push(Action::LetGo {
                lane,
                events: Vec::new(),
                unseen: Vec::new(),
            });
        }
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
        let session = self.sessions.entry(relay).or_default();
        if owns_none && session.has_claimed && self.session_ends(relay) {
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
}
