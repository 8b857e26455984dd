use super::*;
use crate::history::{Change, Event, Operation, State};
use crate::judge::auction::told::state;
use crate::judge::proof::story::columns::{change, is, time};
use crate::judge::proof::story::{Story, finding, reason, verdict};
use crate::judge::verdict::{Finding, Verdict};

/// A lane that no auction of the story is in.
fn lane(owner: u128, token: i64, lease_until: &str, draining: bool) -> Change {
    let owner = (owner > 0).then(|| Uuid::from_u128(owner).to_string());
    let columns = [
        ("lane", is(63)),
        ("owner", owner),
        ("token", is(token)),
        ("lease_until", is(lease_until)),
        ("draining", is(draining)),
    ];
    change("relay_lanes", Operation::Update, &columns)
}

/// What is said of these commits about the lane, one change each, after a clean run.
fn said(commits: &[Change]) -> Verdict {
    let mut story = Story::clean();
    for change in commits {
        story.commit_last(vec![change.clone()]);
    }
    verdict(check, &story)
}

/// One bid, claimed; then `what` happens to its event before the run is told to its end.
fn claimed_then(what: impl FnOnce(&mut Story)) -> Verdict {
    found_of(what).verdict
}

fn found_of(what: impl FnOnce(&mut Story)) -> Finding {
    let mut story = Story::new();
    story.opens(1);
    story.place(1, 1, 10);
    story.claim(1);
    what(&mut story);
    story.finish();
    finding(check, &story)
}

/// An update of the event as `claimed_then` has it, past all that relays do.
fn rewrite(story: &mut Story, status: &str, token: Option<i64>) {
    let mut event = Story::event(1, 1, 10, 1);
    event.state = state(status).expect("a status of the outbox");
    story.commit(vec![Story::event_updated(&event, token)]);
}

#[test]
fn a_clean_run_passes_and_counts_what_was_judged() {
    let (verdict, reason) = reason(check, &Story::clean());
    assert_eq!(
        (verdict, reason.as_str()),
        (Verdict::Pass, "holds for 11 commits")
    );
    let counts = [("commits", 11), ("events claimed", 3), ("lanes taken", 1)];
    let counts = counts.map(|(what, n)| (what.to_owned(), n));
    assert_eq!(finding(check, &Story::clean()).counts, counts.into());
}

#[test]
fn a_free_lane_is_taken_with_a_greater_token_only() {
    let free = lane(0, 7, "-infinity", false);
    let first = lane(1, 7, "infinity", false);
    assert_eq!(
        said(&[first.clone(), free.clone(), lane(2, 7, "infinity", false)]),
        Verdict::Fail
    );
    assert_eq!(
        said(&[first, free, lane(2, 8, "infinity", false)]),
        Verdict::Pass
    );
}

#[test]
fn a_lease_must_have_ended_by_the_databases_clock() {
    // The story's clock stands at some milliseconds after 1970, and `commit_last` does not move it.
    let then = |lease_until: &str| {
        said(&[
            lane(1, 7, lease_until, false),
            lane(2, 8, "infinity", false),
        ])
    };
    assert_eq!(then("infinity"), Verdict::Fail);
    assert_eq!(then(&time(60_000_000)), Verdict::Fail);
    assert_eq!(then(&time(1)), Verdict::Pass);
    assert_eq!(then("-infinity"), Verdict::Pass);
}

#[test]
fn a_lease_that_ends_at_the_very_commit_has_ended() {
    let mut story = Story::clean();
    let last = story.events.iter().rev().find_map(|event| match event {
        Event::Committed(commit) => Some(commit.committed_at_us),
        _ => None,
    });
    let now = last.expect("a commit");
    let mut early = story.clone();
    story.commit_last(vec![lane(1, 7, &time(now), false)]);
    story.commit_last(vec![lane(2, 8, "infinity", false)]);
    assert_eq!(verdict(check, &story), Verdict::Pass);
    early.commit_last(vec![lane(1, 7, &time(now + 1), false)]);
    early.commit_last(vec![lane(2, 8, "infinity", false)]);
    assert_eq!(verdict(check, &early), Verdict::Fail);
}

#[test]
fn a_token_never_goes_back_and_its_owner_may_draw_a_new_one() {
    assert_eq!(
        said(&[lane(1, 7, "infinity", false), lane(1, 6, "infinity", false)]),
        Verdict::Fail
    );
    assert_eq!(
        said(&[lane(1, 7, "infinity", false), lane(1, 8, "infinity", false)]),
        Verdict::Pass
    );
}

#[test]
fn only_the_labs_own_relay_takes_lanes_by_force() {
    let forced = |by: u128| {
        said(&[
            lane(1, 7, "infinity", false),
            lane(by, 8, "infinity", false),
        ])
    };
    assert_eq!(forced(u128::MAX), Verdict::Pass);
    assert_eq!(forced(u128::MAX - 1), Verdict::Fail);
    let same_token = [
        lane(1, 7, "infinity", false),
        lane(u128::MAX, 7, "infinity", false),
    ];
    assert_eq!(said(&same_token), Verdict::Fail);
}

#[test]
fn an_event_is_claimed_with_its_lanes_token_or_not_at_all() {
    // The story's first lane has the token 1.
    let with = |token| {
        claimed_then(|story| {
            story.hand_back(1);
            rewrite(story, "processing", Some(token));
            rewrite(story, "pending", None);
        })
    };
    assert_eq!(with(1), Verdict::Pass);
    assert_eq!(with(0), Verdict::Fail);
    assert_eq!(with(2), Verdict::Fail);
}

