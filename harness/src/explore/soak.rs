//! A story for hours: a steady load, and faults that come one after the other, each where a seed puts it.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use proptest::{prelude::any, sample::Index};

use super::{
    campaign::{draw::MOST, stock::Stock},
    fit,
    stage::{self, FOR_STORIES_ALONE},
};
use crate::{
    ask::{
        fault,
        pace::Pace,
        scenario::{Fault, Message, Own, Scenario, System, When, Workload},
        target::Target,
    },
    run::rng::Draws,
};

/// Faults have so long, one after the other, on the average: to come, to last, and to be made good.
const EACH: Duration = Duration::from_secs(12);
/// A message that does not come in this time is waited for by nobody.
const PATIENCE: &str = "8s";
/// How long, how much.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// How long load goes on.
    span: Duration,
    /// Operations a second.
    rate: u32,
}

impl Asked {
    /// Of a target, and no more a second than it takes.
    ///
    /// # Errors
    /// When one history could not hold it.
    pub fn of(target: &Target, span: Duration, rate: u32) -> Result<Self> {
        let most = match target.is_ours() {
            true => u32::MAX,
            false => target.pace.drains.per_second(),
        };
        let asked = Self {
            span,
            rate: rate.min(most),
        };
        let writes = asked.writes();
        match Pace::parse(&writes) {
            Ok(_) => Ok(asked),
            Err(_) => bail!("{writes} is more than one history holds; ask for less"),
        }
    }

    /// The load, as scenarios have it.
    fn writes(self) -> String {
        format!("{}/s for {}ms", self.rate, self.span.as_millis())
    }
}

/// What a target is put through for so long. The same seed draws the same.
///
/// # Errors
/// When nothing can be broken.
pub fn drawn(
    target: &Target,
    cannot: impl Fn(&[fault::Fault]) -> Option<String>,
    asked: Asked,
    seed: u64,
) -> Result<Scenario> {
    let stock = Stock::of(target, &cannot);
    if stock.kinds.is_empty() {
        bail!("nothing can be broken: no fault of the catalogue fits the target on these servers");
    }
    let mut story = base(target, asked);
    let wanted = (asked.span.as_secs_f64() / EACH.as_secs_f64()).ceil() as usize;
    let one = (any::<Index>(), any::<Index>(), 0..2_000u64, 200..3_000u64);
    let mut draws = Draws::of(seed);
    for _ in 0..wanted.saturating_mul(4).max(MOST) {
        if story.faults.len() == wanted {
            break;
        }
        let drawn = draws.next(&one);
        let (kind, place, at_ms, lasts_ms) =
            drawn.map_err(|reason| anyhow!("drawing: {reason}"))?;
        let kind = kind.get(&stock.kinds);
        let place: &String = place.get(&kind.places);
        let mut fault = kind.at(place);
        if fault.stays() || FOR_STORIES_ALONE.contains(&fault.action.as_str()) {
            continue;
        }
        timed(&mut fault, at_ms, lasts_ms);
        strike_last(&mut fault, &story.system);
        fault.may_miss = true;
        fault.turn = u32::try_from(story.faults.len() + 1).ok();
        let alone = Scenario {
            faults: vec![fault.clone()],
            ..story.clone()
        };
        if fit::can_be_run(&alone, target, &cannot) {
            story.faults.push(fault);
        }
    }
    if story.faults.is_empty() {
        bail!("of all faults that were drawn none can be done to the target");
    }
    story.story = format!(
        "{} operations a second for {}, and {} faults, one after the other. What is promised holds all the while.",
        asked.rate,
        humantime::format_duration(asked.span),
        story.faults.len()
    );
    Ok(story)
}

fn base(target: &Target, asked: Asked) -> Scenario {
    let own = match target.is_ours() {
        true => Own {
            too_low: 3,
            conflict: 2,
            followers: 2,
            ..Own::default()
        },
        false => Own::default(),
    };
    let workload = Workload {
        keys: 32,
        writes: asked.writes(),
        hot_percent: 20,
        copies: 1,
        again: if target.write.again { 3 } else { 0 },
    };
    // The last process of each role is struck, so that the others live for as long as the run does.
    Scenario {
        own,
        ..stage::standing(target, workload)
    }
}

