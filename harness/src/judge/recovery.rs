//! What a fault has held up is made good within the scenario's budget, counted from the fault's own heal; and once
//! everything is healed the system works, becomes quiet within the same budget, and comes to rest.

use crate::ask::scenario::Scenario;
use crate::history::{Event, History, QUIET_BUT_LATE, Rules};
use crate::judge::basis::{Unjudgeable, scenario, subject};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let budget_ms = budget_ms(&scenario(history)?.expect.recovered_within)?;
    // The service of this repository has its budgets in its stories.
    let has_pace = subject(history)?.rules == Rules::None;
    let allowing = |ms: u64| match has_pace {
        true => format!(
            "; [pace] recovers_within = \"{}s\" would allow it",
            ms.div_ceil(1_000)
        ),
        false => String::new(),
    };
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
                        format!(
                            "recovered only after {after_ms} ms, of {budget_ms} ms allowed{}",
                            allowing(*after_ms)
                        ),
                    );
                }
            }
            Event::Owed { what } => inquiry.fail("things owed and not done", what.clone()),
            Event::NotRecovered {
                waited_ms,
                last_seen,
            } => {
                endings += 1;
                // Right-censored: how long it would have taken is not known, only that it is more.
                let example = match last_seen.as_str() {
                    QUIET_BUT_LATE => format!(
                        "{last_seen}: only after {waited_ms} ms, of {budget_ms} ms allowed{}",
                        allowing(*waited_ms)
                    ),
                    _ => format!("not recovered after >= {waited_ms} ms: {last_seen}"),
                };
                inquiry.fail("runs not recovered", example);
            }
            _ => {}
        }
    }
    made_good(
        &mut inquiry,
        history,
        scenario(history)?,
        budget_ms,
        allowing,
    );
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

/// Whether each fault's damage was made good in time.
fn made_good(
    inquiry: &mut Inquiry,
    history: &History,
    scenario: &Scenario,
    budget_ms: u64,
    allowing: impl Fn(u64) -> String,
) {
    let recovered = history.recovered_after_ms().is_some();
    let stays = |index: usize| {
        let fault = scenario.faults.get(index);
        fault.is_some_and(|fault| fault.lasts.as_deref() == Some("ever"))
    };
    for (index, life) in history.faults() {
        let number = index + 1;
        let Some(healed) = life.healed.filter(|_| !stays(*index)) else {
            continue;
        };
        let caught_up = history
            .events()
            .position(|event| matches!(event, Event::CaughtUp { fault, .. } if fault == index));
        let Some(caught_up) = caught_up else {
            if recovered {
                let example = format!(
                    "the history does not say when the damage of fault {number} was made good"
                );
                inquiry.object(Verdict::Error, "contradictions", example);
            }
            continue;
        };
        let after_ms = clear_for_ms(history, *index, healed, caught_up);
        inquiry.count(
            &format!("fault_{number}_made_good_ms"),
            usize::try_from(after_ms).unwrap_or(usize::MAX),
        );
        if after_ms > budget_ms {
            let example = format!(
                "what fault {number} had held up was published and applied only {after_ms} ms after its heal, of {budget_ms} ms allowed{}",
                allowing(after_ms)
            );
            inquiry.fail("faults whose damage was made good late", example);
        }
    }
}

/// From when on nothing stood in the way any more: the fault's own heal, or that of another one that was in place since.
fn clear_for_ms(history: &History, index: usize, healed: usize, caught_up: usize) -> u64 {
    let others = history.faults().iter().filter(|(other, life)| {
        **other != index && life.applied.is_some_and(|applied| applied < caught_up)
    });
    let clear = others
        .filter_map(|(_, life)| life.healed)
        .filter(|other| *other < caught_up)
        .fold(healed, usize::max);
    let at_us = |position: usize| history.entries()[position].at_us;
    at_us(caught_up).saturating_sub(at_us(clear)) / 1_000
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
    use super::*;
    use crate::judge::proof::story::{Story, reason, verdict};

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
    fn what_a_fault_held_up_is_owed_from_its_own_heal() {
        let mut story = Story::clean();
        story.linger_before_caught_up(200);
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.recovered_within("150ms");
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn a_heal_that_nobody_followed_up_is_an_error() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::CaughtUp { .. }));
        assert_eq!(verdict(check, &story), Verdict::Error);
    }

    #[test]
    fn what_is_owed_at_the_end_fails() {
        let mut story = Story::clean();
        let what = "3 messages waited in the consumer's queue".to_owned();
        story.push_before_end(Event::Owed { what });
        assert_eq!(verdict(check, &story), Verdict::Fail);
    }

    #[test]
    fn not_recovered_fails_with_what_was_missing() {
        let mut story = Story::clean();
        story.not_recovered();
        let said = "not recovered after >= 15000 ms: 1 row pending".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Fail, said));
    }

    #[test]
    fn who_was_late_is_told_what_would_allow_it() {
        let mut story = Story::clean();
        story.not_recovered_but(QUIET_BUT_LATE);
        let (_, said) = reason(check, &story);
        assert!(said.ends_with("of 15000 ms allowed"), "{said}");
        story.subject(|subject| subject.rules = Rules::None);
        let (_, said) = reason(check, &story);
        assert_eq!(
            said,
            "quiet, but late: only after 15000 ms, of 15000 ms allowed; [pace] recovers_within = \"15s\" would allow it"
        );
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
