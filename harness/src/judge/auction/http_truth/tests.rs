use super::*;
use crate::judge::proof::content::user_id;
use crate::judge::proof::story::{Story, finding, verdict};
use crate::judge::verdict::Verdict::{Fail, Pass};

/// One auction with one bid of 100, then what the test adds.
fn after(add: impl FnOnce(&mut Story)) -> crate::judge::verdict::Verdict {
    let mut story = Story::new();
    story.opens(1);
    story.closed(9);
    story.place(1, 1, 100);
    add(&mut story);
    story.finish();
    verdict(check, &story)
}

fn refused(
    bid: u128,
    auction: u128,
    amount: i64,
    status: u16,
    code: &str,
) -> crate::judge::verdict::Verdict {
    after(|story| {
        let op = story.ask(bid, auction, amount);
        story.refuse(op, status, code);
    })
}

#[test]
fn the_same_bid_again_is_200_never_201() {
    let repeat = |status| {
        after(|story| {
            let op = story.ask(1, 1, 100);
            story.accept(op, status);
        })
    };
    assert_eq!(repeat(200), Pass);
    assert_eq!(repeat(201), Fail);
    assert_eq!(repeat(202), Fail);
}

#[test]
fn the_same_bid_id_with_another_amount_is_a_conflict() {
    assert_eq!(refused(1, 1, 101, 409, "bid_conflict"), Pass);
    assert_eq!(refused(2, 1, 101, 409, "bid_conflict"), Fail);
    assert_eq!(refused(1, 1, 100, 409, "bid_conflict"), Fail);
    let accepted = after(|story| {
        let op = story.ask(1, 1, 101);
        story.accept(op, 200);
    });
    assert_eq!(accepted, Fail);
}

#[test]
fn too_low_needs_a_higher_or_equal_bid_or_price() {
    assert_eq!(refused(2, 1, 100, 422, "bid_too_low"), Pass);
    assert_eq!(refused(2, 1, 101, 422, "bid_too_low"), Fail);
    assert_eq!(refused(2, 1, 0, 422, "bid_too_low"), Pass);
}

#[test]
fn a_bid_that_overtook_on_the_way_explains_too_low() {
    let raced = |overtaker_stored: bool| {
        after(|story| {
            let low = story.ask(2, 1, 150);
            let high = story.ask(3, 1, 200);
            if overtaker_stored {
                story.store(3, 1, 200);
            }
            story.refuse(low, 422, "bid_too_low");
            story.times_out(high);
        })
    };
    assert_eq!(raced(true), Pass);
    assert_eq!(raced(false), Fail);
    let sent_after_the_answer = after(|story| {
        let low = story.ask(2, 1, 150);
        story.refuse(low, 422, "bid_too_low");
        story.place(3, 1, 200);
    });
    assert_eq!(sent_after_the_answer, Fail);
}

#[test]
fn closed_is_said_of_closed_auctions_only() {
    assert_eq!(refused(2, 9, 100, 422, "auction_closed"), Pass);
    assert_eq!(refused(2, 1, 200, 422, "auction_closed"), Fail);
    assert_eq!(after(|story| story.place(2, 9, 200)), Fail);
}

#[test]
fn an_auction_that_was_called_closed_takes_no_bid_that_is_sent_afterwards() {
    let then = |add: fn(&mut Story)| {
        after(|story| {
            story.closes(2, "3s");
            story.time_passes(3_000_000);
            let op = story.ask(2, 2, 100);
            story.refuse(op, 422, "auction_closed");
            add(story);
        })
    };
    assert_eq!(then(|_| ()), Pass);
    assert_eq!(then(|story| story.place(3, 2, 200)), Fail);
}

#[test]
fn an_auction_is_not_called_closed_long_before_its_close() {
    let called_closed_at = |us: u64| {
        after(|story| {
            story.closes(2, "3s");
            story.time_passes(us);
            let op = story.ask(2, 2, 100);
            story.refuse(op, 422, "auction_closed");
        })
    };
    assert_eq!(called_closed_at(1_500_000), Fail);
    assert_eq!(called_closed_at(2_900_000), Pass);
}

#[test]
fn a_refusal_has_the_status_of_its_code() {
    assert_eq!(refused(2, 9, 100, 409, "auction_closed"), Fail);
    assert_eq!(refused(2, 1, 100, 409, "bid_too_low"), Fail);
    assert_eq!(refused(1, 1, 101, 422, "bid_conflict"), Fail);
}

#[test]
fn a_bug_is_no_outage() {
    let answered = |status| {
        after(|story| {
            let op = story.ask(2, 1, 200);
            story.unavailable(op, status);
        })
    };
    assert_eq!(answered(503), Pass);
    assert_eq!(answered(499), Pass);
    assert_eq!(answered(500), Fail);
    assert_eq!(refused(2, 1, 200, 404, "auction_not_found"), Fail);
    assert_eq!(refused(2, 1, 200, 400, "malformed"), Fail);
}

#[test]
fn an_answer_that_makes_no_sense_is_untrue() {
    let nonsense = after(|story| {
        let op = story.ask(2, 1, 200);
        story.nonsense(op, 201);
    });
    assert_eq!(nonsense, Fail);
}

#[test]
fn a_bid_once_accepted_is_not_refused_later() {
    let outbid_then_retried = after(|story| {
        story.place(2, 1, 200);
        let op = story.ask(1, 1, 100);
        story.refuse(op, 422, "bid_too_low");
    });
    assert_eq!(outbid_then_retried, Fail);
}

#[test]
fn every_answer_is_counted_and_nothing_else() {
    let mut story = Story::clean();
    _ = story.ask(9, 1, 900);
    assert_eq!(finding(check, &story).counts["answers"], 3);
}