fn timed(fault: &mut Fault, at_ms: u64, lasts_ms: u64) {
    match &mut fault.when {
        Some(When::Message(Message { nth, .. })) => {
            *nth = (*nth).max(1 + at_ms % 3);
            fault.within = Some(PATIENCE.to_owned());
        }
        Some(When::State(_)) => {}
        None => fault.at = Some(format!("{at_ms}ms")),
    }
    // Whatever lasts ends before the next turn: without a time of its own a restart, or what is swallowed, goes on for as long as
    // load does.
    fault.lasts = Some(format!("{lasts_ms}ms"));
}

/// Of several processes the last one, with or without something in its hands.
fn strike_last(fault: &mut Fault, system: &System) {
    let idle = stage::may_be_idle(fault);
    let Some(whom) = &mut fault.process else {
        return;
    };
    let several = [
        ("api", system.apis),
        ("relay", system.relays),
        ("consumer", system.consumers),
    ];
    for (role, count) in several {
        if *whom == role {
            fault.idle = idle;
            if count > 1 {
                *whom = format!("{role} {count}");
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::suite;

    fn hour(seed: u64) -> Scenario {
        let (target, span) = (Target::ours(), Duration::from_secs(3_600));
        let asked = Asked::of(&target, span, 10).expect("as much as a history holds");
        drawn(&target, |_| None, asked, seed).expect("a story")
    }

    #[test]
    fn an_hour_has_faults_of_many_kinds_each_in_its_turn() {
        let story = hour(1);
        assert_eq!(story.faults.len(), 300);
        let turns = story.faults.iter().map(|fault| fault.turn.unwrap_or(0));
        assert!(turns.eq(1..=300));
        let kinds: std::collections::BTreeSet<_> =
            story.faults.iter().map(|fault| &fault.action).collect();
        assert!(kinds.len() >= 25, "{kinds:?}");
        suite::sound(&story).expect("it can be run");
    }

    #[test]
    fn what_is_not_for_hours_is_in_the_catalogue_and_in_no_hour() {
        let stock = Stock::of(&Target::ours(), |_| None);
        let story = hour(2);
        for action in FOR_STORIES_ALONE {
            assert!(
                stock.kinds.iter().any(|kind| kind.ask.action == action),
                "{action}"
            );
            assert!(story.faults.iter().all(|fault| fault.action != action));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_one_something_else() {
        assert_eq!(hour(1), hour(1));
        assert_ne!(hour(1).faults, hour(2).faults);
    }

    #[test]
    fn no_more_is_asked_for_than_a_target_takes_and_a_history_holds() {
        let hour = Duration::from_secs(3_600);
        let ours = |rate| Asked::of(&Target::ours(), hour, rate).map(Asked::writes);
        assert_eq!(ours(277).expect("it fits"), "277/s for 3600000ms");
        let said = ours(278).expect_err("it does not").to_string();
        assert!(said.contains("more than one history holds"), "{said}");
        let text = include_str!("../../targets/pgq/target.toml");
        let slow = Target::read(text).expect("a target");
        let asked = Asked::of(&slow, hour, 300).map(Asked::writes);
        assert_eq!(asked.expect("it fits"), "40/s for 3600000ms");
    }

    #[test]
    fn the_first_process_of_each_role_is_struck_by_nothing() {
        let story = hour(3);
        let whom = story
            .faults
            .iter()
            .filter_map(|fault| fault.process.as_deref());
        let own: std::collections::BTreeSet<&str> = whom.collect();
        assert!(own.contains("relay 2") && own.contains("api 2") && own.contains("consumer 2"));
        assert!(!own.contains("relay") && !own.contains("relay 1"));
    }
}
