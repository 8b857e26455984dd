//! The outbox's marks are honest: published means delivered, and after recovery nothing is left unpublished.

use crate::history::History;
use crate::judge::basis::{Unjudgeable, last, names, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let may_give_up = names(scenario(history)?, "events_failed");
    let recovered = history.recovered_after_ms().is_some();
    let mut inquiry = Inquiry::new("marks");
    for event in &last.tables.events {
        let delivered = event
            .payload
            .as_ref()
            .is_ok_and(|seen| history.was_delivered(seen.bid_id));
        match event.status.as_str() {
            "published" if !delivered => {
                let example = format!(
                    "event {} is marked published and was never delivered",
                    event.id
                );
                inquiry.fail("events marked published and never delivered", example);
            }
            "published" | "failed" => {}
            "pending" if may_give_up && last.is_held_back(event.auction_id, event.sequence) => {}
            "pending" | "processing" if recovered => {
                let example = format!("event {} is still {}", event.id, event.status);
                inquiry.fail("events left unpublished after recovery", example);
            }
            "pending" | "processing" => inquiry.count("events left unpublished, not recovered", 1),
            other => inquiry.fail(
                "events with an unknown status",
                format!("event {} is {other:?}", event.id),
            ),
        }
    }
    Ok(inquiry.conclude(last.tables.events.len(), "events"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn published_and_never_delivered_fails() {
        let mut story = Story::clean();
        story.lose_delivery(3);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn delivered_and_not_yet_marked_is_legal_until_recovery() {
        let mut story = Story::clean();
        story.change_last(|tables| tables.events[2].status = "processing".to_owned());
        assert_eq!(verdict(check, &story), Verdict::Fail);
        story.not_recovered();
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
