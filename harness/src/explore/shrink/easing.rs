//! What makes a story easier beside fewer faults and operations: fewer processes, settings as they are shipped, one key.

use crate::ask::scenario::{Fault, Message, Scenario, When};

/// What can be made easier beside faults and operations, each by itself; `settings` also those of the target.
pub(super) fn easings(scenario: &Scenario, settings: bool) -> Vec<Easing> {
    let named = |role: &str| {
        let numbered = |text: &String| {
            let words: Vec<&str> = text.split_whitespace().collect();
            words
                .windows(2)
                .any(|pair| pair[0] == role && pair[1].parse::<u32>().is_ok())
        };
        let faults = scenario.faults.iter();
        let mut whom = faults.flat_map(|fault| fault.edge.iter().chain(&fault.process));
        whom.any(numbered)
    };
    let system = &scenario.system;
    let several = [
        ("api", system.apis),
        ("relay", system.relays),
        ("consumer", system.consumers),
    ];
    let mut all: Vec<Easing> = several
        .into_iter()
        .filter(|(role, count)| *count > 1 && !named(role))
        .map(|(role, _)| Easing::One(role))
        .collect();
    if settings {
        all.extend(system.settings.keys().cloned().map(Easing::AsShipped));
    }
    all.extend(system.postgres.keys().cloned().map(Easing::Postgres));
    if !scenario.own.is_nothing() {
        all.push(Easing::NothingOwn);
    }
    let plan = scenario.plan.iter().flat_map(|plan| &plan.operations);
    if plan.clone().any(|operation| operation.copies > 1) {
        all.push(Easing::Once);
    }
    if scenario
        .plan
        .as_ref()
        .is_some_and(|plan| plan.own.is_none() && plan.keys().len() > 1)
    {
        all.push(Easing::OneKey);
    }
    let late =
        |fault: &Fault| matches!(&fault.when, Some(When::Message(message)) if message.nth > 1);
    if scenario.faults.iter().any(late) {
        all.push(Easing::First);
    }
    let often =
        |fault: &Fault| matches!(&fault.when, Some(When::Message(message)) if message.times > 1);
    if scenario.faults.iter().any(often) {
        all.push(Easing::Single);
    }
    all
}

/// Something that is made easier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Easing {
    /// One process of a role.
    One(&'static str),
    /// A setting as the target is shipped. Where the others do not go with it, that is not sound, and is not run.
    AsShipped(String),
    /// A setting of the database as the lab has it.
    Postgres(String),
    /// Nothing that only the lab's own target knows.
    NothingOwn,
    /// Nothing is asked for in several copies.
    Once,
    /// Everything belongs to one key.
    OneKey,
    /// What is at a later message is at the first.
    First,
    /// What is at several messages is at one.
    Single,
}

impl Easing {
    /// The story made easier.
    pub fn of(&self, scenario: &Scenario) -> Scenario {
        let mut easier = scenario.clone();
        let operations = easier.plan.iter_mut().flat_map(|plan| &mut plan.operations);
        match self {
            Self::One("api") => easier.system.apis = 1,
            Self::One("relay") => easier.system.relays = 1,
            Self::One(_) => easier.system.consumers = 1,
            Self::AsShipped(name) => drop(easier.system.settings.remove(name)),
            Self::Postgres(name) => drop(easier.system.postgres.remove(name)),
            Self::NothingOwn => easier.own = Default::default(),
            Self::Once => operations.for_each(|operation| operation.copies = 1),
            Self::OneKey => return one_key(scenario),
            Self::First => messages(&mut easier).for_each(|message| message.nth = 1),
            Self::Single => messages(&mut easier).for_each(|message| message.times = 1),
        }
        easier
    }
}

/// The messages that faults are at.
fn messages(scenario: &mut Scenario) -> impl Iterator<Item = &mut Message> {
    scenario
        .faults
        .iter_mut()
        .filter_map(|fault| match &mut fault.when {
            Some(When::Message(message)) => Some(message),
            Some(When::State(_)) | None => None,
        })
}

/// Operations that are one stay one.
fn one_key(scenario: &Scenario) -> Scenario {
    let Some(plan) = &scenario.plan else {
        return scenario.clone();
    };
    let mut plan = plan.clone();
    let mut known: Vec<(u16, u32)> = Vec::new();
    for operation in &mut plan.operations {
        let own = (operation.key, operation.number);
        let at = known.iter().position(|one| *one == own).unwrap_or_else(|| {
            known.push(own);
            known.len() - 1
        });
        (operation.key, operation.number) = (0, u32::try_from(at + 1).unwrap_or(u32::MAX));
    }
    scenario.planned(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::shrink::reduced::{
        tests::{is_sound, story},
        with_faults,
    };

    #[test]
    fn each_easing_makes_one_thing_easier_and_what_faults_name_stays() {
        let easings = easings(&story(), true);
        assert_eq!(easings, [Easing::One("relay"), Easing::OneKey]);
        assert_eq!(is_sound(&easings[0].of(&story())).system.relays, 1);
        let one = easings[1].of(&story());
        let plan = is_sound(&one).plan.as_ref().expect("a plan");
        assert_eq!((plan.keys(), plan.operations[39].number), (vec![0], 40));
        let mut named = story();
        named.faults[1].process = Some("relay 2".to_owned());
        assert_eq!(super::easings(&named, true), [Easing::OneKey]);
    }

    #[test]
    fn what_is_at_later_and_at_several_messages_is_at_the_first_alone() {
        let mut later = with_faults(&story(), &[0]);
        let message = "event = 'confirm'\nnth = 3\ntimes = 5";
        (later.faults[0].action, later.faults[0].at) = ("reset".to_owned(), None);
        later.faults[0].lasts = None;
        later.faults[0].when = Some(When::Message(toml::from_str(message).expect("a message")));
        let all = easings(is_sound(&later), true);
        assert!(all.ends_with(&[Easing::First, Easing::Single]), "{all:?}");
        let easy = all.iter().fold(later, |story, easing| easing.of(&story));
        let Some(When::Message(message)) = &is_sound(&easy).faults[0].when else {
            panic!("{easy:?}")
        };
        assert_eq!((message.nth, message.times), (1, 1));
    }
}
