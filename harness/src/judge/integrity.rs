//! What arrives is what was stored, on every copy: it says what its outbox row says, and copies of one event are equal.

use std::collections::HashMap;

use crate::history::History;
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("integrity");
    let mut first: HashMap<_, &str> = HashMap::new();
    let mut copies = 0;
    for (_, delivery) in history.deliveries() {
        copies += 1;
        let name = delivery.dedup.as_deref().unwrap_or("without a name");
        if let Some(flaw) = delivery.flaws.first() {
            let example = format!("message {name}: {flaw}");
            inquiry.fail("copies that disagree with themselves", example);
        }
        let item = match &delivery.item {
            Ok(item) => item,
            Err(why) => {
                let example = format!("message {name}: {why}");
                inquiry.fail(
                    "copies of which nobody can say what they are about",
                    example,
                );
                continue;
            }
        };
        let digest = delivery.digest.as_str();
        let event = (item.id, delivery.event_kind.as_str());
        if *first.entry(event).or_insert(digest) != digest {
            let example = format!("message {name}, about {}", item.id);
            inquiry.fail(
                "copies that differ from the first one of their event",
                example,
            );
        }
        // A delivery without an event is `phantom`'s.
        let Some(event) = last.event_of(item.id) else {
            continue;
        };
        if event.item.as_ref() != Ok(item) {
            let example = format!("message {name}: {item:?}, in the outbox {:?}", event.item);
            inquiry.fail("copies with other content than in the outbox", example);
        }
    }
    Ok(inquiry.conclude(copies, "copies"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::content::raise;
    use crate::judge::proof::story::{Story, finding, verdict};
    use crate::judge::verdict::Verdict;

    fn changed(change: impl FnOnce(&mut crate::history::Delivery)) -> Verdict {
        let mut story = Story::clean();
        story.deliver_again(1);
        assert_eq!(verdict(check, &story), Verdict::Pass);
        change(story.last_delivery());
        verdict(check, &story)
    }

    #[test]
    fn a_copy_with_other_content_fails() {
        let raised = changed(|copy| raise(&mut copy.item.as_mut().expect("an item").content, 1));
        assert_eq!(raised, Verdict::Fail);
    }

    #[test]
    fn a_copy_that_differs_from_the_first_one_fails() {
        assert_eq!(
            changed(|copy| copy.digest = "other bytes".to_owned()),
            Verdict::Fail
        );
    }

    #[test]
    fn flaws_and_messages_about_nothing_fail() {
        assert_eq!(
            changed(|copy| copy.item = Err("truncated".to_owned())),
            Verdict::Fail
        );
        assert_eq!(
            changed(|copy| copy.flaws.push("header n is 2".to_owned())),
            Verdict::Fail
        );
    }

    #[test]
    fn the_first_flaw_of_a_message_is_its_example() {
        let mut story = Story::clean();
        let flaws = ["header n is 2", "header n is 3"];
        story.last_delivery().flaws = flaws.map(str::to_owned).into();
        let examples = finding(check, &story).examples;
        assert!(examples[0].ends_with(": header n is 2"), "{examples:?}");
    }

    #[test]
    fn a_copy_flagged_by_the_broker_is_legal() {
        assert_eq!(changed(|copy| copy.redelivered = true), Verdict::Pass);
    }

    #[test]
    fn each_message_is_looked_at() {
        assert_eq!(
            finding(check, &Story::clean()).counts,
            [("copies".to_owned(), 3)].into()
        );
    }
}
