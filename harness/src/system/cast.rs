//! Who plays what: how many processes of each kind run, and which number each has in each of its roles.

use std::collections::BTreeMap;

use super::staging::Staging;
use crate::ask::{
    fault::{Party, Role},
    scenario,
    target::process::{Plays, Port, Process, Ready},
};

/// One process to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part<'t> {
    /// What the file says of it.
    pub process: &'t Process,
    /// Its number among those of its name, from 1.
    pub number: u32,
    /// What it plays, and its number among those that play it.
    pub roles: Vec<Party>,
}

impl Part<'_> {
    /// `relay 2`.
    pub fn name(&self) -> String {
        format!("{} {}", self.process.name, self.number)
    }
}

/// Everybody, in the file's order.
pub(super) fn cast<'t>(staging: &Staging<'t>) -> Vec<Part<'t>> {
    let mut numbers: BTreeMap<Role, u32> = BTreeMap::new();
    let mut parts = Vec::new();
    for process in &staging.target.processes {
        for number in 1..=count(process, staging) {
            let roles = process.plays.iter().map(|plays| {
                let role = Role::from(*plays);
                let number = numbers.entry(role).or_default();
                *number += 1;
                Party {
                    role,
                    number: Some(*number),
                }
            });
            parts.push(Part {
                process,
                number,
                roles: roles.collect(),
            });
        }
    }
    parts
}

/// A story's number for a role is that of the process that plays it, if only one does, and it can be more than one. A story
/// that says 1, or nothing, which is the same, leaves the file's number.
fn count(process: &Process, staging: &Staging<'_>) -> u32 {
    let alone = |role: &Plays| {
        let others = staging.target.processes.iter();
        others.filter(|other| other.is(*role)).count() == 1
    };
    let wanted = |role: &Plays| match (role, staging.story) {
        (Plays::Api, scenario::System { apis, .. }) => *apis,
        (Plays::Relay, scenario::System { relays, .. }) => *relays,
        (Plays::Consumer, scenario::System { consumers, .. }) => *consumers,
    };
    let free = !matches!(process.ready, Ready::Tcp(Port::Fixed(_)));
    let said: Vec<u32> = process
        .plays
        .iter()
        .filter(|role| alone(role))
        .map(wanted)
        .collect();
    if said.len() < process.plays.len() || said.is_empty() || !free {
        return process.count;
    }
    match said.iter().all(|count| *count == 0) {
        true => 0,
        false => match said.into_iter().max() {
            Some(1) | None => process.count,
            Some(most) => most,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::Target;

    fn shop(processes: &str) -> Target {
        let text = format!(
            "name = \"shop\"\n[write]\nsql = \"INSERT INTO a VALUES ('{{{{id}}}}', '{{{{key}}}}')\"\n[witness]\nexchange = \"e\"\n{processes}"
        );
        Target::read(&text).expect(&text)
    }

    fn process(lines: &str) -> String {
        format!("[[process]]\n{lines}\nrun = \"./a {{{{postgres.url}}}} {{{{rabbitmq.url}}}}\"\n")
    }

    fn names(target: &Target, story: scenario::System) -> Vec<String> {
        let staging = Staging {
            target,
            story: &story,
            as_shipped: false,
        };
        cast(&staging).iter().map(Part::name).collect()
    }

    fn story(relays: u32) -> scenario::System {
        scenario::System {
            relays,
            ..scenario::System::default()
        }
    }

    #[test]
    fn the_service_of_this_repository_is_cast_as_the_story_says() {
        let ours = Target::ours();
        assert_eq!(
            names(&ours, story(2)),
            ["api 1", "relay 1", "relay 2", "consumer 1"]
        );
        let none = scenario::System {
            apis: 0,
            consumers: 0,
            ..story(1)
        };
        assert_eq!(names(&ours, none), ["relay 1"]);
    }

    #[test]
    fn the_file_s_number_stands_until_a_story_wants_more() {
        let target = shop(&process("name = \"relay\"\ncount = 2"));
        assert_eq!(names(&target, story(1)), ["relay 1", "relay 2"]);
        assert_eq!(names(&target, story(4)).len(), 4);
    }

    #[test]
    fn who_plays_two_roles_has_a_number_in_each() {
        let both = process("name = \"orders\"\nplays = [\"api\", \"relay\"]");
        let target = shop(&(both + &process("name = \"sweeper\"\nplays = [\"relay\"]")));
        let one = scenario::System::default();
        let staging = Staging {
            target: &target,
            story: &one,
            as_shipped: false,
        };
        let parts = cast(&staging);
        let party = |role, number| Party {
            role,
            number: Some(number),
        };
        assert_eq!(parts[0].name(), "orders 1");
        assert_eq!(parts[0].roles, [party(Role::Api, 1), party(Role::Relay, 1)]);
        assert_eq!(parts[1].roles, [party(Role::Relay, 2)]);
        let four = Staging {
            story: &story(4),
            ..staging
        };
        assert_eq!(
            cast(&four).len(),
            2,
            "nobody knows of whom there should be more"
        );
    }

    #[test]
    fn a_port_that_cannot_be_chosen_is_there_once() {
        let target = shop(&process("name = \"relay\"\nready = { tcp = 8080 }"));
        assert_eq!(names(&target, story(2)), ["relay 1"]);
    }
}
