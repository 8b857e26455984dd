//! Writers: an auction's lock first, then the transaction id, then sequence and position.

use super::World;
use super::step::{Illegal, Stepped, must};
use super::world::{AuctionNo, Event, EventNo, Inbox, LaneNo, Running, Status, WriterNo};

impl World {
    pub(super) fn begin(&mut self, auction: AuctionNo) -> Stepped {
        let locked = self.running.values().any(|other| other.auction == auction);
        must(!locked, "two transactions hold one auction's lock")?;
        let event = None;
        self.running.insert(self.begun, Running { auction, event });
        self.begun += 1;
        Ok(())
    }

    pub(super) fn draw(
        &mut self,
        writer: WriterNo,
        sequence: u32,
        lane: LaneNo,
        spoilt: bool,
    ) -> Stepped {
        let number = self.events.len() as EventNo;
        let running = self.running.get_mut(&writer);
        let running = running.ok_or(Illegal("a transaction that has ended writes"))?;
        must(running.event.is_none(), "a bid has two events")?;
        let of = self.auctions.entry(running.auction).or_default();
        let next = of.places.len() as u32 + 1;
        must(
            sequence == next,
            "a place that is not its auction's next one",
        )?;
        running.event = Some(number);
        of.places.push(number);
        self.events.push(Event {
            auction: running.auction,
            sequence,
            lane,
            status: Status::Drawn,
            held: false,
            spoilt,
            arrived: false,
            overtook: false,
            gave_up: false,
            inbox: Inbox::New,
            effects: 0,
            marked_by_a_stranger: false,
        });
        Ok(())
    }

    pub(super) fn commit(&mut self, writer: WriterNo) -> Stepped {
        let event = self.ends(writer)?;
        self.becomes(event, Status::Pending, false);
        Ok(())
    }

    /// The place is the next writer's; the position is nobody's.
    pub(super) fn abort(&mut self, writer: WriterNo) -> Stepped {
        let number = self.ends(writer)?;
        let event = &mut self.events[number as usize];
        if let Some(auction) = self.auctions.get_mut(&event.auction) {
            auction.places.pop();
        }
        (event.status, event.sequence) = (Status::Gone, 0);
        Ok(())
    }

    fn ends(&mut self, writer: WriterNo) -> Result<EventNo, Illegal> {
        let written = self.running.get(&writer).and_then(|running| running.event);
        let event = written.ok_or(Illegal("a transaction that has written nothing ends"))?;
        self.running.remove(&writer);
        self.completed = self.completed.max(writer + 1);
        Ok(event)
    }
}
