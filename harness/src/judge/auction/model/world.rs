//! What counts at one instant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An event, by the order in which positions were drawn: the smaller has the smaller position.
pub type EventNo = u32;
/// A writer's transaction, by the order of transaction ids.
pub type WriterNo = u32;
/// An auction.
pub type AuctionNo = u32;
/// A lane.
pub type LaneNo = i16;
/// A relay process; one that was started again is another.
pub type RelayNo = u16;
/// A fencing token.
pub type Token = i64;
/// Events that a session has claimed together, counted from 0.
pub type WindowNo = u32;
/// A relay's connection to the broker: one a session, counted from 0.
pub type LinkNo = (RelayNo, u16);

/// The lab's own relay, which takes lanes by force.
pub const USURPER: RelayNo = RelayNo::MAX;

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct World {
    /// Writers that hold an auction's lock.
    pub running: BTreeMap<WriterNo, Running>,
    /// How many transaction ids writers have drawn.
    pub begun: WriterNo,
    /// Some transaction has completed that began after all writers below this one.
    pub completed: WriterNo,
    /// By their numbers.
    pub events: Vec<Event>,
    /// By their numbers.
    pub auctions: BTreeMap<AuctionNo, Auction>,
    /// By their numbers.
    pub lanes: BTreeMap<LaneNo, Lane>,
    /// By their numbers.
    pub relays: BTreeMap<RelayNo, Relay>,
    /// Connections on which something is under way.
    pub links: BTreeMap<LinkNo, Link>,
    /// Claims whose answers nobody waits for; the database may still carry them out.
    pub strays: Vec<Statement>,
    /// Marks on their way: an event and the token that they present.
    pub marks: BTreeSet<(EventNo, Token)>,
    /// The same, of events that no message can be made of.
    pub fails: BTreeSet<(EventNo, Token)>,
    /// Copies in the consumer's queue.
    pub queue: BTreeMap<EventNo, u32>,
    /// Copies in consumers' hands.
    pub unacked: BTreeMap<EventNo, u32>,
    /// A lane's events that can be claimed: pending, and not held.
    pub ready: BTreeMap<LaneNo, BTreeSet<EventNo>>,
    /// A lane's events in flight.
    pub in_flight: BTreeMap<LaneNo, BTreeSet<EventNo>>,
    /// Events that have failed or are held, by auction and place.
    pub holding: BTreeSet<(AuctionNo, u32)>,
}

/// A writer's transaction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Running {
    /// Whose lock it holds.
    pub auction: AuctionNo,
    /// What it has written.
    pub event: Option<EventNo>,
}

/// An auction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Auction {
    /// Its events, by place: the first has the place 1.
    pub places: Vec<EventNo>,
    /// How many of them, from the first on without a gap, have come to the broker.
    pub came: u32,
    /// How far the consumer's standing is.
    pub standing: u32,
}

/// What has become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Written, not committed.
    Drawn,
    /// In nobody's hands.
    Pending,
    /// In flight under a token.
    Processing(Token),
    /// Marked.
    Published,
    /// Given up.
    Failed,
    /// The row is gone, or never came.
    Gone,
}

/// What the consumer knows of a bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inbox {
    /// Nothing.
    New,
    /// It waits for one before it.
    Parked,
    /// It has taken effect.
    Applied,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// Its auction.
    pub auction: AuctionNo,
    /// Its place there.
    pub sequence: u32,
    /// Its lane.
    pub lane: LaneNo,
    /// What has become of its row.
    pub status: Status,
    /// It waits for an earlier event of its auction that has failed.
    pub held: bool,
    /// No message can be made of it.
    pub spoilt: bool,
    /// The broker has taken a copy of it.
    pub arrived: bool,
    /// It has come before one that it must follow.
    pub overtook: bool,
    /// It was given up once.
    pub gave_up: bool,
    /// What the consumer knows of it.
    pub inbox: Inbox,
    /// How often it has taken effect.
    pub effects: u8,
    /// Somebody has marked it under another token than its own.
    pub marked_by_a_stranger: bool,
}

/// A lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lane {
    /// Who publishes its events.
    pub owner: Option<RelayNo>,
    /// The last token drawn for it.
    pub token: Token,
    /// The owner's lease has not ended.
    pub leased: bool,
    /// The owner gives it up.
    pub draining: bool,
    /// How often its events became claimable where a relay may have passed by.
    pub recalls: u32,
}

impl Lane {
    /// As the migration makes it.
    pub const FREE: Self = Self {
        owner: None,
        token: 0,
        leased: false,
        draining: false,
        recalls: 0,
    };
}

