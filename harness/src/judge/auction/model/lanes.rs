//! Who owns which lane.

use super::step::{Illegal, Stepped, must};
use super::world::{EventNo, Lane, LaneNo, RelayNo, Status, Token, USURPER};
use super::{Rules, World};

impl World {
    fn lane_of(&self, relay: RelayNo, lane: LaneNo) -> Result<&Lane, Illegal> {
        let known = self
            .lanes
            .get(&lane)
            .ok_or(Illegal("a lane that there is not"))?;
        must(
            known.owner == Some(relay),
            "a lane that is another relay's, or nobody's",
        )?;
        Ok(known)
    }

    pub(super) fn acquire(
        &mut self,
        relay: RelayNo,
        (number, token): (LaneNo, Token),
        back: &[EventNo],
        gave_up: &[EventNo],
    ) -> Stepped {
        let lane = self
            .lanes
            .get(&number)
            .ok_or(Illegal("a lane that there is not"))?;
        let free = lane.owner.is_none() || !lane.leased;
        must(free, "a lane is taken whose lease is alive")?;
        must(
            token > lane.token,
            "a lane changes hands without a greater token",
        )?;
        let known = self.relays.get(&relay);
        must(
            known.is_some_and(|relay| !relay.gone),
            "a relay that has gone takes a lane",
        )?;
        let flies = self.in_flight_in(number);
        let met: Vec<EventNo> = merged(back, gave_up);
        must(
            flies.eq(met.iter().copied()),
            "not exactly what was in flight is taken over",
        )?;
        let recalls = lane.recalls;
        for event in back {
            self.becomes(*event, Status::Pending, false);
        }
        for event in gave_up {
            self.becomes(*event, Status::Failed, false);
        }
        self.owned_by(number, Some(relay), token);
        if let Some(relay) = self.relays.get_mut(&relay) {
            relay.known.insert(number, (token, recalls));
        }
        Ok(())
    }

    fn owned_by(&mut self, number: LaneNo, owner: Option<RelayNo>, token: Token) {
        if let Some(lane) = self.lanes.get_mut(&number) {
            *lane = Lane {
                owner,
                token,
                leased: owner.is_some(),
                draining: false,
                recalls: lane.recalls,
            };
        }
    }

    pub(super) fn renew(&mut self, relay: RelayNo, lane: LaneNo) -> Stepped {
        let leased = self.lane_of(relay, lane)?.leased;
        must(leased, "a lease is renewed that has ended")
    }

    pub(super) fn expire(&mut self, lane: LaneNo) -> Stepped {
        let lane = self.lanes.get_mut(&lane);
        let lane = lane.ok_or(Illegal("a lane that there is not"))?;
        must(lane.leased, "a lease ends twice")?;
        lane.leased = false;
        Ok(())
    }

    pub(super) fn drain(&mut self, relay: RelayNo, number: LaneNo, on: bool) -> Stepped {
        self.lane_of(relay, number)?;
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.draining = on;
        }
        Ok(())
    }

    pub(super) fn release(&mut self, relay: RelayNo, number: LaneNo) -> Stepped {
        let lane = self.lane_of(relay, number)?;
        let token = lane.token;
        must(lane.draining, "a lane is released that is not draining")?;
        let nothing = self.in_flight_in(number).next().is_none();
        must(nothing, "a lane is released with events in flight")?;
        self.owned_by(number, None, token);
        Ok(())
    }

    pub(super) fn leave(&mut self, relay: RelayNo, number: LaneNo) -> Stepped {
        let token = self.lane_of(relay, number)?.token;
        self.owned_by(number, None, token);
        if let Some(relay) = self.relays.get_mut(&relay) {
            relay.gone = true;
        }
        Ok(())
    }

    /// Lanes that came while the rewind looked for them are left out; nothing can be in flight there yet.
    pub(super) fn rewind(
        &mut self,
        rules: &Rules,
        relay: RelayNo,
        tokens: &[(LaneNo, Token)],
        back: &[EventNo],
    ) -> Stepped {
        let known = self.relays.get(&relay);
        let ended = known.is_some_and(|relay| relay.ended && !relay.gone);
        must(ended, "a session rewinds that has not ended")?;
        for (lane, token) in tokens {
            let before = self.lane_of(relay, *lane)?.token;
            let drawn = !rules.tokens_per_session || *token > before;
            must(drawn, "a rewind draws no greater token")?;
        }
        let of_relay = |lane: &&LaneNo| self.lanes[lane].owner == Some(relay);
        let flies = self.lanes.keys().filter(of_relay);
        let mut flies: Vec<EventNo> = flies.flat_map(|lane| self.in_flight_in(*lane)).collect();
        flies.sort_unstable();
        must(
            flies == merged(back, &[]),
            "not exactly what was in flight is handed back",
        )?;
        let covered = |event: &EventNo| {
            let lane = self.events[*event as usize].lane;
            tokens.iter().any(|(covered, _)| *covered == lane)
        };
        must(
            back.iter().all(covered) || !rules.tokens_per_session,
            "an event is handed back under the old token",
        )?;
        for event in back {
            self.becomes(*event, Status::Pending, false);
        }
        self.begin_session(rules, relay, tokens);
        Ok(())
    }

    fn begin_session(&mut self, rules: &Rules, number: RelayNo, tokens: &[(LaneNo, Token)]) {
        let Some(relay) = self.relays.get_mut(&number) else {
            return;
        };
        self.strays.extend(relay.asks.take());
        let over = (number, relay.session);
        relay.session += 1;
        relay.windows = 0;
        (relay.ended, relay.spoilt, relay.silent) = (false, false, false);
        relay.edges.clear();
        for (lane, token) in tokens.iter().filter(|_| rules.tokens_per_session) {
            if let Some(row) = self.lanes.get_mut(lane) {
                row.token = *token;
                relay.known.insert(*lane, (*token, row.recalls));
            }
        }
        self.close(over);
    }

    pub(super) fn usurp(&mut self, lane: LaneNo, token: Token, claims: &[EventNo]) -> Stepped {
        let before = self
            .lanes
            .get(&lane)
            .ok_or(Illegal("a lane that there is not"))?;
        must(
            token > before.token,
            "a lane changes hands without a greater token",
        )?;
        let flies = self.in_flight_in(lane);
        must(
            flies.eq(merged(claims, &[])),
            "not exactly what was in flight is taken over",
        )?;
        for event in claims {
            self.becomes(*event, Status::Processing(token), false);
        }
        self.owned_by(lane, Some(USURPER), token);
        Ok(())
    }

    /// Nobody gives its lanes up; they are free when their leases have ended. What it has asked and sent is under way.
    pub(super) fn crash(&mut self, number: RelayNo) -> Stepped {
        let relay = self.relays.get_mut(&number);
        let relay = relay.ok_or(Illegal("a relay that there is not"))?;
        must(!relay.gone, "a relay dies twice")?;
        self.strays.extend(relay.asks.take());
        let link = (number, relay.session);
        *relay = super::Relay {
            gone: true,
            ..super::Relay::default()
        };
        self.close(link);
        Ok(())
    }
}

fn merged(one: &[EventNo], other: &[EventNo]) -> Vec<EventNo> {
    let mut all = [one, other].concat();
    all.sort_unstable();
    all
}
