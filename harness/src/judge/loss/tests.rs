use super::*;
use crate::history::Event;
use crate::judge::proof::story::{Story, finding, reason, verdict};

/// A clean run in which event 3 came only so far.
fn stopped_at(state: State) -> Story {
    let mut story = Story::clean();
    story.lose_delivery(3);
    story.change_last(|tables| {
        tables.outbox[2].state = state;
        tables.effects.retain(|row| row.item.id != Story::id(3));
    });
    story
}

#[test]
fn each_stage_is_told_apart() {
    let stages = [
        (State::Waiting, "1 events lost, committed and never fetched"),
        (State::Held, "1 events lost, fetched and never published"),
        (
            State::Sent,
            "1 events lost, marked as sent and never delivered",
        ),
        (State::GivenUp, "1 events given up"),
    ];
    for (state, said) in stages {
        assert_eq!(
            reason(check, &stopped_at(state)),
            (Verdict::Fail, said.to_owned())
        );
    }
    let mut story = Story::clean();
    story.lose_delivery(3);
    let said = "1 events applied by the consumer that the witness never saw";
    assert_eq!(reason(check, &story), (Verdict::Fail, said.to_owned()));
}

#[test]
fn what_retention_has_deleted_was_delivered_or_is_lost() {
    let mut story = Story::clean();
    story.delete_sent(3);
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.lose_delivery(3);
    let said = "1 events lost, deleted and never delivered".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}

