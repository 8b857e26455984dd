//! What arrives is what was stored: every copy's body equals its outbox payload, and its `message_id` is the event's id
//! on every copy. (A fresh id with each attempt would defeat every consumer that deduplicates by it.)

use crate::history::History;
use crate::judge::basis::{Unjudgeable, last};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let last = last(history)?;
    let mut inquiry = Inquiry::new("integrity");
    let mut copies = 0;
    for (_, delivery) in history.deliveries() {
        copies += 1;
        let name = delivery
            .message_id
            .as_deref()
            .unwrap_or("without message_id");
        if let Some(flaw) = delivery.flaws.first() {
            inquiry.fail(
                "copies whose properties disagree with their body",
                format!("message {name}: {flaw}"),
            );
        }
        let body = match &delivery.body {
            Ok(body) => body,
            Err(why) => {
                inquiry.fail(
                    "copies that cannot be decoded",
                    format!("message {name}: {why}"),
                );
                continue;
            }
        };
        // A delivery without an event is `phantom`'s.
        let Some(event) = last.event_of(body.bid_id) else {
            continue;
        };
        if event.payload.as_ref() != Ok(body) {
            let example = format!(
                "message {name}: {body:?}, in the outbox {:?}",
                event.payload
            );
            inquiry.fail("copies with other content than in the outbox", example);
        }
        if delivery.message_id.as_deref() != Some(event.id.to_string().as_str()) {
            let example = format!("message {name} carries event {}", event.id);
            inquiry.fail("copies with another message_id than their event", example);
        }
    }
    Ok(inquiry.conclude(copies, "copies"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, verdict};
    use crate::judge::verdict::Verdict;

    fn changed(change: impl FnOnce(&mut crate::history::Delivery)) -> Verdict {
        let mut story = Story::clean();
        story.deliver_again(1);
        assert_eq!(verdict(check, &story), Verdict::Pass);
        change(story.last_delivery());
        verdict(check, &story)
    }

    #[test]
    fn a_copy_with_another_amount_fails() {
        assert_eq!(
            changed(|copy| copy.body.as_mut().expect("a body").amount += 1),
            Verdict::Fail
        );
    }

    #[test]
    fn a_copy_with_a_fresh_message_id_fails() {
        assert_eq!(
            changed(|copy| copy.message_id = Some(Story::bid_id(77).to_string())),
            Verdict::Fail
        );
        assert_eq!(changed(|copy| copy.message_id = None), Verdict::Fail);
    }

    #[test]
    fn flaws_and_bodies_that_cannot_be_decoded_fail() {
        assert_eq!(
            changed(|copy| copy.body = Err("truncated".to_owned())),
            Verdict::Fail
        );
        assert_eq!(
            changed(|copy| copy.flaws.push("header sequence is 2".to_owned())),
            Verdict::Fail
        );
    }

    #[test]
    fn a_copy_flagged_by_the_broker_is_legal() {
        assert_eq!(changed(|copy| copy.redelivered = true), Verdict::Pass);
    }
}
