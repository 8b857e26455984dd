use uuid::Uuid;

use super::*;
use crate::judge::auction::standing::StandingRow;
use crate::judge::proof::content::amount;
use crate::judge::proof::story::{Story, finding, reason, verdict};

fn changed(change: impl FnOnce(&mut crate::history::Snapshot)) -> Verdict {
    let mut story = Story::clean();
    story.change_last(change);
    verdict(check, &story)
}

fn stands(change: impl FnOnce(&mut StandingRow)) -> Verdict {
    let mut story = Story::clean();
    story.change_standing(change);
    verdict(check, &story)
}

#[test]
fn messages_that_never_carry_their_events_id_fail() {
    let mut story = Story::clean();
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.deliver_as(2, Some("another".to_owned()));
    assert_eq!(verdict(check, &story), Verdict::Fail);
    // One without a name is another checker's.
    story.deliver_as(2, None);
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn a_gap_or_a_doubled_place_fails() {
    assert_eq!(changed(|tables| tables.stored[2].n = 4), Verdict::Fail);
    let mut story = Story::clean();
    story.change_last(|tables| tables.stored[2].n = 2);
    let said = "1 auctions with a gap or a doubled place; 1 bids placed before one that was accepted earlier";
    assert_eq!(reason(check, &story), (Verdict::Fail, said.to_owned()));
}

#[test]
fn a_bid_that_does_not_beat_the_one_before_fails() {
    assert_eq!(
        changed(|tables| amount(&mut tables.stored[2].content, 200)),
        Verdict::Fail
    );
    assert_eq!(
        changed(|tables| amount(&mut tables.stored[2].content, 201)),
        Verdict::Pass
    );
}

#[test]
fn a_first_bid_below_the_starting_price_fails() {
    assert_eq!(
        changed(|tables| amount(&mut tables.stored[0].content, 0)),
        Verdict::Fail
    );
    assert_eq!(
        changed(|tables| amount(&mut tables.stored[0].content, 1)),
        Verdict::Pass
    );
}

#[test]
fn a_bid_placed_after_the_close_fails() {
    let closing = |us: i64| {
        let mut story = Story::new();
        story.closing(1, us);
        (1..=3).for_each(|bid| story.place(bid, 1, 100 * bid as i64));
        story
    };
    let placed = closing(i64::MAX).tables.stored;
    let (second, last) = (placed[1].placed_at_us(), placed[2].placed_at_us());
    let closes_at = |us: i64| {
        let mut story = closing(us);
        story.finish();
        finding(check, &story)
    };
    assert_eq!(closes_at(last + 1).verdict, Verdict::Pass);
    assert_eq!(closes_at(last).verdict, Verdict::Fail);
    let said = format!("bid {} was placed 500 us after the close", Story::id(2));
    assert_eq!(closes_at(second - 500).examples[0], said);
}

#[test]
fn the_standing_shows_the_highest() {
    assert_eq!(stands(|row| row.highest_amount = Some(200)), Verdict::Fail);
    assert_eq!(stands(|row| row.highest_amount = None), Verdict::Fail);
}

#[test]
fn the_standing_names_the_bid_that_is_the_highest() {
    let named = |bid: Option<Uuid>| stands(|row| row.highest_bid_id = bid);
    assert_eq!(named(Some(Story::id(2))), Verdict::Fail);
    assert_eq!(named(None), Verdict::Fail);
    assert_eq!(named(Some(Story::id(3))), Verdict::Pass);
}

#[test]
fn real_time_binds_bids_that_do_not_overlap() {
    let swapped = |overlapping: bool| {
        let mut story = Story::new();
        story.opens(1);
        let first = story.ask(1, 1, 300);
        let early = overlapping.then(|| story.ask(2, 1, 200));
        story.store(2, 1, 200);
        story.store(1, 1, 300);
        story.accept(first, 201);
        let second = early.unwrap_or_else(|| story.ask(2, 1, 200));
        story.accept(second, 201);
        story.finish();
        verdict(check, &story)
    };
    assert_eq!(swapped(false), Verdict::Fail);
    assert_eq!(swapped(true), Verdict::Pass);
}

#[test]
fn a_bid_on_an_auction_that_was_not_created_is_an_error_of_the_lab() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 100);
    story.ask(2, 5, 200);
    story.ask(3, 6, 300);
    story.finish();
    let found = finding(check, &story);
    assert_eq!(found.verdict, Verdict::Error);
    let said = "op 2 bids on an auction that was not created";
    assert_eq!(found.examples, [said]);
}

#[test]
fn a_closed_auction_with_a_bid_fails() {
    let mut story = Story::new();
    story.closed(1);
    story.place(1, 1, 100);
    story.finish();
    let said = "1 closed auctions with bids".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}

#[test]
fn rows_stand_in_no_order_but_that_of_their_places() {
    assert_eq!(changed(|tables| tables.stored.reverse()), Verdict::Pass);
}

#[test]
fn applied_bids_need_a_standing_and_parked_ones_are_not_shown() {
    assert_eq!(changed(|tables| tables.aside.clear()), Verdict::Fail);
    let parked = changed(|tables| {
        tables.effects[2].times = 0;
        tables.restand(|row| {
            row.highest_amount = Some(200);
            row.highest_bid_id = Some(Story::id(2));
        });
    });
    assert_eq!(parked, Verdict::Pass);
}

#[test]
fn of_two_equal_bids_the_first_is_the_highest() {
    let mut story = Story::clean();
    story.change_last(|tables| {
        amount(&mut tables.stored[2].content, 200);
        amount(&mut tables.effects[2].item.content, 200);
        tables.restand(|row| {
            row.highest_amount = Some(200);
            row.highest_bid_id = Some(Story::id(2));
        });
    });
    let said = "1 bids that do not beat the one before".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}

#[test]
fn a_bid_is_sent_when_what_is_stored_is_first_asked_for() {
    let mut story = Story::new();
    story.opens(1);
    let other = story.ask(2, 1, 150);
    story.refuse(other, 422, "bid_too_low");
    let first = story.ask(1, 1, 300);
    story.store(2, 1, 200);
    story.store(1, 1, 300);
    story.accept(first, 201);
    let second = story.ask(2, 1, 200);
    story.accept(second, 201);
    story.finish();
    let said = "1 bids placed before one that was accepted earlier".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}

#[test]
fn each_auction_shows_its_own_highest_bid() {
    assert_eq!(verdict(check, &Story::of_two_auctions()), Verdict::Pass);
}

#[test]
fn a_copy_with_another_name_than_the_first_is_another_checkers() {
    let mut story = Story::clean();
    story.deliver_again(1);
    story.last_delivery().dedup = Some("fresh".to_owned());
    assert_eq!(verdict(check, &story), Verdict::Pass);
}