#[test]
fn an_event_in_flight_does_not_change_its_token_alone() {
    let touched = found_of(|story| rewrite(story, "processing", Some(1)));
    assert_eq!(touched.verdict, Verdict::Pass);
    assert_eq!(touched.counts["events claimed"], 1);
    let stolen = found_of(|story| rewrite(story, "processing", Some(2)));
    assert_eq!(
        stolen.counts["events claimed with another token than their lane's"],
        1
    );
}

#[test]
fn nothing_is_claimed_from_a_lane_that_nobody_owns_or_that_is_being_given_up() {
    let of_auction = |mut change: Change| {
        let number = (Story::key(1).0.as_u128() % 64) as i16;
        change.row.insert("lane".to_owned(), is(number));
        change
    };
    let claim_under = |owner, draining| {
        claimed_then(|story| {
            story.hand_back(1);
            story.commit(vec![of_auction(lane(owner, 1, "infinity", draining))]);
            rewrite(story, "processing", Some(1));
            rewrite(story, "pending", None);
            story.commit(vec![of_auction(lane(0, 1, "-infinity", false))]);
            story.take_over(1);
        })
    };
    let owner = 0x4e1a_0001;
    assert_eq!(claim_under(owner, false), Verdict::Pass);
    assert_eq!(claim_under(owner, true), Verdict::Fail);
    assert_eq!(claim_under(0, false), Verdict::Fail);
}

#[test]
fn an_event_is_published_from_processing_only() {
    assert_eq!(claimed_then(|_| {}), Verdict::Pass);
    let published = claimed_then(|story| {
        story.hand_back(1);
        rewrite(story, "published", None);
        rewrite(story, "pending", None);
    });
    assert_eq!(published, Verdict::Fail);
}

#[test]
fn what_relays_may_do_is_legal() {
    let legal: [fn(&mut Story, u128); 9] = [
        Story::hand_back,
        Story::rewind,
        Story::take_over_and_give_up,
        Story::give_up_and_requeue,
        Story::renew,
        Story::take_over,
        Story::drain,
        Story::usurp,
        Story::claim,
    ];
    for does in legal {
        assert_eq!(claimed_then(|story| does(story, 1)), Verdict::Pass);
    }
}

#[test]
fn what_the_labs_own_relay_holds_is_nobodys_to_write_back() {
    // After `usurp` the lane is free and its events are in flight under the token of a relay that marks nothing.
    let stale = |status: &str, token| {
        claimed_then(|story| {
            story.usurp(1);
            rewrite(story, status, token);
        })
    };
    assert_eq!(stale("published", None), Verdict::Fail);
    assert_eq!(stale("pending", None), Verdict::Fail);
    assert_eq!(claimed_then(|story| story.usurp(1)), Verdict::Pass);
}

#[test]
fn a_mark_that_comes_late_after_its_relay_gave_the_lane_up_is_legal() {
    let late = claimed_then(|story| {
        story.free(Story::key(1));
        rewrite(story, "published", None);
        story.tables.outbox[0].state = State::Sent;
    });
    assert_eq!(late, Verdict::Pass);
}

#[test]
fn an_event_is_given_up_under_its_lanes_token_or_at_a_takeover() {
    let stale = claimed_then(|story| {
        let drawn = story.new_token(Story::key(1));
        story.commit(vec![drawn]);
        rewrite(story, "failed", None);
        rewrite(story, "pending", None);
    });
    assert_eq!(stale, Verdict::Fail);
}

const NOT_OWNED: &str = "events written back by a relay that does not own them";

#[test]
fn an_event_is_not_published_under_a_token_that_was_replaced() {
    let marked = found_of(|story| {
        let drawn = story.new_token(Story::key(1));
        story.commit(vec![drawn]);
        rewrite(story, "published", None);
    });
    assert_eq!(marked.counts[NOT_OWNED], 1);
}

#[test]
fn what_a_takeover_left_in_flight_is_not_given_up_later_under_the_old_token() {
    let number = (Story::key(1).0.as_u128() % 64) as i16;
    let given_up = |together: bool| {
        let found = found_of(|story| {
            let mut taken = lane(2, 2, "infinity", false);
            taken.row.insert("lane".to_owned(), is(number));
            story.free(Story::key(1));
            let mut event = Story::event(1, 1, 10, 1);
            event.state = State::GivenUp;
            let failed = Story::event_updated(&event, None);
            match together {
                true => story.commit(vec![taken, failed]),
                false => [taken, failed]
                    .into_iter()
                    .for_each(|change| story.commit(vec![change])),
            }
        });
        found.counts.get(NOT_OWNED).copied()
    };
    assert_eq!(given_up(true), None);
    assert_eq!(given_up(false), Some(1));
}

#[test]
fn an_event_begins_pending() {
    let mut story = Story::clean();
    let row = story.tables.outbox[0].row.clone();
    let (at, number) = story.written("outbox_events", row);
    let began = &mut story.commit_at(at).changes[number].row;
    began.insert("status".to_owned(), is("processing"));
    let found = finding(check, &story);
    assert_eq!(found.counts["events that did not begin pending"], 1);
}

#[test]
fn what_was_given_up_is_not_claimed() {
    let claimed = found_of(|story| {
        rewrite(story, "failed", None);
        rewrite(story, "processing", Some(1));
    });
    let what = "events that changed their status in no way that the outbox knows";
    assert_eq!(claimed.counts[what], 1);
}

#[test]
fn without_a_ledger_nothing_is_judged() {
    let mut story = Story::clean();
    story.sampled("the server has wal_level = replica");
    let error = check(&story.history()).expect_err("not judged");
    assert_eq!(
        error.to_string(),
        "sampled: the server has wal_level = replica"
    );
    let judgement = crate::judge::check::all(&story.history());
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert_eq!(
        judgement.reason(),
        format!(
            "{} checkers pass; not judged: ownership, model",
            crate::judge::check::names().count() - 2
        )
    );
}
