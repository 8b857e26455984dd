//! A story with less in it: fewer faults, fewer operations, fewer processes, less time. What is left is sound, or it is not
//! tried.

use std::collections::{BTreeMap, BTreeSet};

use crate::ask::{
    lasting::Lasting,
    scenario::{Condition, Fault, Operation, Plan, Scenario, When},
};

/// The story with these of its faults.
pub(super) fn with_faults(scenario: &Scenario, kept: &[usize]) -> Scenario {
    let mut less = scenario.with_faults(kept);
    less.bites = bites(&less);
    less
}

/// What must have bitten: each fault, which goes without saying; where there is none, the operations themselves.
pub(super) fn bites(scenario: &Scenario) -> BTreeMap<String, Condition> {
    let one = Condition::try_from(">= 1".to_owned()).ok();
    let accepted = one.filter(|_| scenario.faults.is_empty());
    accepted
        .map(|one| ("accepted".to_owned(), one))
        .into_iter()
        .collect()
}

/// The story with these of its plan's operations. What waits for a number of them waits for as many fewer, and what comes at a
/// time comes before the last of them is sent.
pub(super) fn with_operations(scenario: &Scenario, kept: &[usize]) -> Scenario {
    let Some(plan) = &scenario.plan else {
        return scenario.clone();
    };
    let all = plan.operations.len().max(1) as u64;
    let share = |number: u64| (number * kept.len() as u64).div_ceil(all).max(1);
    let operations = kept.iter().map(|at| plan.operations[*at].clone());
    let mut less = scenario.planned(Plan {
        operations: operations.collect(),
        own: plan.own.clone(),
    });
    for fault in &mut less.faults {
        match &mut fault.when {
            Some(When::State(state)) => {
                let counted = state.split_once(' ');
                let counted = counted.and_then(|(number, of)| Some((number.parse().ok()?, of)));
                if let Some((number, of)) = counted {
                    *state = format!("{} {of}", share(number));
                }
            }
            Some(When::Message(message)) if message.of.is_none() => {
                message.nth = share(message.nth);
            }
            Some(When::Message(_)) | None => {}
        }
    }
    within_its_time(&mut less);
    without_idle_keys(&mut less);
    less
}

/// No fault comes after the last operation.
fn within_its_time(scenario: &mut Scenario) {
    let operations = scenario.plan.iter().flat_map(|plan| &plan.operations);
    let last = operations.map(|operation| operation.at_ms).max();
    for fault in &mut scenario.faults {
        if let (Some(at), Some(last)) = (at_ms(fault), last)
            && at > last
        {
            fault.at = Some(format!("{last}ms"));
        }
    }
}

/// Keys that nothing is asked for are not opened, but for one that is.
fn without_idle_keys(scenario: &mut Scenario) {
    let Some(plan) = &mut scenario.plan else {
        return;
    };
    let used = plan.keys();
    if let Some(own) = &mut plan.own {
        let first = own.open.first().copied();
        own.open.retain(|key| used.contains(key));
        own.closing.retain(|key| used.contains(key));
        if own.open.is_empty() {
            own.open.extend(first);
        }
    }
    let followed = plan.own.as_ref().map_or(0, |own| own.open.len());
    let followed = u32::try_from(followed).unwrap_or(u32::MAX);
    scenario.own.followers = scenario.own.followers.min(followed);
}

/// The story with every fault lasting a part of its time, and no more than so many milliseconds between two things.
pub(super) fn hurried(scenario: &Scenario, part: u64, most_ms: u64) -> Scenario {
    let faults = 0..scenario.faults.len();
    let short = faults.fold(scenario.clone(), |story, fault| {
        shorter(&story, fault, part).unwrap_or(story)
    });
    sooner(&short, most_ms).unwrap_or(short)
}

/// The shortest that a fault is made.
const SHORTEST_MS: u64 = 20;

