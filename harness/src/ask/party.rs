//! Who can be hit: roles, one process of them, servers.

use crate::ask::{scenario::System, spelling::did_you_mean, target::process::Plays};

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
    /// The lab's clients, who ask a process or write transactions of their own.
    Client,
    /// Who takes requests.
    Api,
    /// Who publishes events.
    Relay,
    /// Who applies them.
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

    /// Refuses a number that names nothing, and processes that `system` does not run.
    pub fn must_be_in(self, system: &System) -> Result<(), String> {
        let name = self.role.name();
        let running = match self.role {
            Role::Api => system.apis,
            Role::Relay => system.relays,
            Role::Consumer => system.consumers,
            Role::Client | Role::Server(_) => {
                return match self.number {
                    None => Ok(()),
                    Some(number) => Err(format!(
                        "\"{name} {number}\" names nothing: {name} has no numbers, write \"{name}\""
                    )),
                };
            }
        };
        match self.number {
            Some(number) if number > running => Err(format!(
                "there is no \"{name} {number}\": the scenario runs {running}; write a number up to that, or set {name}s in [system]"
            )),
            None if running == 0 => Err(format!(
                "there is no \"{name}\": the scenario runs none; set {name}s in [system]"
            )),
            _ => Ok(()),
        }
    }

    /// All of a role.
    pub const fn all(role: Role) -> Self {
        Self { role, number: None }
    }

    /// Whether `role`'s process `number` is meant.
    pub fn includes(self, role: Role, number: u32) -> bool {
        self.role == role && self.number.is_none_or(|wanted| wanted == number)
    }
}

impl From<Plays> for Role {
    fn from(plays: Plays) -> Self {
        match plays {
            Plays::Api => Self::Api,
            Plays::Relay => Self::Relay,
            Plays::Consumer => Self::Consumer,
        }
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

/// Edges as they are drawn in the design; anything else would never carry a byte.
const EDGES: [(Role, Role); 7] = [
    (Role::Client, Role::Api),
    (Role::Client, Role::Server(Server::Postgres)),
    (Role::Api, Role::Server(Server::Postgres)),
    (Role::Relay, Role::Server(Server::Postgres)),
    (Role::Relay, Role::Server(Server::RabbitMq)),
    (Role::Consumer, Role::Server(Server::Postgres)),
    (Role::Consumer, Role::Server(Server::RabbitMq)),
];

/// Every edge that there is, as scenarios write it.
pub fn edges() -> impl Iterator<Item = String> {
    let told = |(from, to): (Role, Role)| format!("{} -> {}", from.name(), to.name());
    EDGES.into_iter().map(told)
}

/// Who opens a connection, and whom it leads to: `"relay 2 -> rabbitmq"`.
pub fn edge(text: &str, system: &System) -> Result<(Party, Party), String> {
    let wrong = || {
        let known: Vec<String> = edges().collect();
        format!(
            "{text:?} is no edge; edges are {}, with a number for one process (\"relay 2 -> postgres\"){}",
            known.join(", "),
            did_you_mean(text, known.iter().map(String::as_str))
        )
    };
    let (from, to) = text.split_once("->").ok_or_else(wrong)?;
    let (from, to) = (
        Party::parse(from).ok_or_else(wrong)?,
        Party::parse(to).ok_or_else(wrong)?,
    );
    if !EDGES.contains(&(from.role, to.role)) {
        return Err(wrong());
    }
    from.must_be_in(system)?;
    to.must_be_in(system)?;
    Ok((from, to))
}
