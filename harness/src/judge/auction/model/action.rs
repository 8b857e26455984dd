//! The steps.

use super::world::{AuctionNo, EventNo, LaneNo, LinkNo, RelayNo, Token, WriterNo};

/// Whose claim it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// That of a relay that waits for the answer.
    Relay(RelayNo),
    /// One of those that nobody waits for.
    Stray(usize),
}

/// One step of somebody's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// A writer locks an auction and has its transaction id.
    Begin { auction: AuctionNo },
    /// It draws sequence and position, and writes the event.
    Draw {
        writer: WriterNo,
        sequence: u32,
        lane: LaneNo,
        spoilt: bool,
    },
    /// Its transaction commits.
    Commit { writer: WriterNo },
    /// Its transaction is rolled back.
    Abort { writer: WriterNo },

    /// A relay takes a lane that is free or whose lease has ended. What was in flight is pending again, or given up.
    Acquire {
        relay: RelayNo,
        lane: LaneNo,
        token: Token,
        back: Vec<EventNo>,
        gave_up: Vec<EventNo>,
    },
    /// A lane's owner says that it lives.
    Renew { relay: RelayNo, lane: LaneNo },
    /// A lane's lease ends by the database's clock.
    Expire { lane: LaneNo },
    /// A lane's owner claims no more from it, or does again.
    Drain {
        relay: RelayNo,
        lane: LaneNo,
        on: bool,
    },
    /// A draining lane with nothing in flight is given up.
    Release { relay: RelayNo, lane: LaneNo },
    /// A relay that stops gives a lane up, whatever is in flight.
    Leave { relay: RelayNo, lane: LaneNo },
    /// A relay draws new tokens for its lanes and hands back what is in flight in them.
    Rewind {
        relay: RelayNo,
        tokens: Vec<(LaneNo, Token)>,
        back: Vec<EventNo>,
    },
    /// The lab's own relay takes a lane by force, and claims what is in flight.
    Usurp {
        lane: LaneNo,
        token: Token,
        claims: Vec<EventNo>,
    },
    /// A relay's process is killed.
    Crash { relay: RelayNo },

    /// A relay asks for events: the statement's snapshot is taken.
    Look { relay: RelayNo, lanes: Vec<LaneNo> },
    /// The database carries a claim out: some events are claimed, some put aside.
    Claim {
        asker: Asker,
        taken: Vec<EventNo>,
        aside: Vec<EventNo>,
    },
    /// A relay's session ends, and with it the wait for an answer.
    GiveUp { relay: RelayNo },

    /// A message comes to the broker.
    Pass { link: LinkNo, event: EventNo },
    /// The relay is told that the broker has it.
    Confirm { link: LinkNo, event: EventNo },
    /// The broker returns it or refuses it.
    Refuse { link: LinkNo, event: EventNo },
    /// A session's connection ends; what is under way on it may come or not.
    Cut { link: LinkNo },
    /// What is under way on a connection that has ended does not come.
    Vanish { link: LinkNo },
    /// A mark is carried out.
    Mark { event: EventNo, token: Token },
    /// The same, for an event of which no message can be made.
    Fail { event: EventNo, token: Token },

    /// Failed events of a lane are put back.
    Requeue { lane: LaneNo, events: Vec<EventNo> },
    /// Held events of a lane wait no longer. Events that fail meanwhile lock no lane: some may be unseen.
    LetGo {
        lane: LaneNo,
        events: Vec<EventNo>,
        unseen: Vec<EventNo>,
    },
    /// A message can be made of an event again.
    Mend { event: EventNo },
    /// A published event is deleted.
    Purge { event: EventNo },

    /// A consumer is given a message.
    Deliver { event: EventNo },
    /// What a consumer had is the queue's again.
    Return { event: EventNo },
    /// Somebody sends what was sent before once more.
    Copy { event: EventNo },
    /// A consumer's transaction: bids that are new, and those that take effect.
    Receive {
        new: Vec<EventNo>,
        applied: Vec<EventNo>,
    },
    /// A consumer says that it is done with a message.
    Ack { event: EventNo },
    /// A consumer will not have a message.
    Reject { event: EventNo },
    /// An applied bid's row is deleted.
    Forget { event: EventNo },
}