#[test]
fn too_low_is_judged_by_what_was_there_in_the_order_in_which_it_was_asked_for() {
    // The higher of two bids was asked for before the answer, and is stored behind one that was asked for after it.
    let between = after(|story| {
        let high = story.ask(2, 1, 300);
        let op = story.ask(4, 1, 250);
        story.refuse(op, 422, "bid_too_low");
        let late = story.ask(3, 1, 200);
        story.store(3, 1, 200);
        story.store(2, 1, 300);
        story.accept(late, 201);
        story.accept(high, 201);
    });
    assert_eq!(between, Pass);
    // What was asked for under the id before is not what is stored.
    let asked_otherwise_before = after(|story| {
        let other = story.ask(3, 1, 50);
        story.refuse(other, 422, "bid_too_low");
        let low = story.ask(2, 1, 150);
        story.refuse(low, 422, "bid_too_low");
        story.place(3, 1, 200);
    });
    assert_eq!(asked_otherwise_before, Fail);
}

#[test]
fn a_price_is_not_too_low_for_itself_and_explains_what_is_below_it() {
    let first = |amount| {
        after(|story| {
            story.opens(2);
            let op = story.ask(2, 2, amount);
            story.refuse(op, 422, "bid_too_low");
        })
    };
    assert_eq!(first(0), Pass);
    assert_eq!(first(1), Fail);
    // Of an auction that was never created nothing is known that could explain it.
    assert_eq!(refused(2, 5, 100, 422, "bid_too_low"), Fail);
}

#[test]
fn an_equal_bid_of_somebody_else_under_the_same_id_may_be_called_too_low() {
    let said_of_an_equal_bid = |who: &str| {
        after(|story| {
            let stored = story.ask(2, 1, 200);
            story.store(2, 1, 200);
            story.times_out(stored);
            let op = story.ask(2, 1, 200);
            story.change_request(op, |asked, _| user_id(&mut asked.content, who));
            story.refuse(op, 422, "bid_too_low");
        })
    };
    assert_eq!(said_of_an_equal_bid("somebody else"), Pass);
    assert_eq!(said_of_an_equal_bid("user 2"), Fail);
}

#[test]
fn an_auction_that_was_not_created_is_not_closed() {
    assert_eq!(refused(2, 5, 100, 422, "auction_closed"), Fail);
    assert_eq!(
        after(|story| story.place(2, 5, 100)),
        Pass,
        "`domain` tells"
    );
}

#[test]
fn a_bid_is_refused_beside_its_own_acceptance_and_as_often_as_it_is_too_low() {
    let outbid_between_two_requests = after(|story| {
        let first = story.ask(2, 1, 150);
        let again = story.ask(2, 1, 150);
        story.store(2, 1, 150);
        story.accept(first, 201);
        story.place(3, 1, 200);
        story.refuse(again, 422, "bid_too_low");
    });
    assert_eq!(outbid_between_two_requests, Pass);
    let refused_twice = after(|story| {
        for _ in 0..2 {
            let op = story.ask(2, 1, 50);
            story.refuse(op, 422, "bid_too_low");
        }
    });
    assert_eq!(refused_twice, Pass);
}

#[test]
fn a_close_is_told_a_second_early_at_most() {
    let answered_before = |us: u64| {
        after(|story| {
            story.closes(2, "3s");
            let op = story.ask(2, 2, 100);
            // Question and answer come a millisecond each after what was before.
            story.time_passes(3_000_000 - us - 2_000);
            story.refuse(op, 422, "auction_closed");
        })
    };
    assert_eq!(answered_before(1_000_000), Pass);
    assert_eq!(answered_before(1_000_001), Fail);
}

#[test]
fn what_shows_nothing_of_a_close_does_not_belie_it() {
    let then = |before: fn(&mut Story) -> u64, add: fn(&mut Story, u64)| {
        after(|story| {
            story.opens(3);
            story.closes(2, "3s");
            let earlier = before(story);
            story.time_passes(3_000_000);
            let op = story.ask(2, 2, 100);
            story.refuse(op, 422, "auction_closed");
            add(story, earlier);
        })
    };
    let refused_later = |story: &mut Story, _| {
        let op = story.ask(3, 2, 200);
        story.refuse(op, 422, "auction_closed");
    };
    assert_eq!(then(|_| 0, refused_later), Pass);
    assert_eq!(
        then(|_| 0, |story, _| story.place(3, 3, 200)),
        Pass,
        "another auction"
    );
    let sent = |story: &mut Story| story.ask(3, 2, 200);
    let accepted = |story: &mut Story, op: u64| {
        story.store(3, 2, 200);
        story.accept(op, 201);
    };
    assert_eq!(then(sent, accepted), Pass, "sent before");
    let accepted_when_asked_again = |story: &mut Story, op: u64| {
        story.times_out(op);
        story.store(3, 2, 200);
        let again = story.ask(3, 2, 200);
        story.accept(again, 200);
    };
    assert_eq!(
        then(sent, accepted_when_asked_again),
        Pass,
        "first sent before"
    );
}

#[test]
fn only_other_content_that_was_asked_for_before_is_in_conflict() {
    let not_with_itself = after(|story| {
        let first = story.ask(2, 1, 200);
        story.store(2, 1, 200);
        story.times_out(first);
        let again = story.ask(2, 1, 200);
        story.refuse(again, 409, "bid_conflict");
    });
    assert_eq!(not_with_itself, Fail);
    let not_with_what_came_later = after(|story| {
        let op = story.ask(2, 1, 300);
        story.refuse(op, 409, "bid_conflict");
        story.place(2, 1, 200);
    });
    assert_eq!(not_with_what_came_later, Fail);
}
