//! What a fault line of a scenario means: its target, what is done to it, when it starts and how long it lasts.
//!
//! Parsing is strict and complete before anything runs: a misspelt fault is a usage error, never a quiet no-op.

mod action;
pub mod meddling;
mod waits;

use std::time::Duration;

pub use crate::ask::party::{Party, Role, Server};
pub use action::{Action, Harm, Refused, Resource};
use action::{parse_edge_action, parse_process_action, parse_server_action};
use waits::Waits;

use crate::{
    ask::lasting::Lasting,
    ask::moment::Moment,
    ask::party,
    ask::scenario,
    ask::spelling::did_you_mean,
    ask::toxic::Direction,
    ask::wire::{Deed, Watched},
};

/// When a workload without a pace of its own, all of it sent at once, is over for certain.
const ALL_ANSWERED: Duration = Duration::from_secs(10);

/// A fault that can be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What is hit.
    pub target: Target,
    /// What happens to it.
    pub action: Action,
    /// When.
    pub moment: Moment,
    /// After which others, if it is one of those that come in turn.
    pub turn: Option<u32>,
    /// How long it waits for its moment, if that is not until the workload is over.
    pub patience: Option<Duration>,
    /// For how long.
    pub lasting: Lasting,
    /// The process has nothing in its hands when it is struck; else it must have something.
    pub idle: bool,
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

impl Target {
    /// A server, or a role all of whose processes are hit; nothing if it is neither.
    fn as_a_whole(&self) -> &'static str {
        match self {
            Self::Server(server) => Role::Server(*server).name(),
            Self::Process(Party { role, number: None }) => role.name(),
            Self::Process(_) | Self::Edge { .. } => "",
        }
    }
}

/// A fault that cannot be understood.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("fault {number}: {problem}")]
pub struct BadFault {
    /// Which fault of the scenario, from 1.
    pub number: usize,
    /// The key that says it.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Fault {
    /// Understands all faults of a scenario.
    pub fn all(scenario: &scenario::Scenario) -> Result<Vec<Self>, BadFault> {
        scenario
            .faults
            .iter()
            .enumerate()
            .map(|(index, fault)| {
                Self::parse(fault, scenario).map_err(|(key, problem)| BadFault {
                    number: index + 1,
                    key,
                    problem,
                })
            })
            .collect()
    }

    fn parse(
        fault: &scenario::Fault,
        scenario: &scenario::Scenario,
    ) -> Result<Self, (&'static str, String)> {
        let in_key = |key| move |problem| (key, problem);
        let target = match (&fault.edge, &fault.process) {
            (Some(edge), None) => parse_edge(edge, &scenario.system).map_err(in_key("edge"))?,
            (None, Some(process)) => {
                parse_process(process, &scenario.system).map_err(in_key("process"))?
            }
            _ => {
                let problem = "say either edge = \"…\" or process = \"…\"".to_owned();
                return Err(("edge", problem));
            }
        };
        let own = fault.edge.as_deref();
        let moment = Moment::parse(
            fault.at.as_deref(),
            fault.when.as_ref(),
            own,
            &scenario.system,
        )
        .and_then(|moment| within(moment, scenario))
        .map_err(in_key(if fault.when.is_some() { "when" } else { "at" }))?;
        let action = match &moment {
            Moment::Message(watched) => Self::at_message(&target, watched, &fault.action),
            _ => Self::parse_action(&target, &fault.action),
        };
        let action = action.map_err(in_key("do"))?;
        let strikes = matches!(action, Action::Kill | Action::Freeze | Action::Terminate)
            && matches!(target, Target::Process(_));
        if fault.idle && !strikes {
            let problem =
                "idle = true is said of a process of the system that is killed, frozen or terminated".to_owned();
            return Err(("idle", problem));
        }
        let Waits { turn, patience } = Waits::of(fault)?;
        Ok(Self {
            target,
            action,
            moment,
            turn,
            patience,
            lasting: Lasting::parse(fault.lasts.as_deref()).map_err(in_key("for"))?,
            idle: fault.idle,
        })
    }

