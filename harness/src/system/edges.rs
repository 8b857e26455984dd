//! The edges of a system: one in front of each server for each process that speaks to it, and one in front of each process
//! that takes requests. Where the lab itself writes transactions, the way of its client to the database is one, too.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};

use crate::{
    ask::fault::{Party, Role, Server},
    ask::target::process::Edge,
    ask::wire::Dialect,
    wire::edge::EdgeControl,
    wire::tap::{Audience, Link, Spot},
};

/// To whom an edge leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// From clients to the process itself.
    Process,
    /// From the process to a server.
    Server(Edge),
    /// From clients to the database, where they write transactions of their own.
    Database,
}

/// An edge, and the process that it is of.
pub(super) struct Wired {
    /// What its process runs, such as `relay`.
    pub kind: String,
    /// Its process's name, such as `relay 2`.
    pub process: String,
    /// What its process plays.
    pub roles: Vec<Party>,
    /// To whom it leads.
    pub end: End,
    /// The edge.
    pub link: Link,
}

/// An edge, as one looks at it.
pub struct Way<'w> {
    wired: &'w Wired,
    /// Who opens it: `client`, or a process.
    pub from: String,
    /// Whom it leads to: a process, or a server.
    pub to: String,
    /// What passes it.
    pub link: &'w Link,
}

impl Way<'_> {
    /// Whether it is one of those between two parties.
    pub fn is_between(&self, from: Party, to: Party) -> bool {
        self.wired.is_between(from, to)
    }
}

/// All edges of a system; none where it runs without.
pub(super) struct Edges<'c> {
    control: Option<&'c EdgeControl>,
    /// Tells them from those of other runs.
    run: String,
    told: Option<Audience>,
    pub all: Vec<Wired>,
}

impl<'c> Edges<'c> {
    pub fn new(control: Option<&'c EdgeControl>, run: &str, told: Option<Audience>) -> Self {
        Self {
            control,
            run: run.to_owned(),
            told,
            all: Vec::new(),
        }
    }

    /// Puts an edge in front of `upstream`, and says where it is found from now on: behind the edge, or, where there are to be
    /// none, where it was.
    pub async fn put(
        &mut self,
        (process, number): (&str, u32),
        roles: &[Party],
        end: End,
        upstream: SocketAddr,
    ) -> Result<SocketAddr> {
        let Some(control) = self.control else {
            return Ok(upstream);
        };
        let name = match end {
            End::Process => format!("{}-client-{number}-{process}", self.run),
            End::Database => format!("{}-client-postgres", self.run),
            End::Server(edge) => format!("{}-{process}-{number}-{}", self.run, edge.name()),
        };
        let spot = Spot {
            edge: shown(process, roles, end),
            process: format!("{process} {number}"),
            told: self.told.clone(),
        };
        let link = Link::create(control, &name, upstream, dialect(end), spot)
            .await
            .with_context(|| format!("making the edge {name}"))?;
        let address = link.address();
        self.all.push(Wired {
            kind: process.to_owned(),
            process: format!("{process} {number}"),
            roles: roles.to_owned(),
            end,
            link,
        });
        Ok(address)
    }
}

/// Who is at the near end of the edge from clients to the database: none of the target's processes.
pub(super) const CLIENT: (&str, u32) = ("client", 1);

impl Wired {
    pub fn way(&self) -> Way<'_> {
        let client = || Role::Client.name().to_owned();
        let server = |of: Server| Role::Server(of).name().to_owned();
        let (from, to) = match self.end {
            End::Process => (client(), self.process.clone()),
            End::Database => (client(), server(Server::Postgres)),
            End::Server(edge) => (self.process.clone(), server(self::server(edge))),
        };
        Way {
            wired: self,
            from,
            to,
            link: &self.link,
        }
    }

    fn is_between(&self, from: Party, to: Party) -> bool {
        // A server has no number, and of `client -> api 2` the second end has one.
        let number = from.number.or(to.number);
        let of = |role: Role| {
            let party = Party { role, number };
            let own = self.roles.iter();
            own.filter_map(|own| Some((own.role, own.number?)))
                .any(|(role, number)| party.includes(role, number))
        };
        match (from.role, self.end) {
            (Role::Client, End::Process) => of(to.role),
            (Role::Client, End::Database) => to.role == Role::Server(Server::Postgres),
            (Role::Client, _) | (_, End::Process | End::Database) => false,
            (role, End::Server(edge)) => to.role == Role::Server(server(edge)) && of(role),
        }
    }
}

/// The edges between two parties.
pub(super) fn between(all: &[Wired], from: Party, to: Party) -> Result<Vec<&Link>> {
    let meant: Vec<&Link> = all
        .iter()
        .filter(|wired| wired.is_between(from, to))
        .map(|wired| &wired.link)
        .collect();
    if meant.is_empty() {
        bail!(
            "the scenario has no edge {} -> {} of number {:?}",
            from.role.name(),
            to.role.name(),
            from.number.or(to.number)
        );
    }
    Ok(meant)
}

/// The edges of processes that lead to a server: what clients of the lab's own feel of its end is no sign that the target did.
pub(super) fn to(all: &[Wired], wanted: Server) -> impl Iterator<Item = &Wired> {
    all.iter()
        .filter(move |wired| matches!(wired.end, End::Server(edge) if server(edge) == wanted))
}

/// Whose an edge is: what lies between a process and a server lies on all that they say to each other.
pub(super) fn server(edge: Edge) -> Server {
    match edge {
        Edge::Postgres => Server::Postgres,
        Edge::Rabbitmq | Edge::Stomp | Edge::Management => Server::RabbitMq,
    }
}

/// As scenarios write it, by the first role of its process.
fn shown(process: &str, roles: &[Party], end: End) -> String {
    let role = roles.first().map_or(process, |party| party.role.name());
    match end {
        End::Process => format!("client -> {role}"),
        End::Database => "client -> postgres".to_owned(),
        End::Server(edge) => format!("{role} -> {}", Role::Server(server(edge)).name()),
    }
}

fn dialect(end: End) -> Dialect {
    match end {
        End::Process | End::Server(Edge::Management) => Dialect::Http,
        End::Server(Edge::Postgres) | End::Database => Dialect::Postgres,
        End::Server(Edge::Rabbitmq) => Dialect::Amqp,
        End::Server(Edge::Stomp) => Dialect::Bytes,
    }
}
