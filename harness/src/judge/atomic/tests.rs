use std::collections::BTreeSet;

use super::*;
use crate::history::{Change, Event, Operation, State};
use crate::judge::proof::content::later;
use crate::judge::proof::story::columns::{change, is};
use crate::judge::proof::story::{Story, finding, reason, verdict};
use crate::judge::verdict::Verdict;

#[test]
fn a_bid_without_its_event_fails_even_if_it_comes_later() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    let event = story.tables.outbox[0].clone();
    story.change_tables(|tables| tables.outbox.clear());
    let mut whole = story.clone();
    story.snapshot();
    story.change_tables(|tables| tables.outbox.push(event.clone()));
    story.finish();
    assert_eq!(verdict(check, &story), Verdict::Fail);

    whole.change_tables(|tables| tables.outbox.push(event));
    whole.finish();
    assert_eq!(verdict(check, &whole), Verdict::Pass);
}

#[test]
fn an_operation_without_its_event_counts_once_however_often_it_is_looked_at() {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    story.change_tables(|tables| tables.outbox.clear());
    story.snapshot();
    story.snapshot();
    story.finish();
    let (verdict, said) = reason(check, &story);
    assert_eq!(verdict, Verdict::Fail);
    assert!(said.contains("1 operations without an event"), "{said}");
}