    /// At a message, `reset` and `stall` are done to its connection alone.
    fn at_message(target: &Target, watched: &Watched, text: &str) -> Result<Action, String> {
        let action = match (target, Deed::parse(text)?) {
            (Target::Edge { from, to }, Some(deed)) => {
                if (*from, *to) != (watched.from, watched.to) {
                    return Err(format!(
                        "{text:?} is done to a message on its own edge; leave edge out of when, or write the same one"
                    ));
                }
                deed.must_fit(watched.event, watched.after)?;
                Action::AtMessage(deed)
            }
            _ => Self::parse_action(target, text)?,
        };
        // Before bindings change, the broker must have answered all that relays sent; this would hold back the answer.
        let of_publishers =
            (watched.from.role, watched.to.role) == (Role::Relay, Role::Server(Server::RabbitMq));
        let holds_answers = of_publishers && watched.event.way() == Direction::Replies;
        if action.leaves_unroutable() && holds_answers && !watched.after {
            return Err(format!(
                "{text:?} waits until the broker has answered the relays, and would hold what it answers; write side = \"after\", or another event"
            ));
        }
        if watched.times > 1 && !matches!(action, Action::AtMessage(_)) {
            return Err(
                "times = … is said of what is done to a message; this is done once".to_owned(),
            );
        }
        Ok(action)
    }

    fn parse_action(target: &Target, text: &str) -> Result<Action, String> {
        if let Some(harm) = Harm::parse(target.as_a_whole(), text) {
            return Ok(Action::Own(harm));
        }
        match target {
            Target::Edge { .. } => parse_edge_action(text),
            Target::Process(_) => parse_process_action(text),
            Target::Server(server) => parse_server_action(*server, text),
        }
    }

    /// Whether it must be in place before the first operation.
    pub fn starts_with_workload(&self) -> bool {
        let at_once = self.moment == Moment::At(Duration::ZERO);
        self.turn.is_none() && (at_once || matches!(self.action, Action::AtMessage(_)))
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
            Target::Server(server) => self.action.breaks_server().then_some(server),
            _ => None,
        }
    }
}

/// Refuses a fault that would begin when nothing is left to break.
fn within(moment: Moment, scenario: &scenario::Scenario) -> Result<Moment, String> {
    let span = match scenario.span() {
        Ok(span) => span.unwrap_or(ALL_ANSWERED),
        // Refused as what it is, elsewhere.
        Err(_) => return Ok(moment),
    };
    let writes = &scenario.workload.writes;
    match moment {
        Moment::At(at) if at >= span => Err(format!(
            "at = {at:?} is when the workload ({writes}) has ended; begin before {span:?}"
        )),
        moment => Ok(moment),
    }
}

fn parse_edge(text: &str, system: &scenario::System) -> Result<Target, String> {
    let (from, to) = party::edge(text, system)?;
    Ok(Target::Edge { from, to })
}

/// What is no edge and can be broken all the same.
const PROCESSES: [&str; 5] = ["api", "relay", "consumer", "rabbitmq", "postgres"];

