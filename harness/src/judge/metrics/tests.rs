use uuid::Uuid;

use super::*;
use crate::{
    history::{Asked, Content, Entry, Event, FaultPhase, Footprint, Key, Outcome, Purpose},
    judge::proof::story::Story,
};

/// What happened at which millisecond.
struct Told(Vec<Entry>);

impl Told {
    fn at(mut self, ms: u64, event: Event) -> Self {
        let at_us = ms * 1_000;
        self.0.push(Entry { at_us, event });
        self
    }

    fn fault(self, ms: u64, phase: FaultPhase) -> Self {
        let (fault, detail) = (0, String::new());
        self.at(
            ms,
            Event::Fault {
                fault,
                phase,
                detail,
            },
        )
    }

    /// A fault that cuts from one moment to another.
    fn bitten(self, from: u64, to: u64, within: impl FnOnce(Self) -> Self) -> Self {
        let (fault, what, count) = (0, "connections_cut".to_owned(), 1);
        let broken = self
            .fault(from, FaultPhase::Asked)
            .fault(from, FaultPhase::Applied)
            .at(from, Event::Bite { fault, what, count });
        within(broken).fault(to, FaultPhase::Healed)
    }

    /// A request of the load that is answered at another moment; a status of 500 and more says nothing.
    fn asked(self, op: u64, from: u64, to: u64, status: u16) -> Self {
        self.asked_for(Purpose::Workload, op, from, to, status)
    }

    fn asked_for(self, purpose: Purpose, op: u64, from: u64, to: u64, status: u16) -> Self {
        let asked = Asked {
            id: Uuid::from_u128(op.into()),
            key: Key::numbered(1),
            content: Content::new(),
        };
        let via = "api 1".to_owned();
        let outcome = match status {
            500.. => Outcome::Unknown {
                status: Some(status),
                reason: "no answer".to_owned(),
            },
            _ => Outcome::Accepted {
                status: Some(status),
                n: None,
                content: Content::new(),
            },
        };
        let invoked = Event::Invoked {
            op,
            asked,
            via,
            purpose,
        };
        self.at(from, invoked)
            .at(to, Event::Completed { op, outcome })
    }

    fn recovery(self) -> Option<Recovery> {
        let ended = self.0.last().map_or(0, |entry| entry.at_us / 1_000);
        let whole = self.at(ended, Event::Ended);
        Recovery::of(&History::new(whole.0, None))
    }
}

fn told() -> Told {
    Told(Vec::new())
}

#[test]
fn each_time_is_from_its_own_moment_to_its_own() {
    let run = told()
        .asked(1, 0, 10, 201)
        .bitten(100, 1_000, |run| {
            run.asked(2, 110, 150, 503).asked(3, 300, 700, 503)
        })
        .asked(4, 1_050, 1_200, 201)
        .at(
            1_700,
            Event::CaughtUp {
                fault: 0,
                after_ms: 700,
            },
        )
        .recovery();
    let expected = Recovery {
        detection: Some(Took::Ms(50)),
        longest_gap: Took::Ms(1_090),
        downtime: Took::Ms(550),
        first_success: Some(Took::Ms(200)),
        drain: Some(Took::Ms(700)),
    };
    assert_eq!(run, Some(expected));
}

#[test]
fn what_nobody_lived_to_see_is_longer_than_what_was_waited() {
    let run = told()
        .asked(1, 0, 10, 201)
        .bitten(100, 1_000, |run| run.asked(2, 110, 150, 503))
        .asked(3, 1_100, 3_000, 503)
        .at(5_000, Event::Healed)
        .recovery()
        .expect("a fault that bit");
    assert_eq!(run.longest_gap, Took::MoreThanMs(4_890));
    assert_eq!(run.downtime, Took::MoreThanMs(4_850));
    assert_eq!(run.first_success, Some(Took::MoreThanMs(4_000)));
    assert_eq!(run.drain, Some(Took::MoreThanMs(4_000)));
}

#[test]
fn clients_who_are_all_told_have_noticed_nothing() {
    let run = told()
        .asked(1, 0, 10, 201)
        .bitten(100, 200, |run| run.asked(2, 110, 150, 201))
        .recovery()
        .expect("a fault that bit");
    assert_eq!((run.detection, run.downtime), (None, Took::Ms(0)));
    assert_eq!(run.longest_gap, Took::Ms(40));
}

