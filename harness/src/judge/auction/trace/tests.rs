use super::*;
use crate::history::{Event, OutboxRow};
use crate::judge::proof::story::{Story, reason, verdict};
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

#[test]
fn a_mark_whose_token_was_replaced_changes_nothing() {
    let accepted = claimed_then(|story| {
        let late = event(story, 1);
        story.rewind(1);
        let marked = OutboxRow {
            state: crate::history::State::Sent,
            ..late
        };
        story.commit(vec![Story::event_updated(&marked, None)]);
        story.tables.outbox[0].state = crate::history::State::Sent;
    });
    assert_eq!(verdict(check, &accepted), Verdict::Fail);
    let refused = claimed_then(|story| story.rewind(1));
    assert_eq!(verdict(check, &refused), Verdict::Pass);
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

#[test]
fn without_positions_nothing_is_judged() {
    let mut story = Story::clean();
    for event in &mut story.events {
        if let Event::Committed(commit) = event {
            let changes = commit.changes.iter_mut();
            changes.for_each(|change| _ = change.row.remove("position"));
        }
    }
    let error = check(&story.history()).expect_err("not judged");
    assert!(error.to_string().contains("positions"), "{error}");
}
