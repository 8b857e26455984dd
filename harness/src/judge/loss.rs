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
mod tests;