/// A relay process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Relay {
    /// It was killed, or has given up all lanes to stop.
    pub gone: bool,
    /// The lanes that it was told are its own: under which token, and how often recalled by then.
    pub known: BTreeMap<LaneNo, (Token, u32)>,
    /// Its session with the broker, counted from 0.
    pub session: u16,
    /// The session is over: it claims nothing more before it has handed everything back.
    pub ended: bool,
    /// Something was not taken or cannot be sent: the session has to end.
    pub spoilt: bool,
    /// What it claims is not sent any more: its connection has ended, or something that was claimed before stays behind.
    pub silent: bool,
    /// How many windows the session has claimed.
    pub windows: WindowNo,
    /// Where the session's next claim begins in each lane.
    pub edges: BTreeMap<LaneNo, Edge>,
    /// The claim whose answer it waits for.
    pub asks: Option<Statement>,
}

/// Where a claim begins to look in a lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The token under which that was learned.
    pub token: Token,
    /// The lane's recalls at that time.
    pub recalls: u32,
    /// No event below it can be claimed.
    pub floor: EventNo,
    /// What will be the next floor.
    pub candidate: Option<Candidate>,
}

/// An event up to which a lane was looked through.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The event.
    pub event: EventNo,
    /// Writers that may hold a smaller position.
    pub waits_for: BTreeSet<WriterNo>,
}

/// A claim on its way: what it knows, and what its snapshot shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Statement {
    /// Who asked.
    pub relay: RelayNo,
    /// The lanes that it looks into, in order.
    pub lanes: Vec<Looked>,
    /// What became claimable after its snapshot.
    pub unseen: BTreeSet<EventNo>,
    /// What began to hold its auction back after it.
    pub unseen_holds: BTreeSet<EventNo>,
    /// Writers that the next floor waits for.
    pub waits_for: BTreeSet<WriterNo>,
    /// Writers that had begun at its snapshot.
    pub begun: WriterNo,
}

/// A lane as a claim looks into it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Looked {
    /// Which.
    pub lane: LaneNo,
    /// The token that the claim presents.
    pub token: Token,
    /// The recalls that its relay knows of,
    pub recalls_known: u32,
    /// and those that its snapshot shows.
    pub recalls_seen: u32,
    /// Where it begins.
    pub floor: EventNo,
    /// Nobody runs any more for whom the next floor waits.
    pub ripe: bool,
}

/// A message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// Of which event.
    pub event: EventNo,
    /// Under which token it was claimed,
    pub token: Token,
    /// and in which of its session's windows.
    pub window: WindowNo,
}

/// A session's connection to the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Link {
    /// Claimed and on the way, in order.
    pub transit: VecDeque<Message>,
    /// Come to the broker, and not confirmed.
    pub sent: Vec<Message>,
    /// What the broker would not take, and of which windows.
    pub refused: BTreeMap<EventNo, WindowNo>,
    /// Nobody listens to it any more.
    pub closed: bool,
}

impl World {
    /// Free lanes and relays without a past.
    pub fn new(lanes: impl IntoIterator<Item = LaneNo>, relays: RelayNo) -> Self {
        let lanes = lanes.into_iter().map(|lane| (lane, Lane::FREE));
        Self {
            lanes: lanes.collect(),
            relays: (0..relays).map(|relay| (relay, Relay::default())).collect(),
            ..Self::default()
        }
    }

    /// An event.
    pub fn event(&self, event: EventNo) -> Option<&Event> {
        self.events.get(event as usize)
    }

    /// Every event that was committed, with its number.
    pub fn committed(&self) -> impl Iterator<Item = (EventNo, &Event)> {
        let numbered = (0..).zip(&self.events);
        numbered.filter(|(_, event)| event.status != Status::Drawn && event.sequence > 0)
    }

    /// What a lane has in flight.
    pub fn in_flight_in(&self, lane: LaneNo) -> impl Iterator<Item = EventNo> {
        self.in_flight.get(&lane).into_iter().flatten().copied()
    }

    /// Every claim on its way.
    pub(super) fn statements(&mut self) -> impl Iterator<Item = &mut Statement> {
        let asked = self
            .relays
            .values_mut()
            .filter_map(|relay| relay.asks.as_mut());
        asked.chain(&mut self.strays)
    }

    /// Gives an event's row another status, wherever that is kept.
    pub(super) fn becomes(&mut self, number: EventNo, status: Status, held: bool) {
        let Some(event) = self.events.get_mut(number as usize) else {
            return;
        };
        (event.status, event.held) = (status, held);
        event.gave_up |= status == Status::Failed;
        let (lane, place) = (event.lane, (event.auction, event.sequence));
        let claimable = status == Status::Pending && !held;
        put(self.ready.entry(lane).or_default(), number, claimable);
        let flies = matches!(status, Status::Processing(_));
        put(self.in_flight.entry(lane).or_default(), number, flies);
        let holds = held || status == Status::Failed;
        let began = put(&mut self.holding, place, holds);
        if holds && began {
            for statement in self.statements() {
                statement.unseen_holds.insert(number);
            }
        }
        if claimable {
            for statement in self.statements() {
                statement.unseen.insert(number);
            }
        }
    }
}

/// Whether that changes anything.
fn put<T: Ord>(set: &mut BTreeSet<T>, value: T, is_in: bool) -> bool {
    match is_in {
        true => set.insert(value),
        false => set.remove(&value),
    }
}
