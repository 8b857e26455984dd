//! What must hold at every instant, and which checker watches it on the real system.

use super::World;
use super::world::{Event, EventNo, Inbox, Status};

/// Something that must hold.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// The checker that watches it.
    pub checker: &'static str,
    /// What holds.
    pub what: &'static str,
    /// Whether it does.
    pub holds: fn(&World) -> bool,
    /// Only where nothing more can be done by itself: what is owed in the end.
    pub at_rest: bool,
}

/// All of them.
pub const PROPERTIES: &[Property] = &[
    Property {
        checker: "loss",
        what: "what is marked published has come to the broker",
        holds: |world| world.committed().all(|(_, event)| event.is_honest()),
        at_rest: false,
    },
    Property {
        checker: "order",
        what: "what comes to the broker overtakes nothing of its auction but what was refused on its own way or, where that holds nothing, given up",
        holds: |world| world.events.iter().all(|event| !event.overtook),
        at_rest: false,
    },
    Property {
        checker: "ownership",
        what: "an event is in flight under its lane's token, and written back under its own",
        holds: |world| world.committed().all(|(_, event)| is_owned(world, event)),
        at_rest: false,
    },
    Property {
        checker: "dedup",
        what: "a bid takes effect once, however often it is delivered",
        holds: |world| world.events.iter().all(|event| event.effects <= 1),
        at_rest: false,
    },
    Property {
        checker: "places",
        what: "the bids that have taken effect are a prefix of their auction's",
        holds: prefixes,
        at_rest: false,
    },
    Property {
        checker: "marks",
        what: "in the end every event is marked, or waits for one that was given up",
        holds: |world| world.committed().all(|(_, event)| event.is_settled()),
        at_rest: true,
    },
    Property {
        checker: "recovery",
        what: "in the end every bid whose event was not given up has taken effect",
        holds: |world| {
            let owed = |event: &&Event| match event.status {
                Status::Gone => event.arrived,
                status => status == Status::Published,
            };
            let all = world.events.iter().filter(owed);
            all.into_iter()
                .all(|event| event.inbox == Inbox::Applied || event.is_behind(world))
        },
        at_rest: true,
    },
];

impl Event {
    fn is_honest(&self) -> bool {
        self.status != Status::Published || self.arrived
    }

    fn is_settled(&self) -> bool {
        matches!(
            self.status,
            Status::Published | Status::Failed | Status::Gone
        ) || self.held
    }

    /// Behind one that was given up, its place cannot come.
    fn is_behind(&self, world: &World) -> bool {
        let failed = |event: &Event| event.status == Status::Failed;
        let of = world
            .events
            .iter()
            .filter(|event| event.auction == self.auction);
        of.into_iter()
            .any(|event| failed(event) && event.sequence < self.sequence)
    }
}

fn is_owned(world: &World, event: &Event) -> bool {
    let token = world.lanes.get(&event.lane).map(|lane| lane.token);
    let current = match event.status {
        Status::Processing(under) => Some(under) == token,
        _ => true,
    };
    current && !event.marked_by_a_stranger
}

fn prefixes(world: &World) -> bool {
    world.auctions.values().all(|auction| {
        let applied = |number: &EventNo| world.events[*number as usize].inbox == Inbox::Applied;
        let count = auction
            .places
            .iter()
            .filter(|number| applied(number))
            .count();
        count == auction.standing as usize && auction.places.iter().take(count).all(applied)
    })
}
