//! Once everything is healed, the system becomes quiet within the scenario's budget.

use super::inquiry::Inquiry;
use super::{Unjudgeable, scenario};
use crate::history::{Event, History};
use crate::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let budget_ms = budget_ms(&scenario(history)?.expect.recovered_within)?;
    let mut inquiry = Inquiry::new("recovery");
    let mut healed = false;
    let mut endings = 0;
    let mut holds = String::new();
    for event in history.events() {
        match event {
            Event::Healed => healed = true,
            Event::Recovered { after_ms } => {
                endings += 1;
                inquiry.count(
                    "recovery_ms",
                    usize::try_from(*after_ms).unwrap_or(usize::MAX),
                );
                holds = format!("recovered after {after_ms} ms, of {budget_ms} ms allowed");
                if *after_ms > budget_ms {
                    inquiry.fail(
                        "late recoveries",
                        format!("recovered only after {after_ms} ms, of {budget_ms} ms allowed"),
                    );
                }
            }
            Event::NotRecovered {
                waited_ms,
                last_seen,
            } => {
                endings += 1;
                // Right-censored: how long it would have taken is not known, only that it is more.
                inquiry.fail(
                    "runs not recovered",
                    format!("not recovered after >= {waited_ms} ms: {last_seen}"),
                );
            }
            _ => {}
        }
    }
    let mut object =
        |example: &str| inquiry.object(Verdict::Error, "contradictions", example.to_owned());
    match endings {
        0 => object("the history does not say whether the system recovered"),
        1 if !healed => object("the system recovered before everything was healed"),
        1 => {}
        _ => object("the history says more than once how recovery ended"),
    }
    Ok(inquiry.conclude_with(holds))
}

fn budget_ms(text: &str) -> Result<u64, Unjudgeable> {
    let budget = humantime::parse_duration(text).map_err(|source| Unjudgeable::Duration {
        text: text.to_owned(),
        source,
    })?;
    Ok(u64::try_from(budget.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::story::{Story, reason, verdict};
    use super::*;

    #[test]
    fn within_the_budget_passes_and_beyond_it_fails() {
        let within = |budget: &str| {
            let mut story = Story::clean();
            story.recovered_within(budget);
            verdict(check, &story)
        };
        assert_eq!(within("120ms"), Verdict::Pass);
        assert_eq!(within("119ms"), Verdict::Fail);
    }

    #[test]
    fn not_recovered_fails_with_what_was_missing() {
        let mut story = Story::clean();
        story.not_recovered();
        let said = "not recovered after >= 15000 ms: 1 row pending".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Fail, said));
    }

    #[test]
    fn silence_and_contradiction_are_errors() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Recovered { .. }));
        assert_eq!(verdict(check, &story), Verdict::Error);
        story.push_before_end(Event::Recovered { after_ms: 1 });
        story.push_before_end(Event::Recovered { after_ms: 1 });
        assert_eq!(verdict(check, &story), Verdict::Error);
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Healed));
        assert_eq!(verdict(check, &story), Verdict::Error);
    }

    #[test]
    fn a_budget_that_is_no_duration_is_unjudgeable() {
        let mut story = Story::clean();
        story.recovered_within("soon");
        assert!(matches!(
            check(&story.history()),
            Err(Unjudgeable::Duration { .. })
        ));
    }
}
