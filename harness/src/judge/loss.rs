//! No event is lost: each one arrives at the witness, or was given up in a scenario that is about giving up.
//!
//! Late is not lost: what is still waiting when the recovery budget runs out is `unknown` here and `recovery`'s to
//! fail. For each lost one the furthest stage it reached is named, so that the broker's losses are told from the
//! service's.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use crate::history::{History, Last, OutboxRow, Rules, State};
use crate::judge::basis::{Unjudgeable, last, names, scenario, subject};
use crate::judge::commits::forgotten;
use crate::judge::excuse;
use crate::judge::inquiry::Inquiry;
use crate::judge::ledger;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let scenario = scenario(history)?;
    let subject = subject(history)?;
    let shows = subject.shows;
    let excuse = excuse::of(subject, scenario)?;
    if let Some(why) = excuse.and_then(|excuse| excuse.hides_losses(shows)) {
        return Err(Unjudgeable::NotShown(why));
    }
    let mut inquiry = Inquiry::new("loss");
    let gone = match ledger::told(history) {
        Ok(Some(told)) if shows.sent => forgotten(&told),
        // A log that cannot be followed is `atomic`'s to tell; rows that stay are judged without it.
        Err(error) if !shows.outbox || shows.rows_leave => return Err(error),
        _ => HashSet::new(),
    };
    let owed = if shows.outbox && !shows.rows_leave {
        let may_give_up = excuse.is_some() || names(scenario, "events_failed");
        for event in &last.tables.outbox {
            self::event(&mut inquiry, history, last, event, may_give_up);
        }
        for id in gone.iter().filter(|id| !history.was_delivered(**id)) {
            let example = format!("the event of {id} was deleted and never delivered");
            inquiry.fail("events lost, deleted and never delivered", example);
        }
        // Of a target whose rows show each event beside its operation, this is `atomic`'s alone.
        if subject.rules == Rules::None {
            without_a_row(&mut inquiry, history, last, &gone);
        }
        last.tables.outbox.len() + gone.len()
    } else {
        accepted(&mut inquiry, history, last, shows.stored, &gone)
    };
    if last.tables.dead_letters > 0 && !names(scenario, "dead_letters") {
        let example = format!(
            "{} messages in the dead-letter queue",
            last.tables.dead_letters
        );
        inquiry.fail("runs with unexpected dead letters", example);
    }
    Ok(inquiry.conclude(owed, "events"))
}

/// One event, by its row.
fn event(
    inquiry: &mut Inquiry,
    history: &History,
    last: Last<'_>,
    event: &OutboxRow,
    may_give_up: bool,
) {
    let delivered = event
        .announces()
        .is_some_and(|id| history.was_delivered(id));
    let name = format!(
        "event {} (place {} of key {})",
        event.row, event.n, event.key
    );
    match event.state {
        State::GivenUp if may_give_up => inquiry.count("events given up, as the story says", 1),
        State::GivenUp => inquiry.fail("events given up", format!("{name} was given up")),
        _ if delivered => inquiry.count("events delivered", 1),
        State::Waiting if may_give_up && last.is_held_back(event.key, event.n) => {
            inquiry.count("events held back behind one given up", 1);
        }
        State::Waiting | State::Held if history.recovered_after_ms().is_none() => {
            let example = format!("{name} is {}", event.state);
            inquiry.object(Verdict::Unknown, "events still on their way", example);
        }
        _ => {
            let stage = furthest_stage(event, last);
            inquiry.fail(stage.lost(), format!("{name} was {stage} last"));
        }
    }
}

/// What was accepted, is in no row of the outbox and was never heard of.
fn without_a_row(inquiry: &mut Inquiry, history: &History, last: Last<'_>, gone: &HashSet<Uuid>) {
    let accepted = history.ops().values().filter(|op| op.is_accepted());
    let ids: BTreeSet<_> = accepted.map(|op| op.asked.id).collect();
    for id in ids {
        let known = gone.contains(&id) || last.event_of(id).is_some();
        if !known && !history.was_delivered(id) {
            let example = format!("{id} was accepted, has no event and was never heard of");
            inquiry.fail("operations accepted and never heard of", example);
        }
    }
}

/// Where no row stays to be looked at: what was accepted, and is stored where that can be seen, was heard. Says how much
/// that is.
/// `gone` are those whose event was deleted, which means sent: they are not on their way any more.
fn accepted(
    inquiry: &mut Inquiry,
    history: &History,
    last: Last<'_>,
    stored: bool,
    gone: &HashSet<Uuid>,
) -> usize {
    let recovered = history.recovered_after_ms().is_some();
    let ops = history.ops().values().filter(|op| op.is_accepted());
    let ids: BTreeSet<_> = match stored {
        // Whoever was told nothing is owed the event, too, if the operation is stored.
        true => last.tables.stored.iter().map(|row| row.id).collect(),
        false => ops.map(|op| op.asked.id).collect(),
    };
    for id in &ids {
        if history.was_delivered(*id) {
            inquiry.count("events delivered", 1);
        } else if recovered || gone.contains(id) {
            let example = format!("{id} was accepted and never heard of");
            inquiry.fail("operations accepted and never heard of", example);
        } else {
            let example = format!("{id} was accepted and not heard of yet");
            inquiry.object(Verdict::Unknown, "events still on their way", example);
        }
    }
    ids.len()
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Committed => "committed",
            Self::Fetched => "held by a relay",
            Self::Marked => "marked as sent",
            Self::Received => "received by the consumer",
            Self::Applied => "applied by the consumer",
        })
    }
}

/// How far an event came that the witness never saw. The consumer's stages come last: an event it has was sent, so
/// that the witness's own queue is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Committed,
    Fetched,
    Marked,
    Received,
    Applied,
}

impl Stage {
    fn lost(self) -> &'static str {
        match self {
            Self::Committed => "events lost, committed and never fetched",
            Self::Fetched => "events lost, fetched and never published",
            Self::Marked => "events lost, marked as sent and never delivered",
            Self::Received => "events received by the consumer that the witness never saw",
            Self::Applied => "events applied by the consumer that the witness never saw",
        }
    }
}

fn furthest_stage(event: &OutboxRow, last: Last<'_>) -> Stage {
    let received = event.announces().and_then(|id| last.effect(id));
    match (received, event.state) {
        (Some(row), _) if row.times > 0 => Stage::Applied,
        (Some(_), _) => Stage::Received,
        (None, State::Sent) => Stage::Marked,
        (None, State::Held) => Stage::Fetched,
        (None, _) => Stage::Committed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, reason, verdict};

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
}
