//! What is done to events outside of the relays' cycle.

use super::step::{Illegal, Stepped, must};
use super::world::{EventNo, LaneNo, Status};
use super::{Rules, World};

impl World {
    fn recall(&mut self, lane: LaneNo) -> Stepped {
        let lane = self.lanes.get_mut(&lane);
        lane.ok_or(Illegal("a lane that there is not"))?.recalls += 1;
        Ok(())
    }

    fn all_in(&self, lane: LaneNo, events: &[EventNo]) -> Stepped {
        let in_it = |event: &EventNo| self.event(*event).is_some_and(|event| event.lane == lane);
        must(
            events.iter().all(in_it),
            "an event changes whose lane was not recalled",
        )
    }

    pub(super) fn requeue(&mut self, lane: LaneNo, events: &[EventNo]) -> Stepped {
        self.all_in(lane, events)?;
        let failed = |event: &EventNo| self.events[*event as usize].status == Status::Failed;
        must(
            events.iter().all(failed),
            "an event is put back that has not failed",
        )?;
        self.recall(lane)?;
        for event in events {
            self.becomes(*event, Status::Pending, false);
        }
        Ok(())
    }

    pub(super) fn let_go(
        &mut self,
        rules: &Rules,
        lane: LaneNo,
        events: &[EventNo],
        unseen: &[EventNo],
    ) -> Stepped {
        self.all_in(lane, events)?;
        let held = |event: &EventNo| self.events[*event as usize].held;
        must(
            events.iter().all(held),
            "an event is let go that is not held",
        )?;
        let behind = |event: &EventNo| self.is_behind_another(rules, *event, (events, unseen));
        must(
            !events.iter().any(behind),
            "an event is let go past one that it waits for",
        )?;
        self.recall(lane)?;
        for event in events {
            self.becomes(*event, Status::Pending, false);
        }
        Ok(())
    }

    /// Whether an event waits for an earlier one that is seen, and not let go with it.
    fn is_behind_another(
        &self,
        rules: &Rules,
        event: EventNo,
        (with, unseen): (&[EventNo], &[EventNo]),
    ) -> bool {
        let mut earlier = self.holding_before(event);
        earlier.any(|other| match self.events[other as usize].held {
            true => !with.contains(&other),
            false => rules.hold_failed && !unseen.contains(&other),
        })
    }

    pub(super) fn mend(&mut self, event: EventNo) -> Stepped {
        let event = self.events.get_mut(event as usize);
        event.ok_or(Illegal("an event that there is not"))?.spoilt = false;
        Ok(())
    }

    pub(super) fn purge(&mut self, event: EventNo) -> Stepped {
        let published = self.event(event).map(|event| event.status);
        must(
            published == Some(Status::Published),
            "an event is deleted that is not published",
        )?;
        self.becomes(event, Status::Gone, false);
        Ok(())
    }
}