#[test]
fn while_nobody_asks_there_is_no_gap_unless_one_was_open() {
    let canary = |run: Told| run.asked_for(Purpose::Canary, 9, 4_900, 5_000, 201);
    let calm = || told().asked(1, 0, 10, 201).bitten(20, 30, |run| run);
    let gap = |run: Told| canary(run).recovery().map(|run| run.longest_gap);
    assert_eq!(gap(calm()), Some(Took::Ms(100)));
    let next_window = calm().asked(2, 3_000, 3_020, 201);
    assert_eq!(gap(next_window), Some(Took::Ms(100)));
    let open = told()
        .asked(1, 0, 10, 201)
        .bitten(20, 30, |run| run.asked(2, 21, 25, 503));
    assert_eq!(gap(open), Some(Took::Ms(4_979)));
}

#[test]
fn what_is_open_hides_in_nothing_that_was_longer_and_what_stood_in_the_way_counts_for_nobody() {
    let phase = |run: Told, ms: u64, fault: usize, phase: FaultPhase| {
        let detail = String::new();
        run.at(
            ms,
            Event::Fault {
                fault,
                phase,
                detail,
            },
        )
    };
    let mut run = told().bitten(100, 1_000, |run| run);
    run = phase(run, 1_000, 1, FaultPhase::Asked);
    run = phase(run, 1_000, 1, FaultPhase::Applied);
    run = run.at(
        1_100,
        Event::CaughtUp {
            fault: 1,
            after_ms: 0,
        },
    );
    run = phase(run, 9_000, 1, FaultPhase::Healed);
    let drain = |run: Told| run.recovery().and_then(|run| run.drain);
    // Nobody made good what the first one had held up: from when the second one was gone nothing stood in the way.
    assert_eq!(
        drain(run.at(9_500, Event::Healed)),
        Some(Took::MoreThanMs(500))
    );
    assert_eq!(
        Took::Ms(5_000).longest(Took::MoreThanMs(100)),
        Took::MoreThanMs(5_000)
    );
    assert_eq!(Took::Ms(5).longest(Took::Ms(7)), Took::Ms(7));
}

#[test]
fn nothing_is_measured_of_a_fault_that_did_nothing() {
    let idle = told()
        .asked(1, 0, 10, 201)
        .fault(20, FaultPhase::Asked)
        .fault(20, FaultPhase::Applied)
        .fault(30, FaultPhase::Healed);
    assert_eq!(idle.recovery(), None);
}

#[test]
fn what_a_process_held_is_told_from_the_first_look_to_the_last() {
    let look = |run: Told, resident_kb| {
        let footprint = Footprint {
            pid: 7,
            resident_kb,
            threads: 4,
            descriptors: 20,
        };
        let process = "relay 1".to_owned();
        run.at(1, Event::Holds { process, footprint })
    };
    let run = [30, 90, 40].into_iter().fold(told(), look);
    let held = held::of(&History::new(run.0, None))["relay 1"];
    let seen = (held.first.resident_kb, held.last.resident_kb, held.looks);
    assert_eq!(seen, (30, 40, 3));
}

#[test]
fn order_is_measured_in_the_terms_of_rfc_4737() {
    let measured = |places: &[(u16, u16)]| {
        let mut story = Story::clean();
        for (one, other) in places {
            story.swap_deliveries(u128::from(*one), u128::from(*other));
        }
        Order::of(&story.history()).expect("an order")
    };
    let calm = measured(&[]);
    assert_eq!((calm.reordered, calm.extent, calm.n_reordering), (0, 0, 0));
    assert_eq!(calm.received, 3);
    // 3, 2, 1: the last one stands behind two that are later.
    let turned = measured(&[(1, 3)]);
    assert_eq!(
        (turned.reordered, turned.extent, turned.n_reordering),
        (2, 2, 2)
    );
    // 2, 3, 1 and 1, 3, 2.
    let late = measured(&[(1, 2), (1, 3)]);
    assert_eq!((late.reordered, late.extent, late.n_reordering), (1, 2, 2));
    let next = measured(&[(2, 3)]);
    assert_eq!((next.reordered, next.extent, next.n_reordering), (1, 1, 1));
    assert!((next.ratio() - 1.0 / 3.0).abs() < 1e-9);
}
