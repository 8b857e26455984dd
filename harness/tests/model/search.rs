//! The model as stateright searches it: from one world, by every move that somebody may make.

use outbox_harness::judge::model::{
    Action, AuctionNo, LaneNo, PROPERTIES, RelayNo, Rules, Status, Token, World,
};
use stateright::{Model, Property};

use crate::{budget::Budget, moves::moves};

/// A small world and what may happen in it.
#[derive(Debug, Clone)]
pub struct Search {
    /// By which rules.
    pub rules: Rules,
    /// How many relays there are; the first lanes are theirs, one each.
    pub relays: RelayNo,
    /// Each auction's lane.
    pub lane_of: Vec<LaneNo>,
    /// Events that one claim takes at most.
    pub window: usize,
    /// Writers take their time between locking, drawing and committing.
    pub slow_writers: bool,
    /// There is a consumer.
    pub consumer: bool,
    /// What may happen.
    pub budget: Budget,
    /// What must happen somewhere, or the search shows nothing of it: by the names in [`REACHED`].
    pub reaches: Vec<&'static str>,
}

/// A world, and what may still happen in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// What counts.
    pub world: World,
    /// What may still happen.
    pub left: Budget,
}

/// Steps that are taken at once, and what is left when they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// In this order.
    pub steps: Vec<Action>,
    /// After them.
    pub left: Budget,
    /// Somebody does it sooner or later; what nobody has to do is a fault, or a client's wish.
    pub owed: bool,
}

impl Search {
    /// Its lanes.
    fn lanes(&self) -> impl Iterator<Item = LaneNo> {
        let last = self.lane_of.iter().copied().max().unwrap_or(0);
        0..=last
    }

    /// The lane of an auction.
    pub fn lane(&self, auction: AuctionNo) -> LaneNo {
        self.lane_of[auction as usize]
    }

    /// Nothing is left that somebody does sooner or later.
    fn is_at_rest(&self, state: &State) -> bool {
        !moves(self, state).iter().any(|m| m.owed)
    }
}

impl Model for Search {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        let mut world = World::new(self.lanes(), self.relays);
        for (number, lane) in self.lanes().enumerate() {
            let acquired = Action::Acquire {
                relay: number as RelayNo % self.relays,
                lane,
                token: number as Token + 1,
                back: Vec::new(),
                gave_up: Vec::new(),
            };
            world.step(&self.rules, &acquired).expect("a free lane");
        }
        let left = self.budget.clone();
        vec![State { world, left }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Move>) {
        actions.extend(moves(self, state));
    }

    fn next_state(&self, state: &State, taken: Move) -> Option<State> {
        let mut world = state.world.clone();
        for step in &taken.steps {
            world.step(&self.rules, step).ok()?;
        }
        let left = taken.left;
        Some(State { world, left })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let named = PROPERTIES.iter().zip(HELD);
        let always = named.map(|(property, held)| Property::always(property.checker, held));
        let reached = REACHED
            .iter()
            .filter(|(name, _)| self.reaches.contains(name));
        let sometimes = reached.map(|(name, is)| Property::sometimes(name, *is));
        always.chain(sometimes).collect()
    }
}

type Held = fn(&Search, &State) -> bool;

/// What a search can come to.
pub const REACHED: [(&str, Held); 6] = [
    ("a rest", |search, state| search.is_at_rest(state)),
    ("a lane without an owner", |_, state| {
        state.world.lanes.values().any(|lane| lane.owner.is_none())
    }),
    ("a recall", |_, state| {
        state.world.lanes.values().any(|lane| lane.recalls > 0)
    }),
    ("a raised floor", |_, state| {
        let mut edges = state
            .world
            .relays
            .values()
            .flat_map(|relay| relay.edges.values());
        edges.any(|edge| edge.floor > 0)
    }),
    ("a refusal", |_, state| {
        state
            .world
            .links
            .values()
            .any(|link| !link.refused.is_empty())
    }),
    ("a purge", |_, state| {
        state
            .world
            .committed()
            .any(|(_, event)| event.status == Status::Gone)
    }),
];

/// One function a property: stateright takes no closures.
const HELD: [Held; 7] = [
    held::<0>, held::<1>, held::<2>, held::<3>, held::<4>, held::<5>, held::<6>,
];
const _: () = assert!(HELD.len() == PROPERTIES.len());

fn held<const N: usize>(search: &Search, state: &State) -> bool {
    let property = &PROPERTIES[N];
    if property.checker == "recovery" && !search.consumer {
        return true;
    }
    (property.holds)(&state.world) || (property.at_rest && !search.is_at_rest(state))
}
