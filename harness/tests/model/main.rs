//! The protocol, searched: every order of steps in small worlds. What the rules of today keep, and how those of yesterday broke.

mod budget;
mod moves;
mod search;

use std::{collections::BTreeSet, time::Instant};

use outbox_harness::judge::model::{PROPERTIES, Rules};
use stateright::{Checker, Model};

use budget::Budget;
use search::Search;

/// One relay, one lane, one auction; nothing goes wrong.
fn quiet(bids: &[u8]) -> Search {
    Search {
        rules: Rules::TODAY,
        relays: 1,
        lane_of: vec![0; bids.len()],
        window: 2,
        slow_writers: false,
        consumer: false,
        budget: Budget {
            bids: bids.to_vec(),
            ..Budget::default()
        },
        reaches: vec!["a rest"],
    }
}

/// Searches everything within the bounds. Says which properties do not hold, and how that comes about; and what was reached.
fn searched(name: &str, search: &Search) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let began = Instant::now();
    let checker = search.clone().checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} worlds, {} deep, {:.1?}",
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    let (mut broken, mut reached) = (BTreeSet::new(), BTreeSet::new());
    for (found, path) in checker.discoveries() {
        let Some(property) = PROPERTIES.iter().find(|property| property.checker == found) else {
            reached.insert(found);
            continue;
        };
        println!("{name}: not kept ({found}): {}", property.what);
        for taken in path.into_actions() {
            println!("    {:?}", taken.steps);
        }
        broken.insert(found);
    }
    (broken, reached)
}

fn broken(name: &str, search: &Search) -> BTreeSet<&'static str> {
    searched(name, search).0
}

fn keeps(name: &str, search: &Search) {
    let (broken, reached) = searched(name, search);
    assert_eq!(broken, BTreeSet::new(), "{name}");
    let wanted: BTreeSet<&str> = search.reaches.iter().copied().collect();
    assert_eq!(reached, wanted, "{name}");
}

fn two_relays() -> Search {
    Search {
        relays: 2,
        ..quiet(&[2])
    }
}

/// Two auctions of one lane, whose writers take their time.
fn slow_writers() -> Search {
    Search {
        slow_writers: true,
        ..quiet(&[2, 2])
    }
}

/// A claim's answer does not come in time.
fn answers_lost() -> Search {
    let mut search = quiet(&[2]);
    search.budget.give_ups = 1;
    search
}

/// A consumer dies, and somebody sends a message again.
fn with_consumer(bids: &[u8]) -> Search {
    let mut search = Search {
        consumer: true,
        ..quiet(bids)
    };
    search.budget.returns = 1;
    search.budget.copies = 1;
    search
}

#[test]
fn a_relay_that_dies_is_followed_by_another() {
    let mut search = two_relays();
    search.budget.crashes = 1;
    search.budget.cuts = 1;
    keeps("crash", &search);
}

#[test]
fn a_lease_ends_while_its_owner_lives() {
    let mut search = two_relays();
    search.budget.expiries = 1;
    search.budget.give_ups = 1;
    keeps("expiry", &search);
}

#[test]
fn lanes_change_hands_in_good_order() {
    let mut search = two_relays();
    search.lane_of = vec![0, 1];
    search.budget.bids = vec![1, 1];
    search.budget.drains = 1;
    search.budget.cuts = 1;
    search.reaches.push("a lane without an owner");
    keeps("drain", &search);
}

#[test]
fn two_relays_two_lanes_and_whatever_can_happen_once() {
    let mut search = two_relays();
    search.lane_of = vec![0, 1];
    search.budget.bids = vec![1, 1];
    search.budget.crashes = 1;
    search.budget.give_ups = 1;
    keeps("two lanes", &search);
}

#[test]
fn a_claim_that_is_carried_out_late_takes_nothing() {
    keeps("late claim", &answers_lost());
}

#[test]
fn under_one_token_for_all_sessions_it_took_events_into_nobodys_hands() {
    let mut search = answers_lost();
    search.rules = Rules::LATE_CLAIM;
    let broken = broken("late claim, before", &search);
    assert!(broken.is_superset(&["order", "marks"].into()));
}

#[test]
fn an_event_that_is_committed_late_is_found() {
    let mut search = slow_writers();
    search.budget.aborts = 1;
    search.reaches.push("a raised floor");
    keeps("floor", &search);
}

