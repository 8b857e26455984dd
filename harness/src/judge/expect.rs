//! What the scenario expects beside the invariants.

use crate::history::History;
use crate::judge::basis::{Unjudgeable, scenario};
use crate::judge::facts::Facts;
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::Finding;

/// A scenario that expects nothing passes: the invariants and the recovery budget are owed anyway.
pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let scenario = scenario(history)?;
    let facts = Facts::of(history);
    let mut inquiry = Inquiry::new("expect");
    for (name, condition) in &scenario.expect.facts {
        let value = facts.get(name, scenario.faults.len())?;
        inquiry.count(name, usize::try_from(value).unwrap_or(usize::MAX));
        if !condition.holds(value) {
            inquiry.fail(
                "expectations not met",
                format!("{name} is {value}, expected {condition}"),
            );
        }
    }
    let holds = match scenario.expect.facts.len() {
        0 => "nothing expected beside the invariants".to_owned(),
        expected => format!("{expected} of {expected} expectations met"),
    };
    Ok(inquiry.conclude_with(holds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, finding, reason, verdict};
    use crate::judge::verdict::Verdict;

    #[test]
    fn an_expectation_is_met_or_fails() {
        let mut story = Story::clean();
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.expect("accepted", "= 3");
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.expect("accepted", "> 3");
        let said = "accepted is 3, expected > 3".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Fail, said));
    }

    #[test]
    fn an_unknown_fact_is_unjudgeable() {
        let mut story = Story::clean();
        story.expect("bids_acepted", "= 3");
        assert!(matches!(check(&story.history()), Err(Unjudgeable::Fact(_))));
    }

    #[test]
    fn what_was_expected_is_counted_and_nothing_is_said_to_be_nothing() {
        let mut story = Story::clean();
        let said = "nothing expected beside the invariants".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Pass, said));
        story.expect("accepted", "= 3");
        let counts = [("accepted".to_owned(), 3)];
        assert_eq!(finding(check, &story).counts, counts.into());
    }
}