#[test]
fn an_event_without_its_bid_fails() {
    let mut story = Story::clean();
    story.change_last(|tables| _ = tables.stored.pop());
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn two_events_for_a_bid_and_other_content_fail() {
    let mut story = Story::clean();
    story.change_last(|tables| tables.outbox.push(Story::event(1, 1, 100, 1)));
    assert_eq!(verdict(check, &story), Verdict::Fail);
    let mut story = Story::clean();
    story.change_last(|tables| tables.outbox[0].n = 7);
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn an_event_that_says_another_time_than_its_bid_fails() {
    let mut story = Story::clean();
    story.snapshot_early(|tables| later(&mut tables.stored[0].content, 1));
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn a_bid_and_its_event_in_two_transactions_fail_though_every_snapshot_is_whole() {
    let mut story = Story::clean();
    assert_eq!(verdict(check, &story), Verdict::Pass);
    let row = story.tables.outbox[0].row.clone();
    let (at, number) = story.written("outbox_events", &row);
    let event = story.commit_at(at).changes.remove(number);
    story.commit_after(at, vec![event]);
    let said =
        "1 operations committed without their event; 1 events committed without their operation";
    let (verdict, reason) = reason(check, &story);
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        reason.split("; ").collect::<BTreeSet<_>>(),
        said.split("; ").collect()
    );
}

#[test]
fn an_event_committed_with_another_time_than_its_bid_fails() {
    let mut story = Story::clean();
    let (at, number) = story.written(Story::STORED, Story::id(1));
    let row = &mut story.commit_at(at).changes[number];
    row.row
        .insert("placed_at".to_owned(), is("1970-01-01 01:00:00.001+00"));
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

fn deleted(state: State, sampled: bool) -> (Verdict, String) {
    let mut story = Story::clean();
    story.scenario(|scenario| {
        let settings = &mut scenario.system.settings;
        _ = settings.insert("OUTBOX_RETENTION_S".to_owned(), "1".to_owned());
    });
    story.snapshot_early(|tables| tables.outbox[0].state = state);
    let event = story.tables.outbox[0].clone();
    let (at, _) = story.written("outbox_events", &event.row);
    let delete = vec![change(
        "outbox_events",
        Operation::Delete,
        &[("id", is(&event.row))],
    )];
    match state {
        State::Sent => story.commit_last(delete),
        _ => {
            let drop = |change: &Change| {
                change.op == Operation::Update && change.row.get("id") == Some(&is(&event.row))
            };
            for event in &mut story.events {
                if let Event::Committed(commit) = event {
                    commit.changes.retain(|change| !drop(change));
                }
            }
            story.commit_after(at, delete);
        }
    }
    story.change_last(|tables| _ = tables.outbox.remove(0));
    if sampled {
        story.sampled("no slot");
    }
    reason(check, &story)
}

#[test]
fn retention_deletes_what_was_sent_and_nothing_else() {
    assert_eq!(deleted(State::Sent, false).0, Verdict::Pass);
    let (judged, said) = deleted(State::Waiting, false);
    assert_eq!(judged, Verdict::Fail);
    assert!(
        said.contains("1 events deleted that were not sent"),
        "{said}"
    );
    assert_eq!(deleted(State::Sent, true).0, Verdict::Pass);
    assert_eq!(deleted(State::Waiting, true).0, Verdict::Fail);
}

#[test]
fn without_a_ledger_or_short_retention_a_missing_event_fails() {
    let mut story = Story::clean();
    story.sampled("no slot");
    let (said, reason) = reason(check, &story);
    assert_eq!(said, Verdict::Pass);
    assert!(reason.ends_with(" (sampled)"), "{reason}");
    story.snapshot_early(|_| {});
    story.change_last(|tables| _ = tables.outbox.remove(0));
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn a_bid_changed_or_an_outbox_emptied_later_fails() {
    let mut story = Story::clean();
    let (at, number) = story.written(Story::STORED, Story::id(1));
    let mut changed = story.commit_at(at).changes[number].clone();
    changed.op = Operation::Update;
    let mut emptied = story.clone();
    story.commit_last(vec![changed.clone()]);
    assert_eq!(verdict(check, &story), Verdict::Pass);
    changed.row.insert("amount".to_owned(), is(101));
    story.commit_last(vec![changed]);
    assert_eq!(verdict(check, &story), Verdict::Fail);
    emptied.commit_last(vec![change("outbox_events", Operation::Truncate, &[])]);
    assert_eq!(verdict(check, &emptied), Verdict::Fail);
}

#[test]
fn a_spoiled_payload_fails_unless_the_scenario_is_about_it() {
    let mut story = Story::clean();
    story.change_last(|tables| tables.outbox[0].item = Err("no amount".to_owned()));
    let said = "1 events of which nobody can say what they are; 1 operations without an event";
    assert_eq!(reason(check, &story), (Verdict::Fail, said.to_owned()));
    story.expect("events_failed", "= 1");
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn what_was_looked_at_and_what_was_purged_is_counted() {
    let mut story = Story::clean();
    story.delete_sent(1);
    let found = finding(check, &story);
    assert_eq!(found.verdict, Verdict::Pass);
    let counts = [
        ("commits", 12),
        ("events purged", 1),
        ("rows over all snapshots", 5),
        ("snapshots", 1),
    ];
    assert_eq!(
        found.counts,
        counts.map(|(what, n)| (what.to_owned(), n)).into()
    );
}

#[test]
fn an_example_says_in_which_snapshot_it_was_seen() {
    let mut story = Story::clean();
    story.snapshot_early(|_| {});
    story.change_last(|tables| _ = tables.stored.pop());
    let examples = finding(check, &story).examples;
    assert!(
        examples[0].starts_with("snapshot 2: event "),
        "{examples:?}"
    );
}

#[test]
fn rows_that_leave_are_judged_by_the_log_or_not_at_all() {
    let mut story = Story::of_a_stranger();
    story.subject(|subject| subject.shows.rows_leave = true);
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.sampled("no slot");
    let error = check(&story.history()).expect_err("not judged");
    let said = "rows leave the outbox, and the server's log was not read";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_stranger_may_write_several_events_of_an_operation_that_say_the_same() {
    let several = |mut story: Story, n: i64| {
        story.change_last(|tables| {
            let mut second = tables.outbox[0].clone();
            (second.row, second.n) = ("another".to_owned(), n);
            tables.outbox.push(second);
        });
        verdict(check, &story)
    };
    assert_eq!(several(Story::of_a_stranger(), 1), Verdict::Pass);
    assert_eq!(several(Story::of_a_stranger(), 2), Verdict::Fail);
    assert_eq!(several(Story::clean(), 1), Verdict::Fail);
}

#[test]
fn a_transaction_may_write_several_operations_each_with_its_event() {
    let mut story = Story::clean();
    let (first, _) = story.written(Story::STORED, Story::id(1));
    let (second, _) = story.written(Story::STORED, Story::id(2));
    let changes = std::mem::take(&mut story.commit_at(second).changes);
    story.commit_at(first).changes.extend(changes);
    assert_eq!(verdict(check, &story), Verdict::Pass);
}