#[test]
fn below_a_floor_by_the_snapshots_end_it_was_overtaken() {
    let mut search = slow_writers();
    search.rules = Rules::WRONG_FLOOR;
    let broken = broken("floor, before", &search);
    assert!(broken.is_superset(&["order", "marks"].into()));
}

#[test]
fn a_lane_that_drains_and_is_taken_up_again_hides_nothing() {
    let mut search = slow_writers();
    search.relays = 2;
    search.budget.bids = vec![2, 1];
    search.budget.drains = 1;
    keeps("floor of a draining lane", &search);
}

#[test]
fn what_waits_for_a_spoilt_event_follows_it_when_it_is_mended() {
    let mut search = quiet(&[2, 1]);
    search.budget.spoilt = 1;
    search.budget.repairs = 1;
    search.reaches.push("a recall");
    keeps("poison", &search);
}

#[test]
fn where_nothing_waits_for_a_failed_event_the_others_keep_their_order() {
    let mut search = quiet(&[3]);
    search.rules.hold_failed = false;
    search.budget.spoilt = 1;
    search.budget.repairs = 1;
    search.reaches.push("a recall");
    keeps("poison, skipped", &search);
}

#[test]
fn a_relay_that_stops_leaves_its_lanes_to_another() {
    let mut search = two_relays();
    search.budget.leaves = 1;
    search.budget.give_ups = 1;
    search.reaches.push("a lane without an owner");
    keeps("leave", &search);
}

#[test]
fn what_a_takeover_gives_up_holds_its_auction_until_it_is_put_back() {
    let mut search = two_relays();
    search.budget.crashes = 1;
    search.budget.given_up = 1;
    search.budget.repairs = 1;
    search.reaches.push("a recall");
    keeps("given up", &search);
}

/// One event a window, and the broker refuses one.
fn refused(bids: u8) -> Search {
    let mut search = Search {
        window: 1,
        ..quiet(&[bids])
    };
    search.budget.refusals = 1;
    search.reaches.push("a refusal");
    search
}

#[test]
fn what_was_refused_is_overtaken_by_no_more_than_the_next_window() {
    keeps("refusal", &refused(3));
}

#[test]
fn a_bid_takes_effect_once_and_in_its_place() {
    let mut search = with_consumer(&[2]);
    search.budget.refusals = 1;
    search.budget.purges = 1;
    search.reaches.extend(["a refusal", "a purge"]);
    keeps("consumer", &search);
}

#[test]
fn each_rule_keeps_something() {
    let lacking = |change: fn(&mut Rules), search: Search| {
        let mut search = search;
        change(&mut search.rules);
        broken("a rule is missing", &search)
    };
    let mut leases_end = two_relays();
    leases_end.budget.expiries = 1;
    let stale = lacking(|rules| rules.marks_present_tokens = false, leases_end);
    assert!(stale.contains("ownership"));
    let endless = lacking(|rules| rules.refusals_end_sessions = false, refused(3));
    assert!(endless.contains("order"));
    let mut cut = quiet(&[1]);
    cut.budget.cuts = 1;
    let unconfirmed = lacking(|rules| rules.marks_wait_for_confirms = false, cut);
    assert!(unconfirmed.contains("loss"));
    let copies = || with_consumer(&[2]);
    let forgetful = lacking(|rules| rules.inbox_knows = false, copies());
    assert!(forgetful.contains("dedup"));
    let hasty = lacking(|rules| rules.gaps_hold = false, copies());
    assert!(hasty.contains("places"));
    let careless = lacking(|rules| rules.acks_wait_for_receipts = false, copies());
    assert!(careless.contains("recovery"));
}

/// Minutes, not seconds: `cargo test --release -p outbox-harness --test model -- --ignored --nocapture`.
#[test]
#[ignore = "larger bounds; takes minutes"]
fn more_of_everything() {
    let mut leases = two_relays();
    leases.budget.crashes = 1;
    leases.budget.expiries = 1;
    leases.budget.give_ups = 1;
    keeps("one lane, more", &leases);
    let mut lanes = two_relays();
    lanes.lane_of = vec![0, 1];
    lanes.budget.bids = vec![2, 1];
    lanes.budget.crashes = 1;
    lanes.budget.give_ups = 1;
    keeps("two lanes, more", &lanes);
    let mut writers = slow_writers();
    writers.relays = 2;
    writers.budget.aborts = 1;
    writers.budget.drains = 1;
    keeps("floor, more", &writers);
    let mut consumer = with_consumer(&[3]);
    consumer.budget.refusals = 1;
    keeps("consumer, more", &consumer);
}