/// The story with one fault lasting a part of its time; none if it has no time of its own, or is as short as it can be.
pub(super) fn shorter(scenario: &Scenario, fault: usize, part: u64) -> Option<Scenario> {
    let mut less = scenario.clone();
    let lasts = &mut less.faults[fault].lasts;
    let Ok(Lasting::For(span)) = Lasting::parse(lasts.as_deref()) else {
        return None;
    };
    let before = u64::try_from(span.as_millis()).ok()?;
    let after = rounded(before / part).max(SHORTEST_MS);
    *lasts = Some(format!("{after}ms"));
    (after < before).then_some(less)
}

/// Two digits are enough.
fn rounded(ms: u64) -> u64 {
    let mut unit = 1;
    while ms / unit >= 100 {
        unit *= 10;
    }
    ms / unit * unit
}

/// The story with no more than so many milliseconds between two things that the clock brings, and nothing before the first.
pub(super) fn sooner(scenario: &Scenario, most_ms: u64) -> Option<Scenario> {
    let plan = scenario.plan.as_ref()?;
    let operations = plan.operations.iter().map(|operation| operation.at_ms);
    let mut moments: Vec<u64> = operations
        .chain(scenario.faults.iter().filter_map(at_ms))
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let mut after = Vec::with_capacity(moments.len());
    for (at, moment) in moments.iter().enumerate() {
        let gap = at
            .checked_sub(1)
            .map_or(0, |before| moment - moments[before]);
        let before = after.last().copied().unwrap_or(0);
        after.push(before + gap.min(most_ms));
    }
    let moved = |moment: u64| {
        let at = moments.binary_search(&moment);
        at.map_or(moment, |at| after[at])
    };
    let mut less = scenario.clone();
    let operations = less.plan.iter_mut().flat_map(|plan| &mut plan.operations);
    operations.for_each(|operation| operation.at_ms = moved(operation.at_ms));
    for fault in &mut less.faults {
        if let Some(at) = at_ms(fault) {
            fault.at = Some(format!("{}ms", moved(at)));
        }
    }
    (less != *scenario).then_some(less)
}

/// The story whose timed faults come when as many operations are stored as had been sent by then, whatever the clock says.
pub(super) fn triggered(scenario: &Scenario) -> Option<Scenario> {
    let plan = scenario.plan.as_ref()?;
    let mut other = scenario.clone();
    for fault in &mut other.faults {
        let Some(at) = at_ms(fault).filter(|_| fault.turn.is_none()) else {
            continue;
        };
        let sent = plan.operations.iter().filter(|one| one.at_ms < at);
        let sent: BTreeSet<_> = sent.map(|one| (one.key, one.number)).collect();
        if !sent.is_empty() {
            fault.at = None;
            fault.when = Some(When::State(format!("{} operations are stored", sent.len())));
        }
    }
    (other != *scenario).then_some(other)
}

/// Of one key so many operations at least: with the one that is asked for at the end they show an order.
const SHOWS_ORDER: usize = 2;
/// Between those that are added.
const APART_MS: u64 = 20;

/// The story with as many operations of one key as it takes to see an order: without them the judge of a target that is well
/// could not say so. None if there are as many.
pub(super) fn showing_order(scenario: &Scenario) -> Option<Scenario> {
    let plan = scenario.plan.as_ref()?;
    let of = |key: u16| {
        let own = plan.operations.iter().filter(move |one| one.key == key);
        own.map(|one| one.number).collect::<BTreeSet<u32>>()
    };
    let key = plan.keys().into_iter().max_by_key(|key| of(*key).len())?;
    let (known, mut last) = (of(key), plan.operations.last()?.clone());
    let mut plan = plan.clone();
    for number in (known.last()? + 1..).take(SHOWS_ORDER.saturating_sub(known.len())) {
        last = Operation::at(last.at_ms + APART_MS, key, number);
        plan.operations.push(last.clone());
    }
    let more = scenario.planned(plan);
    (more != *scenario).then_some(more)
}

