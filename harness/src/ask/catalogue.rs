//! Every fault that has a name: how a scenario asks for it, what it looks like to the target, and what shows that it bites.
//! What a fault needs is not written beside it: it is what its words mean, by the same reader that scenarios have.

use serde::{Deserialize, Serialize};

use crate::ask::{
    fault::Fault,
    scenario::{self, Scenario, System},
};

/// A fault with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// What people call it.
    pub name: String,
    /// What kind of thing is hit.
    pub group: Group,
    /// How it is asked for.
    pub asked: Asked,
    /// What the target sees of it, in one line.
    pub looks: String,
    /// The scenario that it is a part of, or `test` and the test's name; nothing of what cannot be done.
    pub shown: String,
}

/// What kind of thing is hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// A connection.
    Network,
    /// A process of the target's.
    Process,
    /// RabbitMQ.
    Broker,
    /// Postgres.
    Database,
    /// What is run out of.
    Resource,
    /// What is asked for, stored or sent.
    Data,
    /// When things happen.
    Time,
}

/// How a fault is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// As a `[[fault]]`.
    Fault(Box<scenario::Fault>),
    /// By what clients do: a part of `[workload]`.
    Workload(toml::Table),
    /// It is not, and why.
    Never(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fault: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    ask: Option<scenario::Fault>,
    workload: Option<toml::Table>,
    never: Option<String>,
    looks: String,
    #[serde(default)]
    shown: String,
}

impl Group {
    const FILES: [(Self, &'static str); 7] = [
        (Self::Network, include_str!("catalogue/network.toml")),
        (Self::Process, include_str!("catalogue/process.toml")),
        (Self::Broker, include_str!("catalogue/broker.toml")),
        (Self::Database, include_str!("catalogue/database.toml")),
        (Self::Resource, include_str!("catalogue/resource.toml")),
        (Self::Data, include_str!("catalogue/data.toml")),
        (Self::Time, include_str!("catalogue/time.toml")),
    ];

    /// As the command line writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Process => "process",
            Self::Broker => "broker",
            Self::Database => "database",
            Self::Resource => "resource",
            Self::Data => "data",
            Self::Time => "time",
        }
    }

    fn read(self, text: &str) -> Result<Vec<Named>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        file.fault
            .into_iter()
            .map(|written| written.of(self))
            .collect()
    }
}

impl Written {
    fn of(self, group: Group) -> Result<Named, String> {
        let asked = match (self.ask, self.workload, self.never) {
            (Some(fault), None, None) => Asked::Fault(Box::new(fault)),
            (None, Some(workload), None) => Asked::Workload(workload),
            (None, None, Some(why)) => Asked::Never(why),
            _ => {
                return Err(format!("{}: say one of ask, workload and never", self.name));
            }
        };
        Ok(Named {
            name: self.name,
            group,
            asked,
            looks: self.looks,
            shown: self.shown,
        })
    }
}

/// All of them, a group after the other.
///
/// # Panics
/// When a file of the catalogue cannot be read, which is part of this program.
pub fn all() -> Vec<Named> {
    let files = Group::FILES.into_iter();
    let read = |(group, text): (Group, &str)| {
        let named = group.read(text);
        named.unwrap_or_else(|problem| panic!("the catalogue's {}: {problem}", group.name()))
    };
    files.flat_map(read).collect()
}

impl Named {
    /// The smallest scenario that has it; none of what cannot be done.
    ///
    /// # Panics
    /// When its words mean nothing, which a test excludes.
    pub fn scenario(&self) -> Option<Scenario> {
        let mut scenario: Scenario = toml::from_str(SMALLEST).expect("a scenario");
        match &self.asked {
            Asked::Fault(fault) => {
                let mut fault = (**fault).clone();
                if fault.when.is_none() {
                    fault.at = Some("1s".to_owned());
                }
                let numbers = [&fault.edge, &fault.process].into_iter().flatten();
                if numbers
                    .into_iter()
                    .all(|whom| !whom.contains(char::is_numeric))
                {
                    scenario.system = System::default();
                }
                scenario.faults.push(fault);
            }
            Asked::Workload(workload) => {
                let mut whole = toml::Table::try_from(&scenario).expect("a scenario is a table");
                let all = whole["workload"].as_table_mut().expect("a table");
                all.extend(workload.clone());
                scenario = whole.try_into().expect("a workload");
            }
            Asked::Never(_) => return None,
        }
        Some(scenario)
    }

    /// The same, as it is understood; none of what is no fault of a scenario's.
    ///
    /// # Panics
    /// As [`scenario`](Self::scenario).
    pub fn fault(&self) -> Option<Fault> {
        let scenario = self.scenario()?;
        let mut all = Fault::all(&scenario).expect("words that a scenario can have");
        all.pop()
    }

