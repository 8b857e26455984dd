//! What somebody plays on who breaks things by hand: load without faults, and all that can be done to the target.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};

use super::campaign::{draw::SEVERAL, stock::Stock};
use crate::{
    ask::{
        fault::{self, Party, Role},
        pace::Pace,
        scenario::{Expect, Fault, Own, Scenario, System, Workload},
        target::{Target, process::Plays},
    },
    run::live::hand::Choice,
};

/// Recovery has at least so long: takeovers wait for leases, and one fault's damage may lie behind another's.
const RECOVERED_WITHIN: Duration = Duration::from_secs(30);
/// What each of them leaves must be allowed for by a story, or put back by hand.
pub(super) const FOR_STORIES_ALONE: [&str; 4] = [
    "send nonsense",
    "spoil an event",
    "cut power",
    "fill the disk",
];

/// The story of which nothing is known before, with up to so many operations a second for so long.
///
/// # Errors
/// When one history could not hold it.
pub fn story(target: &Target, most: u32, span: Duration) -> Result<Scenario> {
    let writes = format!("{most}/s for {}ms", span.as_millis());
    if Pace::parse(&writes).is_err() {
        bail!("{writes} is more than one history holds; ask for less");
    }
    let workload = Workload {
        keys: 8,
        writes,
        hot_percent: 0,
        copies: 1,
        again: 0,
    };
    Ok(Scenario {
        story: "What is broken, and when, is done by hand.".to_owned(),
        ..standing(target, workload)
    })
}

/// Load on several processes of each role, and nothing broken.
pub(super) fn standing(target: &Target, workload: Workload) -> Scenario {
    let several = |role: Plays| target.most(role).unwrap_or(0).min(SEVERAL);
    let within = target.pace.recovers_within.get().max(RECOVERED_WITHIN);
    Scenario {
        story: String::new(),
        system: System {
            apis: several(Plays::Api).max(1),
            relays: several(Plays::Relay).max(1),
            consumers: several(Plays::Consumer),
            ..System::default()
        },
        workload,
        own: Own::default(),
        faults: Vec::new(),
        bites: BTreeMap::new(),
        expect: Expect {
            recovered_within: format!("{}s", within.as_secs()),
            ..Expect::default()
        },
        plan: None,
    }
}

/// Whether it strikes a process that may have nothing in its hands then.
pub(super) fn may_be_idle(fault: &Fault) -> bool {
    let strikes = ["kill", "freeze", "terminate"].contains(&fault.action.as_str());
    let party = fault.process.as_deref().and_then(Party::parse);
    let process = party.is_some_and(|party| !matches!(party.role, Role::Server(_)));
    strikes && process && fault.when.is_none()
}

/// All that can be done to the target of a story on these servers, at each place; to one of several processes, too.
pub fn choices(
    target: &Target,
    story: &Scenario,
    cannot: impl Fn(&[fault::Fault]) -> Option<String>,
) -> Vec<Choice> {
    let stock = Stock::of(target, &cannot);
    let mut choices = Vec::new();
    for kind in &stock.kinds {
        if kind.ask.stays() || FOR_STORIES_ALONE.contains(&kind.ask.action.as_str()) {
            continue;
        }
        for place in kind
            .places
            .iter()
            .flat_map(|place| numbered(place, &story.system))
        {
            let mut fault = kind.at(&place);
            fault.idle = may_be_idle(&fault);
            let alone = Scenario {
                faults: vec![Fault {
                    at: fault.when.is_none().then(|| "0s".to_owned()),
                    ..fault.clone()
                }],
                ..story.clone()
            };
            if fault::Fault::all(&alone).is_ok_and(|faults| cannot(&faults).is_none()) {
                choices.push(Choice {
                    place,
                    name: kind.name.clone(),
                    fault,
                });
            }
        }
    }
    choices
}

/// Why one fault may not be done while others are: of one process or server one thing is broken at a time.
pub fn obstacle(fault: &Fault, on: &[&Fault]) -> Option<String> {
    let other = on.iter().find(|other| !Stock::may_meet(fault, other))?;
    let (what, place) = (&other.action, other.on());
    Some(format!(
        "{place} is already being done {what:?} to; heal it first"
    ))
}

/// A place, and where several processes are meant by it each of them.
fn numbered(place: &str, system: &System) -> Vec<String> {
    let several = [
        ("api", system.apis),
        ("relay", system.relays),
        ("consumer", system.consumers),
    ];
    let mut places = vec![place.to_owned()];
    for (role, count) in several {
        if count < 2 {
            continue;
        }
        let named = |number: u32| {
            let words = place.split(' ').map(|word| match word == role {
                true => format!("{word} {number}"),
                false => word.to_owned(),
            });
            words.collect::<Vec<_>>().join(" ")
        };
        if place.split(' ').any(|word| word == role) {
            places.extend((1..=count).map(named));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::suite;

    const SPAN: Duration = Duration::from_secs(900);

    fn stage() -> (Scenario, Vec<Choice>) {
        let target = Target::ours();
        let story = story(&target, 100, SPAN).expect("a story");
        let choices = choices(&target, &story, |_| None);
        (story, choices)
    }

    fn choice<'c>(choices: &'c [Choice], place: &str, name: &str) -> &'c Choice {
        let is = |choice: &&Choice| choice.place == place && choice.name == name;
        choices
            .iter()
            .find(is)
            .unwrap_or_else(|| panic!("no {name} at {place}"))
    }

    #[test]
    fn what_breaks_by_hand_can_be_broken_at_all_processes_and_at_each() {
        let (_, choices) = stage();
        for place in [
            "relay -> rabbitmq",
            "relay 2 -> rabbitmq",
            "client -> api 1",
        ] {
            choice(&choices, place, "cut");
        }
        for place in ["api", "api 2", "relay 1", "postgres"] {
            choice(&choices, place, "kill");
        }
        choice(&choices, "rabbitmq", "stop");
        assert!(choices.len() > 150, "{}", choices.len());
    }

    #[test]
    fn a_story_with_any_of_them_can_be_run_again() {
        let (story, choices) = stage();
        for choice in choices {
            let mut fault = choice.fault.clone();
            if fault.when.is_none() {
                fault.at = Some("1s".to_owned());
                fault.lasts = Some("2s".to_owned());
            }
            let alone = Scenario {
                faults: vec![fault],
                ..story.clone()
            };
            let sound = suite::sound(&alone);
            sound.unwrap_or_else(|why| panic!("{} at {}: {why:#}", choice.name, choice.place));
        }
    }

    #[test]
    fn two_things_are_not_done_to_one_process_and_to_two_they_are() {
        let (_, choices) = stage();
        let fault = |place: &str, name: &str| choice(&choices, place, name).fault.clone();
        let (kill, freeze) = (fault("relay 1", "kill"), fault("relay", "freeze"));
        let said = obstacle(&freeze, &[&kill]).expect("an obstacle");
        assert!(said.contains("relay 1") && said.contains("kill"), "{said}");
        assert_eq!(obstacle(&fault("api", "kill"), &[&kill]), None);
        let cut = fault("relay -> rabbitmq", "cut");
        assert!(obstacle(&fault("relay 2 -> rabbitmq", "cut"), &[&cut]).is_some());
        assert_eq!(obstacle(&kill, &[]), None);
    }
}