#[test]
fn who_has_deleted_all_that_was_sent_has_not_sent_nothing() {
    let mut story = Story::clean();
    (1..=3).for_each(|number| story.delete_sent(number));
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn late_is_not_lost_and_published_is() {
    for (state, expected) in [
        (State::Waiting, Verdict::Unknown),
        (State::Sent, Verdict::Fail),
    ] {
        let mut story = stopped_at(state);
        story.not_recovered();
        assert_eq!(verdict(check, &story), expected);
    }
}

#[test]
fn giving_up_is_legal_where_the_story_says_so() {
    let mut story = stopped_at(State::GivenUp);
    story.expect("events_failed", "= 1");
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn who_promises_to_give_up_in_an_outage_may_lose_nothing_else() {
    let promised = |mut story: Story| {
        story.subject(|subject| subject.promises.gives_up_after_ms = Some(0));
        verdict(check, &story)
    };
    assert_eq!(promised(stopped_at(State::GivenUp)), Verdict::Pass);
    assert_eq!(promised(stopped_at(State::Sent)), Verdict::Fail);
    let mut unseen = stopped_at(State::Sent);
    unseen.subject(|subject| {
        subject.promises.gives_up_after_ms = Some(0);
        subject.shows.given_up = false;
    });
    assert!(matches!(
        check(&unseen.history()),
        Err(Unjudgeable::NotShown(_))
    ));
}

#[test]
fn what_waits_behind_a_failed_event_is_not_lost() {
    let mut story = stopped_at(State::Waiting);
    story.lose_delivery(2);
    story.change_last(|tables| tables.outbox[1].state = State::GivenUp);
    story.expect("events_failed", "= 1");
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn an_unexpected_dead_letter_fails() {
    let mut story = Story::clean();
    story.change_last(|tables| tables.dead_letters = 1);
    assert_eq!(verdict(check, &story), Verdict::Fail);
    story.expect("dead_letters", "= 1");
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn what_came_to_the_consumer_alone_is_told_by_how_far_it_came() {
    let mut story = Story::clean();
    story.lose_delivery(3);
    story.change_last(|tables| tables.effects[2].times = 0);
    let said = "1 events received by the consumer that the witness never saw".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
    let examples = finding(check, &story).examples;
    assert!(
        examples[0].ends_with(" was received by the consumer last"),
        "{examples:?}"
    );
}

#[test]
fn an_event_that_says_nothing_is_lost_if_it_is_marked_as_sent() {
    let mut story = stopped_at(State::Sent);
    story.change_last(|tables| tables.outbox[2].item = Err("spoiled".to_owned()));
    let said = "1 events lost, marked as sent and never delivered".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}

/// A run in which event 2 was given up and event 3 waits, or the other way round.
fn given_up_and_waiting(given_up: usize, waiting: usize) -> Story {
    let mut story = Story::clean();
    story.lose_delivery(2);
    story.lose_delivery(3);
    story.change_last(|tables| {
        tables.effects.truncate(1);
        tables.outbox[given_up].state = State::GivenUp;
        tables.outbox[waiting].state = State::Waiting;
    });
    story
}

#[test]
fn only_what_stands_behind_an_event_given_up_may_wait_for_it_where_the_story_says_so() {
    let unsaid = "1 events given up; 1 events lost, committed and never fetched".to_owned();
    let mut story = given_up_and_waiting(1, 2);
    assert_eq!(reason(check, &story), (Verdict::Fail, unsaid));
    story.expect("events_failed", "= 1");
    let found = finding(check, &story);
    assert_eq!(found.verdict, Verdict::Pass);
    let counts = [
        ("events", 3),
        ("events delivered", 1),
        ("events given up, as the story says", 1),
        ("events held back behind one given up", 1),
    ];
    assert_eq!(
        found.counts,
        counts.map(|(what, n)| (what.to_owned(), n)).into()
    );
    let mut before = given_up_and_waiting(2, 1);
    before.expect("events_failed", "= 1");
    assert_eq!(verdict(check, &before), Verdict::Fail);
}

/// Of a stranger, one of whose messages never came.
fn unheard() -> Story {
    let mut story = Story::of_a_stranger();
    story.lose_delivery(3);
    story
}

const NEVER_HEARD: &str = "1 operations accepted and never heard of";

#[test]
fn what_was_accepted_has_an_event_or_was_heard_or_deleted() {
    let mut story = unheard();
    story.change_last(|tables| _ = tables.outbox.pop());
    assert_eq!(
        reason(check, &story),
        (Verdict::Fail, NEVER_HEARD.to_owned())
    );
    let mut heard = Story::of_a_stranger();
    heard.change_last(|tables| _ = tables.outbox.pop());
    assert_eq!(verdict(check, &heard), Verdict::Pass);
    let mut deleted = unheard();
    deleted.delete_sent(3);
    let said = "1 events lost, deleted and never delivered".to_owned();
    assert_eq!(reason(check, &deleted), (Verdict::Fail, said));
    // Whether a row was sent when it was deleted is not seen then.
    deleted.subject(|subject| subject.shows.sent = false);
    assert_eq!(
        reason(check, &deleted),
        (Verdict::Fail, NEVER_HEARD.to_owned())
    );
    let said = "1 events lost, marked as sent and never delivered".to_owned();
    let mut marked = unheard();
    marked.change_last(|tables| tables.effects.clear());
    assert_eq!(reason(check, &marked), (Verdict::Fail, said));
    // Of the lab's own, `atomic` tells.
    let mut own = Story::clean();
    own.lose_delivery(3);
    own.change_last(|tables| _ = tables.outbox.pop());
    assert_eq!(verdict(check, &own), Verdict::Pass);
}

#[test]
fn who_was_told_nothing_is_owed_nothing_without_a_row() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    let op = story.ask(2, 1, 20);
    story.times_out(op);
    story.finish();
    story.estrange();
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.subject(|subject| (subject.shows.outbox, subject.shows.stored) = (false, false));
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn where_rows_leave_what_was_stored_or_accepted_is_heard() {
    for stored in [true, false] {
        let shown = |mut story: Story| {
            story.subject(|subject| {
                (subject.shows.rows_leave, subject.shows.stored) = (true, stored);
            });
            story
        };
        let found = finding(check, &shown(Story::of_a_stranger()));
        assert_eq!(found.verdict, Verdict::Pass);
        let counts = [("events", 3), ("events delivered", 3)];
        assert_eq!(
            found.counts,
            counts.map(|(what, n)| (what.to_owned(), n)).into()
        );
        let mut story = shown(unheard());
        assert_eq!(
            reason(check, &story),
            (Verdict::Fail, NEVER_HEARD.to_owned())
        );
        story.not_recovered();
        let said = "1 events still on their way".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Unknown, said));
        // What was deleted is not on its way any more.
        story.delete_sent(3);
        assert_eq!(
            reason(check, &story),
            (Verdict::Fail, NEVER_HEARD.to_owned())
        );
    }
}

#[test]
fn a_log_that_cannot_be_followed_is_missed_only_where_rows_leave_or_are_not_seen() {
    let judged = |change: fn(&mut crate::history::Shows)| {
        let mut story = Story::of_a_stranger();
        story.drop_events(|event| matches!(event, Event::LedgerClosed { .. }));
        story.subject(|subject| change(&mut subject.shows));
        check(&story.history()).map(|found| found.verdict)
    };
    assert!(matches!(judged(|_| ()), Ok(Verdict::Pass)));
    assert!(matches!(
        judged(|shows| shows.rows_leave = true),
        Err(Unjudgeable::Ledger(_))
    ));
    assert!(matches!(
        judged(|shows| shows.outbox = false),
        Err(Unjudgeable::Ledger(_))
    ));
}
