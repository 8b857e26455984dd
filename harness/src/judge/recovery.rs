//! What a fault has held up is made good within the scenario's budget, counted from the fault's own heal; and once
//! everything is healed the system works, becomes quiet within the same budget, and comes to rest.

use crate::ask::scenario::{Fault, Scenario};
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
    let stays = |index: usize| scenario.faults.get(index).is_some_and(Fault::stays);
    let at_us = |position: usize| history.entries()[position].at_us;
    for (index, life) in history.faults() {
        let number = index + 1;
        let Some(healed) = life.healed.filter(|_| !stays(*index)) else {
            continue;
        };
        let MadeGood { clear, at } = MadeGood::of(history, *index, healed);
        let Some(at) = at else {
            if recovered {
                let example = format!(
                    "the history does not say when the damage of fault {number} was made good"
                );
                inquiry.object(Verdict::Error, "contradictions", example);
            }
            continue;
        };
        let after_ms = at_us(at).saturating_sub(at_us(clear)) / 1_000;
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

/// When what a fault had held up was made good.
pub(super) struct MadeGood {
    /// From when on nothing stood in the way any more: its own heal, or that of another one that was in place since.
    pub clear: usize,
    /// When it was made good; none where the history does not say so.
    pub at: Option<usize>,
}

impl MadeGood {
    /// Of a fault that was healed there.
    pub fn of(history: &History, index: usize, healed: usize) -> Self {
        let at = history
            .events()
            .position(|event| matches!(event, Event::CaughtUp { fault, .. } if *fault == index));
        let until = at.unwrap_or(history.entries().len());
        let others = history.faults().iter().filter(|(other, life)| {
            **other != index && life.applied.is_some_and(|applied| applied < until)
        });
        let clear = others
            .filter_map(|(_, life)| life.healed)
            .filter(|other| *other < until)
            .fold(healed, usize::max);
        Self { clear, at }
    }
}

fn budget_ms(text: &str) -> Result<u64, Unjudgeable> {
    let budget = humantime::parse_duration(text).map_err(|source| Unjudgeable::Duration {
        text: text.to_owned(),
        source,
    })?;
    Ok(u64::try_from(budget.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
