//! Who may do what in a world.

use outbox_harness::judge::model::{
    Action, Asker, EventNo, Inbox, LaneNo, RelayNo, Status, Token, World,
};

use crate::budget::Budget;
use crate::search::{Move, Search, State};

/// Every move in a state.
pub fn moves(search: &Search, state: &State) -> Vec<Move> {
    let mut moves = Moves {
        search,
        world: &state.world,
        left: &state.left,
        found: Vec::new(),
    };
    moves.writers();
    moves.lanes();
    moves.sessions();
    moves.claims();
    moves.wire();
    moves.marks();
    moves.repairs();
    if search.consumer {
        moves.consumer();
    }
    moves.found
}

struct Moves<'s> {
    search: &'s Search,
    world: &'s World,
    left: &'s Budget,
    found: Vec<Move>,
}

impl Moves<'_> {
    /// What somebody does sooner or later.
    fn owed(&mut self, step: Action) {
        self.all(vec![step], self.left.clone(), true);
    }

    fn all(&mut self, steps: Vec<Action>, left: Budget, owed: bool) {
        self.found.push(Move { steps, left, owed });
    }

    /// What may happen as long as there is some of it left.
    fn may(&mut self, steps: Vec<Action>, of: fn(&mut Budget) -> &mut u8) {
        let mut left = self.left.clone();
        if let Some(rest) = of(&mut left).checked_sub(1) {
            *of(&mut left) = rest;
            self.all(steps, left, false);
        }
    }

    fn writers(&mut self) {
        let world = self.world;
        for (auction, bids) in (0..).zip(&self.left.bids) {
            let locked = world.running.values().any(|other| other.auction == auction);
            let Some(rest) = bids.checked_sub(1).filter(|_| !locked) else {
                continue;
            };
            let mut left = self.left.clone();
            left.bids[auction as usize] = rest;
            let mut steps = vec![Action::Begin { auction }];
            if !self.search.slow_writers {
                steps.push(self.draw(world.begun, auction, &mut left));
                steps.push(Action::Commit {
                    writer: world.begun,
                });
            }
            self.all(steps, left, false);
        }
        for (writer, running) in &world.running {
            let writer = *writer;
            if running.event.is_some() {
                self.owed(Action::Commit { writer });
                self.may(vec![Action::Abort { writer }], |left| &mut left.aborts);
                continue;
            }
            let mut left = self.left.clone();
            let drawn = self.draw(writer, running.auction, &mut left);
            self.all(vec![drawn], left, true);
        }
    }

    fn draw(&self, writer: u32, auction: u32, left: &mut Budget) -> Action {
        let places = self.world.auctions.get(&auction);
        let spoilt = left.spoilt > 0;
        left.spoilt = left.spoilt.saturating_sub(1);
        Action::Draw {
            writer,
            sequence: places.map_or(0, |of| of.places.len() as u32) + 1,
            lane: self.search.lane(auction),
            spoilt,
        }
    }

    fn lives(&self) -> impl Iterator<Item = RelayNo> + use<> {
        let alive = self.world.relays.iter().filter(|(_, relay)| !relay.gone);
        let alive: Vec<RelayNo> = alive.map(|(number, _)| *number).collect();
        alive.into_iter()
    }

    fn next_token(&self) -> Token {
        let drawn = self.world.lanes.values().map(|lane| lane.token);
        drawn.max().unwrap_or(0) + 1
    }

    fn lanes(&mut self) {
        for (number, lane) in &self.world.lanes {
            let number = *number;
            if lane.owner.is_none() || !lane.leased {
                for relay in self.lives() {
                    self.acquires(relay, number);
                }
                continue;
            }
            let Some(relay) = lane.owner else { continue };
            let expires = Action::Expire { lane: number };
            match self.world.relays.get(&relay) {
                Some(owner) if !owner.gone => self.may(vec![expires], |left| &mut left.expiries),
                _ => self.owed(expires),
            }
            if lane.draining {
                if self.world.in_flight_in(number).next().is_none() {
                    self.owed(Action::Release {
                        relay,
                        lane: number,
                    });
                }
                self.owed(Action::Drain {
                    relay,
                    lane: number,
                    on: false,
                });
            } else {
                let drains = Action::Drain {
                    relay,
                    lane: number,
                    on: true,
                };
                self.may(vec![drains], |left| &mut left.drains);
            }
        }
    }

    fn acquires(&mut self, relay: RelayNo, lane: LaneNo) {
        let flies: Vec<EventNo> = self.world.in_flight_in(lane).collect();
        let acquire = |gave_up: &[EventNo], back: &[EventNo]| Action::Acquire {
            relay,
            lane,
            token: self.next_token(),
            back: back.to_vec(),
            gave_up: gave_up.to_vec(),
        };
        let giving_up: Vec<Action> = flies
            .iter()
            .map(|one| {
                let others = flies.iter().copied().filter(|other| other != one);
                acquire(&[*one], &others.collect::<Vec<_>>())
            })
            .collect();
        let giving_back = acquire(&[], &flies);
        for acquire in giving_up {
            self.may(vec![acquire], |left| &mut left.given_up);
        }
        self.owed(giving_back);
    }

    /// It stops: its session is over, its lanes are nobody's, and its connection ends with what is on it.
    fn leaves(&mut self, relay: RelayNo) {
        let lanes = self.world.lanes.iter();
        let own = lanes.filter(|(_, lane)| lane.owner == Some(relay));
        let left = own.map(|(lane, _)| Action::Leave { relay, lane: *lane });
        let left: Vec<Action> = left.collect();
        if left.is_empty() {
            return;
        }
        let of = &self.world.relays[&relay];
        let ends = (!of.ended).then_some(Action::GiveUp { relay });
        let link = (relay, of.session);
        let open = self.world.links.get(&link).is_some_and(|link| !link.closed);
        let cut = open.then_some(Action::Cut { link });
        let all = ends.into_iter().chain(left).chain(cut).collect();
        self.may(all, |left| &mut left.leaves);
    }

    fn sessions(&mut self) {
        for (number, relay) in &self.world.relays {
            let number = *number;
            if relay.gone {
                continue;
            }
            if self.lives().count() > 1 {
                self.may(vec![Action::Crash { relay: number }], |left| {
                    &mut left.crashes
                });
                self.leaves(number);
            }
            if relay.ended {
                self.rewind(number);
            } else if relay.spoilt {
                // What no message can be made of is failed before its session ends, or it would come round for ever.
                if self.world.fails.is_empty() {
                    self.owed(Action::GiveUp { relay: number });
                }
            } else {
                self.may(vec![Action::GiveUp { relay: number }], |left| {
                    &mut left.give_ups
                });
            }
        }
    }

    fn rewind(&mut self, relay: RelayNo) {
        let owned = self
            .world
            .lanes
            .iter()
            .filter(|(_, lane)| lane.owner == Some(relay));
        let owned: Vec<_> = owned.map(|(lane, _)| *lane).collect();
        let flies = owned.iter().flat_map(|lane| self.world.in_flight_in(*lane));
        let mut back: Vec<EventNo> = flies.collect();
        back.sort_unstable();
        self.owed(Action::Rewind {
            relay,
            tokens: owned.into_iter().zip(self.next_token()..).collect(),
            back,
        });
    }

    fn claims(&mut self) {
        for relay in self.lives() {
            let of = &self.world.relays[&relay];
            if of.ended || of.asks.is_some() {
                continue;
            }
            let own = |lane: &&i16| self.world.lanes[lane].owner == Some(relay);
            let lanes = of.known.keys().filter(own).copied().collect();
            let look = Action::Look { relay, lanes };
            let then = self.world.after(&self.search.rules, &look);
            let finds =
                then.is_some_and(|then| !due(self.search, &then, Asker::Relay(relay)).is_empty());
            if finds {
                self.owed(look);
            }
        }
        let asked = self.lives().map(Asker::Relay);
        let strays = (0..self.world.strays.len()).map(Asker::Stray);
        for asker in asked.chain(strays) {
            let Some(statement) = self.world.asked(asker) else {
                continue;
            };
            let due = due(self.search, self.world, asker);
            let waits = |event: &EventNo| self.world.waits(&self.search.rules, statement, *event);
            let (aside, taken) = due.into_iter().partition(waits);
            self.owed(Action::Claim {
                asker,
                taken,
                aside,
            });
        }
    }

    fn wire(&mut self) {
        for (number, link) in &self.world.links {
            let link_no = *number;
            if let Some(next) = link.transit.front() {
                let event = next.event;
                let goes_on = self.world.goes_on(&self.search.rules, link_no);
                if goes_on {
                    self.owed(Action::Pass {
                        link: link_no,
                        event,
                    });
                }
                if link.closed {
                    self.owed(Action::Vanish { link: link_no });
                } else if goes_on {
                    let refused = Action::Refuse {
                        link: link_no,
                        event,
                    };
                    self.may(vec![refused], |left| &mut left.refusals);
                }
            }
            if let Some(sent) = link.sent.first() {
                self.owed(Action::Confirm {
                    link: link_no,
                    event: sent.event,
                });
            }
            let busy = !(link.transit.is_empty() && link.sent.is_empty());
            if busy && !link.closed {
                self.may(vec![Action::Cut { link: link_no }], |left| &mut left.cuts);
            }
        }
    }

    fn marks(&mut self) {
        for (event, token) in self.world.marks.iter().copied() {
            self.owed(Action::Mark { event, token });
        }
        for (event, token) in self.world.fails.iter().copied() {
            self.owed(Action::Fail { event, token });
        }
    }

    fn repairs(&mut self) {
        for (number, event) in self.world.committed() {
            if event.status == Status::Published {
                let purge = Action::Purge { event: number };
                self.may(vec![purge], |left| &mut left.purges);
            }
            let (lane, events) = (event.lane, vec![number]);
            if event.status == Status::Failed {
                let mended = Action::Mend { event: number };
                let put_back = Action::Requeue { lane, events };
                self.may(vec![mended, put_back], |left| &mut left.repairs);
            } else if event.held {
                let unseen = Vec::new();
                let let_go = Action::LetGo {
                    lane,
                    events,
                    unseen,
                };
                if self.world.after(&self.search.rules, &let_go).is_some() {
                    self.owed(let_go);
                }
            }
        }
    }

    fn consumer(&mut self) {
        for event in self.world.queue.keys().copied() {
            self.owed(Action::Deliver { event });
        }
        let held: Vec<EventNo> = self.world.unacked.keys().copied().collect();
        if !held.is_empty() {
            let copies = self.world.unacked.iter();
            let returned = copies
                .flat_map(|(event, count)| (0..*count).map(|_| Action::Return { event: *event }));
            let returned: Vec<Action> = returned.collect();
            self.may(returned, |left| &mut left.returns);
        }
        let fresh = |event: &&EventNo| self.world.events[**event as usize].inbox == Inbox::New;
        let fresh: Vec<EventNo> = match self.search.rules.inbox_knows {
            true => held.iter().filter(fresh).copied().collect(),
            false => held.clone(),
        };
        let mut batches: Vec<Vec<EventNo>> = fresh.iter().map(|event| vec![*event]).collect();
        if fresh.len() > 1 {
            batches.push(fresh);
        }
        for new in batches {
            let applied = self.world.applies(&self.search.rules, &new);
            let received = Action::Receive {
                new: new.clone(),
                applied,
            };
            // Without an inbox nobody knows what to ack but what was just received.
            let mut steps = vec![received];
            if !self.search.rules.inbox_knows {
                steps.extend(new.into_iter().map(|event| Action::Ack { event }));
                self.all(steps.clone(), self.left.clone(), true);
                steps.truncate(1);
                self.may(steps, |left| &mut left.returns);
                continue;
            }
            self.all(steps, self.left.clone(), true);
        }
        for event in held {
            self.owed(Action::Ack { event });
            if self.world.events[event as usize].arrived {
                self.may(vec![Action::Copy { event }], |left| &mut left.copies);
            }
        }
    }
}

/// What a claim takes or puts aside: the first of what is due in its lanes, a window of it.
fn due(search: &Search, world: &World, asker: Asker) -> Vec<EventNo> {
    let Some(statement) = world.asked(asker) else {
        return Vec::new();
    };
    let lanes = statement.lanes.iter();
    let due = lanes.filter_map(|looked| world.due(&search.rules, statement, looked));
    let mut due: Vec<EventNo> = due.flatten().take(search.window).collect();
    due.sort_unstable();
    due
}