fn parse_process(text: &str, system: &scenario::System) -> Result<Target, String> {
    let party = Party::parse(text)
        .filter(|party| party.role != Role::Client)
        .ok_or_else(|| {
            format!(
                "{text:?} is no process; processes are api, relay, consumer (with a number for one of several), rabbitmq, postgres{}",
                did_you_mean(text, PROCESSES)
            )
        })?;
    party.must_be_in(system)?;
    Ok(match party.role {
        Role::Server(server) => Target::Server(server),
        _ => Target::Process(party),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(fault: &str) -> scenario::Scenario {
        let text = format!(
            "story = \"\"\nsystem = {{ relays = 2 }}\nworkload = {{ keys = 1, writes = \"10/s for 3s\" }}\n[[fault]]\n{fault}"
        );
        toml::from_str(&text).expect("a scenario")
    }

    fn parsed(fault: &str) -> Result<Fault, BadFault> {
        Fault::all(&scenario(fault)).map(|mut all| all.remove(0))
    }

    fn fault(edge: Option<&str>, process: Option<&str>, action: &str) -> Result<Fault, String> {
        let said = |key: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!("{key} = {value:?}\n"))
        };
        let text = said("edge", edge) + &said("process", process) + &said("do", Some(action));
        parsed(&(text + "at = \"1s\"")).map_err(|bad| bad.problem)
    }

    #[test]
    fn a_number_that_names_nothing_is_refused() {
        for (edge, process) in [
            (Some("relay -> rabbitmq 2"), None),
            (Some("relay 3 -> rabbitmq"), None),
            (Some("api 2 -> postgres"), None),
            (Some("client 2 -> api"), None),
            (Some("client -> api 2"), None),
            (None, Some("rabbitmq 2")),
            (None, Some("postgres 1")),
            (None, Some("relay 9")),
        ] {
            let action = if edge.is_some() { "cut" } else { "kill" };
            let problem = fault(edge, process, action).unwrap_err();
            assert!(
                problem.contains("names nothing") || problem.contains("there is no"),
                "{problem}"
            );
        }
        fault(Some("client -> api 1"), None, "cut").unwrap();
        fault(Some("relay 2 -> rabbitmq"), None, "cut").unwrap();
        fault(None, Some("relay 2"), "kill").unwrap();
    }

    #[test]
    fn a_fault_that_could_not_bite_is_refused_with_the_key_that_says_so() {
        let refused = |text: &str| parsed(text).unwrap_err().key;
        let cut = "edge = \"relay -> rabbitmq\"\ndo = \"cut\"\n";
        assert_eq!(refused(&format!("{cut}at = \"3s\"")), "at");
        assert_eq!(refused(&format!("{cut}at = \"60s\"")), "at");
        assert_eq!(refused(&format!("{cut}at = \"1s\"\nfor = \"0s\"")), "for");
        parsed(&format!("{cut}at = \"2900ms\"\nfor = \"1ms\"")).unwrap();
        for nothing in ["latency 0ms", "latency 0s jitter 5ms", "latency 300us"] {
            let late = format!("edge = \"relay -> rabbitmq\"\ndo = {nothing:?}\nat = \"1s\"");
            assert_eq!(refused(&late), "do");
        }
    }

    #[test]
    fn only_a_process_that_is_struck_can_be_idle() {
        let idle = |text: &str| parsed(&format!("{text}\nat = \"1s\"\nidle = true"));
        assert!(idle("process = \"relay\"\ndo = \"kill\"").unwrap().idle);
        for not_struck in [
            "process = \"relay\"\ndo = \"usurp\"",
            "process = \"rabbitmq\"\ndo = \"kill\"",
            "edge = \"relay -> rabbitmq\"\ndo = \"cut\"",
        ] {
            assert_eq!(idle(not_struck).unwrap_err().key, "idle");
        }
    }

    #[test]
    fn a_misspelt_word_is_answered_with_the_one_that_was_meant() {
        let meant = |edge, process, action, word: &str| {
            let problem = fault(edge, process, action).unwrap_err();
            assert!(
                problem.contains(&format!("did you mean {word:?}")),
                "{problem}"
            );
        };
        meant(Some("relay -> rabitmq"), None, "cut", "relay -> rabbitmq");
        meant(
            Some("relay -> rabbitmq"),
            None,
            "drop reply",
            "drop replies",
        );
        meant(None, Some("rely"), "kill", "relay");
        meant(None, Some("relay"), "kil", "kill");
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
    fn what_waits_for_the_brokers_answers_is_not_done_at_one_of_them() {
        let at = |action: &str, event: &str, side: &str| {
            let when = format!("{{ edge = \"relay -> rabbitmq\", event = {event:?}{side} }}");
            parsed(&format!(
                "process = \"rabbitmq\"\ndo = {action:?}\nwhen = {when}"
            ))
        };
        for action in ["unbind", "delete queue", "delete exchange"] {
            for event in ["confirm", "nack", "return"] {
                let problem = at(action, event, "").unwrap_err().problem;
                assert!(problem.contains("would hold what it answers"), "{problem}");
                at(action, event, ", side = \"after\"").unwrap();
            }
            at(action, "publish", "").unwrap();
        }
        at("alarm", "confirm", "").unwrap();
    }

    #[test]
    fn a_broken_server_is_one_of_its_own() {
        let stopped = fault(None, Some("rabbitmq"), "stop").unwrap();
        assert_eq!(stopped.breaks_server(), Some(Server::RabbitMq));
    }
}
