//! Lanes, leases, claims and what is done to events beside them.

use super::*;

#[test]
fn a_mark_whose_token_was_replaced_changes_nothing() {
    let confirmed = |story: &mut Story| {
        let late = event(story, 1);
        for what in ["publish", "confirm"] {
            story.passes("relay -> rabbitmq", 1, what, &late);
        }
        story.rewind(1);
        story.claim(1);
    };
    passes(&claimed_then(confirmed));
    let accepted = claimed_then(|story| {
        confirmed(story);
        story.mark(0);
    });
    let said = refused(&accepted);
    assert!(said.contains("not confirmed under its token"), "{said}");
}

#[test]
fn a_lease_that_has_ended_is_not_renewed() {
    let renewed_after = |us: u64| {
        claimed_then(|story| {
            story.lapse(1);
            story.time_passes(us);
            story.renew(1);
        })
    };
    // A statement that found it alive may take so long.
    passes(&renewed_after(4_000_000));
    assert!(refused(&renewed_after(6_000_000)).contains("a lease is renewed that has ended"));
}

#[test]
fn nothing_is_claimed_under_a_lease_that_has_ended() {
    let claimed_after = |us: u64| {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        story.claim(1);
        story.place(2, 1, 20);
        story.lapse(1);
        story.time_passes(us);
        story.claim(1);
        story.finish();
        story
    };
    passes(&claimed_after(4_000_000));
    let said = refused(&claimed_after(6_000_000));
    assert!(
        said.contains("a lane that is not its relay's now"),
        "{said}"
    );
}

#[test]
fn what_is_put_back_is_recalled() {
    let mut story = claimed_then(|story| story.take_over_and_give_up(1));
    passes(&story);
    story.forget_column("relay_lanes", "recalls");
    assert!(refused(&story).contains("recalled 0 times by its row and 1 times by the model"));
}

#[test]
fn a_lane_may_be_recalled_for_nothing() {
    passes(&claimed_then(|story| story.let_go(1, &[])));
}

/// Auctions 1 and 65 share a lane. An event of the second was given up; then two of the first come, and one of the second.
fn behind_one_given_up() -> Story {
    let mut story = Story::new();
    story.opens(1);
    story.opens(65);
    story.place(1, 65, 10);
    story.claim(65);
    story.take_over_giving_up(65);
    story.place(2, 1, 10);
    story.place(3, 1, 20);
    story.place(4, 65, 20);
    story
}

#[test]
fn a_claim_may_take_fewer_than_it_puts_aside() {
    let mut story = behind_one_given_up();
    story.claim_some(&[1], &[3]);
    story.publish(1);
    story.requeue(65);
    story.let_go(65, &[3]);
    story.claim_some(&[0, 2, 3], &[]);
    story.finish();
    passes(&story);
}

#[test]
fn a_claim_passes_nothing_by_but_what_it_puts_aside() {
    let mut story = behind_one_given_up();
    story.claim_some(&[2], &[3]);
    story.finish();
    assert!(refused(&story).contains("passes by what comes first"));
    let mut story = behind_one_given_up();
    story.claim_some(&[1], &[2]);
    story.finish();
    assert!(refused(&story).contains("put aside that waits for none"));
}

/// No message can be made of an auction's first event. It fails, and so much later the second one is claimed all the same.
fn claimed_behind_a_failure(after_us: u64) -> Story {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    story.spoil(0);
    story.claim(1);
    story.place(2, 1, 20);
    story.give_up(1);
    for _ in 0..2 {
        story.time_passes(after_us / 2);
        story.renew(1);
    }
    story.claim(1);
    story.rewind(1);
    story.mend(0);
    story.requeue(1);
    story.finish();
    story
}

#[test]
fn a_claim_holds_nothing_back_for_what_fails_while_it_is_carried_out() {
    passes(&claimed_behind_a_failure(0));
}

#[test]
fn a_claim_takes_nothing_past_what_failed_long_before() {
    let said = refused(&claimed_behind_a_failure(6_000_000));
    assert!(said.contains("claimed past one that has failed"), "{said}");
}
