mod lanes;
mod wire;

use super::*;
use crate::history::{Event, Operation, OutboxRow};
use crate::judge::proof::story::columns::{change, is};
use crate::judge::proof::story::{Story, finding, reason, verdict};
use crate::judge::verdict::Verdict;

/// Two bids, claimed together; then `what` happens before the run is told to its end.
fn claimed_then(what: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    story.place(2, 1, 20);
    story.claim(1);
    what(&mut story);
    story.finish();
    story
}

fn met(story: &Story, fact: &str) -> u64 {
    let shown = shown(&story.history());
    shown
        .into_iter()
        .find(|(name, _)| *name == fact)
        .map_or(0, |(_, count)| count)
}

fn event(story: &Story, bid: usize) -> OutboxRow {
    story.tables.outbox[bid - 1].clone()
}

#[test]
fn a_clean_run_is_a_path_through_the_model() {
    let (verdict, reason) = reason(check, &Story::clean());
    assert_eq!(verdict, Verdict::Pass, "{reason}");
    assert!(
        reason.starts_with("holds for ") && reason.ends_with(" steps"),
        "{reason}"
    );
}

#[test]
fn what_relays_may_do_is_a_path_too() {
    let legal: [fn(&mut Story, u128); 6] = [
        Story::rewind,
        Story::take_over,
        Story::take_over_and_give_up,
        Story::renew,
        Story::drain,
        Story::usurp,
    ];
    for does in legal {
        let (verdict, why) = reason(check, &claimed_then(|story| does(story, 1)));
        assert_eq!(verdict, Verdict::Pass, "{why}");
    }
}

#[test]
fn a_mark_without_a_confirm_is_no_step() {
    let mut story = Story::clean();
    story.unheard("confirm", 2);
    let finding = check(&story.history()).expect("a finding");
    assert_eq!(finding.verdict, Verdict::Fail);
    assert!(
        finding.examples[0].starts_with("transaction "),
        "{:?}",
        finding.examples
    );
    assert!(finding.examples[0].contains("marked that was not confirmed under its token"));
}

#[test]
fn a_confirm_that_comes_after_its_mark_is_one_only_where_clocks_are_in_doubt() {
    let late_by = |ticks: usize| {
        let mut story = Story::clean();
        let is_it =
            |event: &Event| matches!(event, Event::Passed { what, .. } if what == "confirm");
        let at = story.events.iter().position(is_it).expect("a confirm");
        let confirm = story.events.remove(at);
        let idle = Event::Backlog {
            rows: 0,
            processing: 0,
        };
        let later = at + 1;
        story
            .events
            .splice(later..later, std::iter::repeat_n(idle, ticks));
        story.events.insert(later + ticks, confirm);
        story
    };
    assert_eq!(verdict(check, &late_by(10)), Verdict::Pass);
    assert_eq!(verdict(check, &late_by(200)), Verdict::Fail);
    let mut elsewhere = late_by(200);
    elsewhere.clock_elsewhere();
    assert_eq!(verdict(check, &elsewhere), Verdict::Pass);
}

#[test]
fn tokens_are_not_drawn_without_handing_back_what_is_in_flight() {
    let story = claimed_then(|story| {
        let drawn = story.new_token(Story::key(1));
        story.commit(vec![drawn]);
    });
    let (verdict, why) = reason(check, &story);
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        why.contains("not exactly what was in flight is handed back"),
        "{why}"
    );
}

/// What the model says of a run in which it meets a step that there is not.
fn refused(story: &Story) -> String {
    let finding = finding(check, story);
    assert_eq!(finding.verdict, Verdict::Fail, "{}", finding.reason);
    finding.examples.concat()
}

fn passes(story: &Story) {
    let finding = finding(check, story);
    let said = finding.examples.concat();
    assert_eq!(finding.verdict, Verdict::Pass, "{said}");
}

/// Auctions 1 and 65 share a lane; the event of the second is claimed so long after that of the first was committed.
fn passed_by_after(us: u64) -> Verdict {
    let mut story = Story::new();
    story.opens(1);
    story.opens(65);
    story.place(1, 1, 10);
    story.time_passes(us);
    story.place(2, 65, 10);
    story.publish(1);
    story.finish();
    verdict(check, &story)
}

