//! What a fault line of a scenario means: its target, what is done to it, when it starts and how long it lasts.
//!
//! Parsing is strict and complete before anything runs: a misspelt fault is a usage error, never a quiet no-op.

mod moment;

use std::time::Duration;

pub use moment::{Lasting, Moment, Quantity};

use crate::{
    edge::{Direction, Toxic},
    scenario,
};

/// A fault that can be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What is hit.
    pub target: Target,
    /// What happens to it.
    pub action: Action,
    /// When.
    pub moment: Moment,
    /// For how long.
    pub lasting: Lasting,
}

/// What a fault hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A connection between two parties.
    Edge {
        /// Who opens it.
        from: Party,
        /// Whom it leads to.
        to: Party,
    },
    /// Processes of the system under test.
    Process(Party),
    /// A server: the scenario gets one of its own.
    Server(Server),
}

/// A role, or one process of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// The role.
    pub role: Role,
    /// Which process of the role, from 1; all of them if not said.
    pub number: Option<u32>,
}

/// Who can be at an end of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The lab's HTTP clients.
    Client,
    /// `outbox-service api`.
    Api,
    /// `outbox-service relay`.
    Relay,
    /// `outbox-service consumer`.
    Consumer,
    /// A server.
    Server(Server),
}

/// The servers that the system uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Server {
    /// The database.
    Postgres,
    /// The broker.
    RabbitMq,
}

/// What is done to a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The edge's connections are closed and new ones refused.
    Cut,
    /// The edge's toxics, each in a direction.
    Toxics(Vec<(Toxic, Direction)>),
    /// SIGKILL.
    Kill,
    /// SIGSTOP, later SIGCONT.
    Freeze,
    /// SIGTERM: an orderly end.
    Terminate,
    /// The exchange loses its bindings, and nobody may declare new ones: whatever is published is routed nowhere. Only
    /// this run's vhost is touched.
    Unbind,
    /// Another relay, one that exists only in the database, takes every lane over, as if the leases had run out. What
    /// the real ones then write back must not count.
    Usurp,
}

