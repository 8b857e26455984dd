//! The consumer: what it is given, what it remembers, what takes effect.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{Illegal, Stepped, must};
use super::world::{AuctionNo, EventNo, Inbox};
use super::{Rules, World};

impl World {
    pub(super) fn deliver(&mut self, event: EventNo) -> Stepped {
        take(
            &mut self.queue,
            event,
            "a message is delivered that is not in the queue",
        )?;
        *self.unacked.entry(event).or_default() += 1;
        Ok(())
    }

    pub(super) fn give_back(&mut self, event: EventNo) -> Stepped {
        take(
            &mut self.unacked,
            event,
            "a message comes back that no consumer has",
        )?;
        *self.queue.entry(event).or_default() += 1;
        Ok(())
    }

    pub(super) fn copy(&mut self, event: EventNo) -> Stepped {
        let arrived = self.event(event).is_some_and(|event| event.arrived);
        must(arrived, "a message is sent again that was never sent")?;
        *self.queue.entry(event).or_default() += 1;
        Ok(())
    }

    /// Whether the consumer has received a bid, with or without a row that says so.
    fn is_received(&self, event: EventNo) -> bool {
        let event = &self.events[event as usize];
        let standing = self
            .auctions
            .get(&event.auction)
            .map_or(0, |of| of.standing);
        event.inbox != Inbox::New || event.sequence <= standing
    }

    /// What takes effect when these are new: what continues each auction's standing without a gap.
    pub fn applies(&self, rules: &Rules, new: &[EventNo]) -> Vec<EventNo> {
        let touched = new.iter().map(|event| self.events[*event as usize].auction);
        let touched: BTreeSet<AuctionNo> = touched.collect();
        let mut applied: Vec<EventNo> = touched
            .into_iter()
            .flat_map(|of| self.run(of, new))
            .collect();
        if !rules.gaps_hold || !rules.inbox_knows {
            applied.extend(
                new.iter()
                    .filter(|event| !applied.contains(event))
                    .copied()
                    .collect::<Vec<_>>(),
            );
        }
        applied
    }

    fn run(&self, auction: AuctionNo, new: &[EventNo]) -> Vec<EventNo> {
        let Some(of) = self.auctions.get(&auction) else {
            return Vec::new();
        };
        let further = of.places.iter().skip(of.standing as usize).copied();
        let there = |event: &EventNo| {
            self.events[*event as usize].inbox == Inbox::Parked || new.contains(event)
        };
        further.take_while(there).collect()
    }

    pub(super) fn receive(
        &mut self,
        rules: &Rules,
        new: &[EventNo],
        applied: &[EventNo],
    ) -> Stepped {
        for event in new {
            let held = self.unacked.contains_key(event);
            must(held, "a bid is received that was not delivered")?;
            let known = rules.inbox_knows && self.is_received(*event);
            must(!known, "a bid is received twice")?;
        }
        let touched = applied.iter().chain(new);
        let touched: BTreeSet<AuctionNo> = touched
            .map(|event| self.events[*event as usize].auction)
            .collect();
        if rules.gaps_hold && rules.inbox_knows {
            let mut left_out = false;
            for auction in touched {
                let run = self.run(auction, new);
                let of_it = |event: &&EventNo| self.events[**event as usize].auction == auction;
                let mut now: Vec<EventNo> = applied.iter().filter(of_it).copied().collect();
                now.sort_unstable_by_key(|event| self.events[*event as usize].sequence);
                must(
                    run.starts_with(&now),
                    "effects that do not take the next places",
                )?;
                left_out |= now.len() < run.len();
            }
            let full = applied.len() >= rules.chunk;
            must(!left_out || full, "a bid waits whose turn it is")?;
        }
        for event in new {
            self.park(*event);
        }
        for event in applied {
            self.apply(*event);
        }
        Ok(())
    }

    fn park(&mut self, number: EventNo) {
        self.events[number as usize].inbox = Inbox::Parked;
    }

    fn apply(&mut self, number: EventNo) {
        let event = &mut self.events[number as usize];
        event.inbox = Inbox::Applied;
        event.effects = event.effects.saturating_add(1);
        let of = self.auctions.entry(event.auction).or_default();
        of.standing += 1;
    }

    pub(super) fn ack(&mut self, rules: &Rules, event: EventNo) -> Stepped {
        let known = self.event(event).is_some() && self.is_received(event);
        must(
            known || !rules.acks_wait_for_receipts,
            "a message is acked whose bid was not received",
        )?;
        take(
            &mut self.unacked,
            event,
            "a message is acked that no consumer has",
        )
    }

    pub(super) fn reject(&mut self, event: EventNo) -> Stepped {
        take(
            &mut self.unacked,
            event,
            "a message is rejected that no consumer has",
        )
    }

    /// Whatever is at or below its auction's standing was received.
    pub(super) fn forget(&mut self, event: EventNo) -> Stepped {
        let applied = self
            .event(event)
            .is_some_and(|event| event.inbox == Inbox::Applied);
        must(applied, "a bid's row is deleted that has not taken effect")
    }
}

fn take(copies: &mut BTreeMap<EventNo, u32>, event: EventNo, otherwise: &'static str) -> Stepped {
    let count = copies.get_mut(&event).ok_or(Illegal(otherwise))?;
    *count -= 1;
    if *count == 0 {
        copies.remove(&event);
    }
    Ok(())
}
