//! No event is lost: each one arrives at the witness, or was given up in a scenario that is about giving up.
//!
//! Late is not lost: what is still waiting when the recovery budget runs out is `unknown` here and `recovery`'s to
//! fail. For each lost one the furthest stage it reached is named, so that the broker's losses are told from the
//! service's.

use crate::history::{EventRow, History, Last};
use crate::judge::basis::{Unjudgeable, last, names, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let scenario = scenario(history)?;
    let may_give_up = names(scenario, "events_failed");
    let recovered = history.recovered_after_ms().is_some();
    let mut inquiry = Inquiry::new("loss");
    for event in &last.tables.events {
        let delivered = event
            .payload
            .as_ref()
            .is_ok_and(|seen| history.was_delivered(seen.bid_id));
        let name = format!(
            "event {} (place {} of auction {})",
            event.id, event.sequence, event.auction_id
        );
        match event.status.as_str() {
            "failed" if may_give_up => inquiry.count("events given up, as the story says", 1),
            "failed" => inquiry.fail("events given up", format!("{name} was given up")),
            _ if delivered => inquiry.count("events delivered", 1),
            "pending" if may_give_up && last.is_held_back(event.auction_id, event.sequence) => {
                inquiry.count("events held back behind one given up", 1);
            }
            "pending" | "processing" if !recovered => {
                inquiry.object(
                    Verdict::Unknown,
                    "events still on their way",
                    format!("{name} is {}", event.status),
                );
            }
            _ => {
                let stage = furthest_stage(event, last);
                inquiry.fail(stage.lost(), format!("{name} got as far as {stage:?}"));
            }
        }
    }
    if last.tables.dead_letters > 0 && !names(scenario, "dead_letters") {
        let example = format!(
            "{} messages in the dead-letter queue",
            last.tables.dead_letters
        );
        inquiry.fail("runs with unexpected dead letters", example);
    }
    Ok(inquiry.conclude(last.tables.events.len(), "events"))
}

/// How far an event came that the witness never saw. The consumer's stages come last: an event it has was sent, so
/// that the witness's own queue is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Committed,
    Fetched,
    Published,
    Received,
    Applied,
}

impl Stage {
    fn lost(self) -> &'static str {
        match self {
            Self::Committed => "events lost, committed and never fetched",
            Self::Fetched => "events lost, fetched and never published",
            Self::Published => "events lost, marked published and never delivered",
            Self::Received => "events received by the consumer that the witness never saw",
            Self::Applied => "events applied by the consumer that the witness never saw",
        }
    }
}

fn furthest_stage(event: &EventRow, last: Last<'_>) -> Stage {
    let received = event
        .payload
        .as_ref()
        .ok()
        .and_then(|seen| last.received(seen.bid_id));
    match (received, event.status.as_str()) {
        (Some(row), _) if row.applied => Stage::Applied,
        (Some(_), _) => Stage::Received,
        (None, "published") => Stage::Published,
        (None, "processing") => Stage::Fetched,
        (None, _) => Stage::Committed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, reason, verdict};

    /// A clean run in which event 3 came only so far.
    fn stopped_at(status: &str) -> Story {
        let mut story = Story::clean();
        story.lose_delivery(3);
        story.change_last(|tables| {
            tables.events[2].status = status.to_owned();
            tables.inbox.retain(|row| row.bid_id != Story::bid_id(3));
        });
        story
    }

    #[test]
    fn each_stage_is_told_apart() {
        let stages = [
            ("pending", "1 events lost, committed and never fetched"),
            ("processing", "1 events lost, fetched and never published"),
            (
                "published",
                "1 events lost, marked published and never delivered",
            ),
            ("failed", "1 events given up"),
        ];
        for (status, said) in stages {
            assert_eq!(
                reason(check, &stopped_at(status)),
                (Verdict::Fail, said.to_owned())
            );
        }
        let mut story = Story::clean();
        story.lose_delivery(3);
        let said = "1 events applied by the consumer that the witness never saw";
        assert_eq!(reason(check, &story), (Verdict::Fail, said.to_owned()));
    }

    #[test]
    fn late_is_not_lost_and_published_is() {
        for (status, expected) in [("pending", Verdict::Unknown), ("published", Verdict::Fail)] {
            let mut story = stopped_at(status);
            story.not_recovered();
            assert_eq!(verdict(check, &story), expected);
        }
    }

    #[test]
    fn giving_up_is_legal_where_the_story_says_so() {
        let mut story = stopped_at("failed");
        story.expect("events_failed", "= 1");
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn what_waits_behind_a_failed_event_is_not_lost() {
        let mut story = stopped_at("pending");
        story.lose_delivery(2);
        story.change_last(|tables| tables.events[1].status = "failed".to_owned());
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