/// A fault that cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("fault {number}: {problem}")]
pub struct BadFault {
    /// Which fault of the scenario, from 1.
    pub number: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Fault {
    /// Understands all faults of a scenario.
    pub fn all(scenario: &scenario::Scenario) -> Result<Vec<Self>, BadFault> {
        let number = |index| index + 1;
        scenario
            .faults
            .iter()
            .enumerate()
            .map(|(index, fault)| {
                Self::parse(fault).map_err(|problem| BadFault {
                    number: number(index),
                    problem,
                })
            })
            .collect()
    }

    fn parse(fault: &scenario::Fault) -> Result<Self, String> {
        let target = match (&fault.edge, &fault.process) {
            (Some(edge), None) => parse_edge(edge)?,
            (None, Some(process)) => parse_process(process)?,
            _ => return Err("say either edge = \"…\" or process = \"…\"".to_owned()),
        };
        let action = match target {
            Target::Edge { .. } => parse_edge_action(&fault.action)?,
            Target::Server(Server::RabbitMq) if fault.action == "unbind" => Action::Unbind,
            Target::Process(Party {
                role: Role::Relay,
                number: None,
            }) if fault.action == "usurp" => Action::Usurp,
            Target::Process(_) | Target::Server(_) => parse_process_action(&fault.action)?,
        };
        Ok(Self {
            target,
            action,
            moment: Moment::parse(fault.at.as_deref(), fault.when.as_deref())?,
            lasting: Lasting::parse(fault.lasts.as_deref())?,
        })
    }

    /// Whether it must be in place before the first bid.
    pub fn starts_with_workload(&self) -> bool {
        self.moment == Moment::At(Duration::ZERO)
    }

    /// Whom the edge leads to that it hits, if it hits one.
    pub fn to(&self) -> Option<Role> {
        match self.target {
            Target::Edge { to, .. } => Some(to.role),
            Target::Process(_) | Target::Server(_) => None,
        }
    }

    /// The server that this fault breaks, which must then be the scenario's own.
    pub fn breaks_server(&self) -> Option<Server> {
        match self.target {
            Target::Server(server) if self.action != Action::Unbind => Some(server),
            _ => None,
        }
    }
}

/// Edges as they are drawn in the design; anything else would never carry a byte.
const EDGES: [(Role, Role); 6] = [
    (Role::Client, Role::Api),
    (Role::Api, Role::Server(Server::Postgres)),
    (Role::Relay, Role::Server(Server::Postgres)),
    (Role::Relay, Role::Server(Server::RabbitMq)),
    (Role::Consumer, Role::Server(Server::Postgres)),
    (Role::Consumer, Role::Server(Server::RabbitMq)),
];

fn parse_edge(text: &str) -> Result<Target, String> {
    let wrong = || {
        let known: Vec<String> = EDGES
            .iter()
            .map(|(from, to)| format!("{} -> {}", from.name(), to.name()))
            .collect();
        format!(
            "{text:?} is no edge; edges are {}, with a number for one process (\"relay 2 -> postgres\")",
            known.join(", ")
        )
    };
    let (from, to) = text.split_once("->").ok_or_else(wrong)?;
    let (from, to) = (
        Party::parse(from).ok_or_else(wrong)?,
        Party::parse(to).ok_or_else(wrong)?,
    );
    if EDGES.contains(&(from.role, to.role)) {
        Ok(Target::Edge { from, to })
    } else {
        Err(wrong())
    }
}

fn parse_process(text: &str) -> Result<Target, String> {
    match Party::parse(text) {
        Some(Party {
            role: Role::Server(server),
            ..
        }) => Ok(Target::Server(server)),
        Some(party) if party.role != Role::Client => Ok(Target::Process(party)),
        _ => Err(format!(
            "{text:?} is no process; processes are api, relay, consumer (with a number for one of several), rabbitmq, postgres"
        )),
    }
}

fn parse_process_action(text: &str) -> Result<Action, String> {
    match text {
        "kill" => Ok(Action::Kill),
        "freeze" => Ok(Action::Freeze),
        "terminate" | "stop" => Ok(Action::Terminate),
        _ => Err(format!(
            "{text:?} is nothing to do to a process; try kill, freeze, terminate or stop (and unbind for rabbitmq, usurp for relay)"
        )),
    }
}

fn parse_edge_action(text: &str) -> Result<Action, String> {
    let both = |toxic: Toxic| vec![(toxic, Direction::Requests), (toxic, Direction::Replies)];
    let swallow = Toxic::Timeout {
        timeout: Duration::ZERO,
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let toxics = match words.as_slice() {
        ["cut"] => return Ok(Action::Cut),
        ["stall"] => both(swallow),
        ["drop", "replies"] => vec![(swallow, Direction::Replies)],
        ["drop", "requests"] => vec![(swallow, Direction::Requests)],
        ["reset"] => vec![(
            Toxic::ResetPeer {
                timeout: Duration::ZERO,
            },
            Direction::Replies,
        )],
        ["latency", latency] => both(latency_toxic(latency, "0ms")?),
        ["latency", latency, "jitter", jitter] => both(latency_toxic(latency, jitter)?),
        ["bandwidth", rate] => both(Toxic::Bandwidth {
            kb_per_s: rate_of(rate)?,
        }),
        _ => {
            return Err(format!(
                "{text:?} is nothing to do to an edge; try cut, stall, drop replies, drop requests, reset, \
                 latency 50ms jitter 10ms, bandwidth 20KB/s"
            ));
        }
    };
    Ok(Action::Toxics(toxics))
}

fn latency_toxic(latency: &str, jitter: &str) -> Result<Toxic, String> {
    Ok(Toxic::Latency {
        latency: moment::duration(latency)?,
        jitter: moment::duration(jitter)?,
    })
}

fn rate_of(text: &str) -> Result<u32, String> {
    text.strip_suffix("KB/s")
        .and_then(|number| number.parse().ok())
        .filter(|rate| *rate > 0)
        .ok_or_else(|| format!("{text:?} is no rate; write one like 20KB/s"))
}

impl Party {
    /// `"relay"`, `"relay 2"`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let role = Role::parse(words.next()?)?;
        let number = match words.next() {
            Some(number) => Some(number.parse().ok().filter(|number| *number > 0)?),
            None => None,
        };
        words.next().is_none().then_some(Self { role, number })
    }

    /// Whether `role`'s process `number` is meant.
    pub fn includes(self, role: Role, number: u32) -> bool {
        self.role == role && self.number.is_none_or(|wanted| wanted == number)
    }
}

impl Role {
    const NAMED: [(&'static str, Self); 6] = [
        ("client", Self::Client),
        ("api", Self::Api),
        ("relay", Self::Relay),
        ("consumer", Self::Consumer),
        ("postgres", Self::Server(Server::Postgres)),
        ("rabbitmq", Self::Server(Server::RabbitMq)),
    ];

    fn parse(text: &str) -> Option<Self> {
        let (_, role) = Self::NAMED.into_iter().find(|(name, _)| *name == text)?;
        Some(role)
    }

    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        Self::NAMED
            .into_iter()
            .find(|(_, role)| *role == self)
            .map_or("?", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(edge: Option<&str>, process: Option<&str>, action: &str) -> Result<Fault, String> {
        Fault::parse(&scenario::Fault {
            edge: edge.map(str::to_owned),
            process: process.map(str::to_owned),
            action: action.to_owned(),
            at: Some("1s".to_owned()),
            when: None,
            lasts: None,
        })
    }

    #[test]
    fn an_edge_names_its_ends_and_perhaps_one_process() {
        let cut = fault(Some("relay 2 -> rabbitmq"), None, "cut").unwrap();
        let Target::Edge { from, to } = cut.target else {
            panic!("{cut:?}")
        };
        assert!(from.includes(Role::Relay, 2) && !from.includes(Role::Relay, 1));
        assert_eq!(to.role, Role::Server(Server::RabbitMq));
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_what_could() {
        let problem = fault(Some("api -> rabbitmq"), None, "cut").unwrap_err();
        assert!(problem.contains("relay -> rabbitmq"), "{problem}");
        let problem = fault(Some("relay -> rabbitmq"), None, "kill").unwrap_err();
        assert!(problem.contains("drop replies"), "{problem}");
        let problem = fault(None, Some("relay"), "cut").unwrap_err();
        assert!(problem.contains("freeze"), "{problem}");
        assert!(fault(None, None, "kill").is_err());
        assert!(fault(None, Some("client"), "kill").is_err());
        assert!(fault(None, Some("relay 0"), "kill").is_err());
    }

    #[test]
    fn a_broken_server_is_one_of_its_own() {
        let stopped = fault(None, Some("rabbitmq"), "stop").unwrap();
        assert_eq!(stopped.breaks_server(), Some(Server::RabbitMq));
    }
}