/// When a fault comes, if the clock brings it.
pub(super) fn at_ms(fault: &Fault) -> Option<u64> {
    let at = humantime::parse_duration(fault.at.as_deref()?).ok()?;
    u64::try_from(at.as_millis()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::explore::suite;

    const STORY: &str = "story = 'told'\n[system]\nrelays = 2\n[workload]\nkeys = 4\nwrites = '40 planned'\n\
        [[fault]]\nedge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '500ms'\nfor = '1600ms'\n\
        [[fault]]\nprocess = 'relay'\ndo = 'kill'\nwhen = '20 events are held'\n\
        [expect]\nfault_2_bites = '>= 1'\naccepted = '>= 3'\n";

    pub fn story() -> Scenario {
        let mut scenario: Scenario = toml::from_str(STORY).expect("a story");
        let operation = |at: u16| Operation::at(u64::from(at) * 50, at % 4, u32::from(at / 4) + 1);
        scenario.plan = Some(Plan {
            operations: (0..40).map(operation).collect(),
            own: None,
        });
        scenario
    }

    pub fn is_sound(scenario: &Scenario) -> &Scenario {
        suite::sound(scenario).expect("sound");
        scenario
    }

    #[test]
    fn what_is_said_of_a_fault_goes_with_it() {
        let less = with_faults(&story(), &[1]);
        assert_eq!(is_sound(&less).faults.len(), 1);
        let names: Vec<&str> = less.expect.facts.keys().map(String::as_str).collect();
        assert_eq!(names, ["accepted", "fault_1_bites"]);
        let none = with_faults(&story(), &[]);
        assert!(is_sound(&none).bites.contains_key("accepted"));
        assert!(!none.expect.facts.contains_key("fault_1_bites"));
    }

    #[test]
    fn faults_wait_for_as_many_operations_as_there_are_left() {
        let less = with_operations(&story(), &[0, 4]);
        assert_eq!(is_sound(&less).workload.writes, "2 planned");
        assert_eq!(less.workload.keys, 1);
        assert_eq!(less.faults[0].at.as_deref(), Some("200ms"));
        assert_eq!(
            less.faults[1].when,
            Some(When::State("1 events are held".to_owned()))
        );
        let half: Vec<usize> = (0..40).step_by(2).collect();
        let half = with_operations(&story(), &half);
        assert_eq!(
            half.faults[1].when,
            Some(When::State("10 events are held".to_owned()))
        );
    }

    #[test]
    fn times_become_shorter_and_stay_in_their_order() {
        let shorter = shorter(&story(), 0, 8).expect("shorter");
        assert_eq!(is_sound(&shorter).faults[0].lasts.as_deref(), Some("200ms"));
        assert_eq!(
            super::shorter(&story(), 1, 2),
            None,
            "it has no time of its own"
        );
        let sooner = sooner(&story(), 10).expect("sooner");
        let plan = is_sound(&sooner).plan.as_ref().expect("a plan");
        assert_eq!(plan.operations[39].at_ms, 390);
        assert_eq!(sooner.faults[0].at.as_deref(), Some("100ms"));
        assert_eq!(super::sooner(&sooner, 10), None);
    }

    #[test]
    fn what_is_too_little_to_show_an_order_gets_as_much_as_it_takes() {
        let one = with_operations(&story(), &[5]);
        let two = showing_order(&one).expect("more");
        let plan = is_sound(&two).plan.as_ref().expect("a plan");
        let numbers = plan.operations.iter().map(|one| (one.key, one.number));
        assert_eq!(numbers.collect::<Vec<_>>(), [(1, 2), (1, 3)]);
        assert_eq!(showing_order(&two), None);
        let apart = with_operations(&story(), &[4, 5]);
        let apart = showing_order(&apart).expect("more");
        assert_eq!(apart.workload.writes, "3 planned");
    }

    #[test]
    fn what_is_asked_for_again_is_stored_once() {
        let mut twice = story();
        let plan = twice.plan.as_mut().expect("a plan");
        plan.operations[1] = Operation::at(50, 0, 1);
        let when = When::State("9 operations are stored".to_owned());
        let triggered = triggered(&twice).expect("triggered");
        assert_eq!(triggered.faults[0].when, Some(when));
    }

    #[test]
    fn what_the_clock_brought_comes_with_the_operation_before_it() {
        let triggered = triggered(&story()).expect("triggered");
        let when = When::State("10 operations are stored".to_owned());
        assert_eq!(is_sound(&triggered).faults[0].when, Some(when));
    }
}