    /// How a scenario asks for it, in one line.
    pub fn words(&self) -> String {
        match &self.asked {
            Asked::Never(_) => String::new(),
            Asked::Workload(workload) => {
                let each = workload
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"));
                format!("[workload] {}", each.collect::<Vec<_>>().join(", "))
            }
            Asked::Fault(fault) => {
                let whom = fault.edge.as_deref().or(fault.process.as_deref());
                let mut words = format!("{}: {}", whom.unwrap_or_default(), fault.action);
                match &fault.when {
                    Some(scenario::When::State(state)) => words += &format!(", when {state}"),
                    Some(scenario::When::Message(message)) => {
                        words += match message.side.as_deref() {
                            Some("after") => ", after ",
                            _ => ", at ",
                        };
                        words += &message.event;
                        if let Some(matching) = &message.matching {
                            words += &format!(" of {matching}");
                        }
                        if let Some(edge) = &message.edge {
                            words += &format!(" on {edge}");
                        }
                    }
                    None => {}
                }
                match &fault.lasts {
                    Some(lasts) => words + ", for " + lasts,
                    None => words,
                }
            }
        }
    }
}

/// What a fault is read in: several of each role, so that one of them can be named.
const SMALLEST: &str = "story = ''\nsystem = { apis = 2, relays = 2 }\nworkload = { keys = 1, writes = '10/s for 3s' }";

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn there_are_as_many_as_people_ask_for_and_each_has_a_name_of_its_own() {
        let all = all();
        let names: BTreeSet<&str> = all.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        let done = all
            .iter()
            .filter(|named| named.scenario().is_some())
            .count();
        assert!(done >= 70, "{done} can be done");
    }

    #[test]
    fn each_is_asked_for_by_words_that_a_scenario_can_have() {
        for named in all() {
            let Some(scenario) = named.scenario() else {
                assert!(named.words().is_empty());
                continue;
            };
            let read = Fault::all(&scenario);
            let read = read.unwrap_or_else(|bad| panic!("{}: {bad}", named.name));
            assert_eq!(read.len(), scenario.faults.len());
            assert!(!named.words().is_empty());
        }
    }

    /// A fault in the catalogue that nothing was ever seen to do is a promise.
    #[test]
    fn each_is_shown_by_a_scenario_that_does_it_or_by_a_test() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tests = root.join("tests/faults/cases.rs");
        let tests = fs::read_to_string(tests).expect("the tests of faults");
        for named in all() {
            if let Asked::Never(_) = named.asked {
                assert_eq!(named.shown, "", "{}", named.name);
                continue;
            }
            if let Some(test) = named.shown.strip_prefix("test ") {
                assert!(
                    tests.contains(&format!("\"{test}\"")),
                    "{}: no {test}",
                    named.name
                );
                continue;
            }
            let path = root
                .join("../scenarios")
                .join(format!("{}.toml", named.shown));
            let text = fs::read_to_string(&path);
            let text = text.unwrap_or_else(|error| panic!("{}: {path:?}: {error}", named.name));
            let scenario: Scenario = toml::from_str(&text).expect("a scenario");
            assert!(
                does(&scenario, &named),
                "{} does not do what {} is",
                named.shown,
                named.name
            );
        }
    }

    /// Whether a scenario has a fault of the same kind, to the same target, or the same in its workload. Numbers may differ.
    fn does(scenario: &Scenario, named: &Named) -> bool {
        let wanted = named.scenario().expect("it can be done");
        let Some(fault) = named.fault() else {
            let (has, wants) = (&scenario.workload, &wanted.workload);
            return (wants.copies == 1 || has.copies > 1)
                && (wants.hot_percent == 0 || has.hot_percent > 0);
        };
        let kind = |text: &str| -> String {
            let letters = text.chars().map(|sign| match sign {
                '0'..='9' | '.' => '0',
                sign => sign,
            });
            let text: String = letters.collect();
            let mut words: Vec<&str> = text.split_whitespace().collect();
            words.dedup();
            words.join(" ").replace("00", "0").replace("00", "0")
        };
        let asked = &wanted.faults[0];
        let faults = Fault::all(scenario).expect("faults");
        scenario.faults.iter().zip(&faults).any(|(written, read)| {
            let event = |fault: &scenario::Fault| match &fault.when {
                Some(scenario::When::Message(message)) => Some(message.event.clone()),
                _ => None,
            };
            read.target == fault.target
                && kind(&written.action) == kind(&asked.action)
                && (event(asked).is_none() || event(asked) == event(written))
        })
    }
}