#[test]
fn a_claim_passes_by_only_what_may_not_have_been_seen() {
    assert_eq!(passed_by_after(0), Verdict::Pass);
    assert_eq!(passed_by_after(6_000_000), Verdict::Fail);
}

#[test]
fn takeovers_late_commits_and_messages_given_again_are_counted() {
    let story = claimed_then(|story| story.take_over(1));
    assert_eq!(met(&story, "takeovers"), 1);
    assert_eq!(met(&Story::clean(), "takeovers"), 0);
    let again = claimed_then(|story| {
        let event = event(story, 1);
        for what in ["publish", "confirm"] {
            story.passes("relay -> rabbitmq", 1, what, &event);
        }
        story.passes("consumer -> rabbitmq", 0, "deliver", &event);
        story.passes("consumer -> rabbitmq", 0, "deliver", &event);
    });
    assert!(met(&again, "received_again") > 0);
}

#[test]
fn a_stale_mark_is_one_that_relay_and_taps_agree_about() {
    let usurped = || {
        claimed_then(|story| {
            let event = event(story, 1);
            for what in ["publish", "confirm"] {
                story.passes("relay -> rabbitmq", 1, what, &event);
            }
            story.usurp(1);
        })
    };
    assert_eq!(met(&usurped(), "stale_marks"), 0);
    let mut counted = usurped();
    counted.counts("relay 1", "relay_lease_conflicts_total", 1);
    assert_eq!(met(&counted, "stale_marks"), 1);
    assert_eq!(verdict(check, &counted), Verdict::Pass);
}

/// The positions of the first so many events are not in the history.
fn without_positions(events: usize) -> Result<Finding, Unjudgeable> {
    let mut story = Story::clean();
    let commits = story.events.iter_mut().filter_map(|event| match event {
        Event::Committed(commit) => Some(&mut commit.changes),
        _ => None,
    });
    let rows = commits.flatten().map(|change| &mut change.row);
    let rows = rows.filter(|row| row.contains_key("position"));
    rows.take(events).for_each(|row| _ = row.remove("position"));
    check(&story.history())
}

#[test]
fn without_positions_nothing_is_judged() {
    let error = without_positions(3).expect_err("not judged");
    assert!(matches!(error, Unjudgeable::NotShown(_)), "{error}");
    assert!(error.to_string().contains("positions"), "{error}");
}

#[test]
fn a_ledger_that_lacks_the_position_of_one_event_has_a_hole() {
    let error = without_positions(1).expect_err("not judged");
    assert!(matches!(error, Unjudgeable::Ledger(_)), "{error}");
    assert!(error.to_string().contains("1 of 3 events"), "{error}");
}

#[test]
fn a_standing_is_compared_in_a_commit_without_new_bids_too() {
    let mut story = Story::clean();
    let stands = [
        ("auction_id", is(Story::key(1))),
        ("last_sequence", is(2)),
        ("bid_count", is(2)),
    ];
    story.commit_last(vec![change("standings", Operation::Update, &stands)]);
    assert!(refused(&story).contains("stands at 2 by its row and at 3 by the model"));
}

#[test]
fn a_table_that_was_emptied_is_no_step() {
    let mut story = Story::clean();
    story.commit_last(vec![change("inbox", Operation::Truncate, &[])]);
    assert!(refused(&story).contains("the table inbox was emptied"));
}

#[test]
fn what_will_never_be_is_told_before_what_is_not_yet() {
    let mut story = Story::clean();
    let row = story.tables.outbox[0].row.clone();
    let claim = story.last_claim(&row);
    claim.row.insert("claim_token".to_owned(), is(77));
    let claim = claim.clone();
    // Published a little before it is claimed, as two witnesses may say.
    let (claimed, _) = story.told(&claim);
    let published = story.events.remove(claimed + 1);
    story.events.insert(claimed, published);
    let said = refused(&story);
    assert!(said.starts_with("transaction "), "{said}");
}
