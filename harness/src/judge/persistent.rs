//! Messages outlive their broker: one that is kept in memory alone is lost with the next restart, whoever has confirmed it.

use crate::history::History;
use crate::judge::basis::{Unjudgeable, subject};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let promised = subject(history)?.promises.persistent;
    let mut inquiry = Inquiry::new("persistent");
    let mut copies = 0;
    for (_, delivery) in history.deliveries() {
        copies += 1;
        if !delivery.persistent && !promised {
            inquiry.count(
                "messages that a restart loses, as it is not promised otherwise",
                1,
            );
        } else if !delivery.persistent {
            let about = match &delivery.item {
                Ok(item) => item.id.to_string(),
                Err(_) => "of which nobody can say what it is about".to_owned(),
            };
            let example = format!("a message {about} has a delivery mode other than 2");
            inquiry.fail("messages that a restart of the broker loses", example);
        }
    }
    Ok(inquiry.conclude(copies, "messages"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, finding, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn what_is_not_promised_is_counted() {
        let mut story = Story::clean();
        story.subject(|subject| subject.promises.persistent = false);
        story.deliver_again(1);
        story.last_delivery().persistent = false;
        let found = finding(check, &story);
        assert_eq!(found.verdict, Verdict::Pass);
        assert_eq!(
            found.counts["messages that a restart loses, as it is not promised otherwise"],
            1
        );
    }

    #[test]
    fn a_transient_message_fails() {
        let mut story = Story::clean();
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.deliver_again(1);
        story.last_delivery().persistent = false;
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn each_message_is_looked_at() {
        assert_eq!(
            finding(check, &Story::clean()).counts,
            [("messages".to_owned(), 3)].into()
        );
    }
}
