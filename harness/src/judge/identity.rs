//! What consumers tell copies by is the same on every copy of an event, and another one on every other event. A fresh id with
//! each attempt would defeat every consumer that deduplicates by it; one id for two events would lose it the second.

use std::collections::HashMap;

use crate::history::History;
use crate::judge::basis::{Unjudgeable, shown, subject};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    shown(
        subject(history)?.shows.dedup,
        "[message] has no dedup_by: nobody says what consumers tell copies by",
    )?;
    let mut inquiry = Inquiry::new("identity");
    let mut names = HashMap::new();
    let mut events = HashMap::new();
    let mut copies = 0;
    for (_, delivery) in history.deliveries() {
        let Ok(item) = &delivery.item else { continue };
        copies += 1;
        let Some(name) = delivery.dedup.as_deref() else {
            let example = format!("a message about {}", item.id);
            inquiry.fail("messages without what consumers tell copies by", example);
            continue;
        };
        let event = (item.id, delivery.event_kind.as_str());
        let before = *names.entry(event).or_insert(name);
        if before != name {
            let example = format!("{} came as {before} and as {name}", item.id);
            inquiry.fail("events that came under two names", example);
        }
        let other = *events.entry(name).or_insert(event);
        if other != event {
            let example = format!("{name} is {} and {}", other.0, item.id);
            inquiry.fail("names that two events have", example);
        }
    }
    Ok(inquiry.conclude(copies, "copies"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, finding, verdict};
    use crate::judge::verdict::Verdict;

    fn copied(change: impl FnOnce(&mut crate::history::Delivery)) -> Verdict {
        let mut story = Story::clean();
        story.deliver_again(1);
        assert_eq!(verdict(check, &story), Verdict::Pass);
        change(story.last_delivery());
        verdict(check, &story)
    }

    #[test]
    fn a_copy_under_a_fresh_name_or_none_fails() {
        assert_eq!(
            copied(|copy| copy.dedup = Some("fresh".to_owned())),
            Verdict::Fail
        );
        assert_eq!(copied(|copy| copy.dedup = None), Verdict::Fail);
    }

    #[test]
    fn two_events_under_one_name_fail() {
        let mut story = Story::clean();
        let name = story.delivered_as(2);
        story.deliver_as(3, name);
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn each_message_is_looked_at() {
        assert_eq!(
            finding(check, &Story::clean()).counts,
            [("copies".to_owned(), 3)].into()
        );
    }
}
