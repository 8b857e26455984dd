//! Whether a process goes around its edges: an address that is written somewhere in its configuration leads past every fault,
//! and a run in which nothing was broken would be green.
//!
//! Three things give a connection away: a process of the target's has one to the server itself; a server's own list has one
//! whose other end belongs to such a process, by whatever address it came; or that list is longer than what the lab and the
//! edges account for. The last finds it where nobody may look into the process, and cannot say which one it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use sqlx::PgPool;
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::{
    Servers, System,
    edges::{self, End},
};
use crate::{
    ask::fault::Server,
    ask::target::process::Edge,
    os::socket::{self, Ends},
    servers::{management::Management, postgres::LAB, vhost},
};

/// A connection that has just ended may be there for a server and not for its edge, and a process that says nothing of when
/// it can work may still be on its way to its servers.
const AGREE_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A connection, as its server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// Where it comes from.
    from: String,
    /// What it calls itself.
    name: String,
    /// Whether it is the lab's.
    is_ours: bool,
    /// The process of the target's that has its other end.
    owner: Option<String>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "one without a name from {}", self.from),
            name => write!(f, "{name:?} from {}", self.from),
        }
    }
}

/// How a process goes around its edge, or does not use it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bypass {
    /// A process of the target's is connected to the server itself.
    #[error(
        "{process} goes around its edge to {server}: {seen}; an address is written somewhere in its configuration, have it told {told}"
    )]
    Of {
        /// Such as `relay 2`.
        process: String,
        /// The server.
        server: &'static str,
        /// Its connection.
        seen: String,
        /// What would tell it its edge.
        told: &'static str,
    },
    /// There are more connections than came over edges.
    #[error(
        "{server} has {there} connections beside the lab's, and {carried} came over edges: {seen}; who is not among those goes around its edge: an address is written somewhere in its configuration, have it told {told}"
    )]
    Among {
        /// The server.
        server: &'static str,
        /// How many connections it has.
        there: u64,
        /// How many of them the edges carry.
        carried: u64,
        /// All of them.
        seen: String,
        /// What would tell it its edge.
        told: &'static str,
    },
    /// Nothing was ever sent over an edge.
    #[error(
        "{process} has sent nothing over its edge to {edge}: it goes around it, and an address is written somewhere in its configuration; or it never speaks to {edge}, then leave that out of its edges"
    )]
    Unused {
        /// Such as `relay 2`.
        process: String,
        /// As the file calls it.
        edge: &'static str,
    },
}

/// What is wrong with a server's connections, if anything is.
fn around(server: Server, seen: &[Seen], carried: u64) -> Option<Bypass> {
    let (server, told) = called(server);
    let foreign: Vec<&Seen> = seen.iter().filter(|seen| !seen.is_ours).collect();
    let owned = foreign
        .iter()
        .find_map(|seen| Some((seen.owner.clone()?, seen)));
    if let Some((process, seen)) = owned {
        return Some(Bypass::Of {
            process,
            server,
            seen: seen.to_string(),
            told,
        });
    }
    let there = foreign.len() as u64;
    let listed: Vec<String> = foreign.iter().map(ToString::to_string).collect();
    (there > carried).then(|| Bypass::Among {
        server,
        there,
        carried,
        seen: listed.join(", "),
        told,
    })
}

/// What one process has sent over one edge.
struct Sent<'p> {
    kind: &'p str,
    process: &'p str,
    edge: &'static str,
    bytes: u64,
}

/// The first of a kind of which none has used an edge: of several that run the same program one alone may have found something
/// to do.
fn unused<'s, 'p>(all: &'s [Sent<'p>]) -> Option<&'s Sent<'p>> {
    let over = |sent: &Sent<'p>| (sent.kind, sent.edge);
    let used = all.iter().filter(|sent| sent.bytes > 0);
    let used: BTreeSet<_> = used.map(over).collect();
    all.iter().find(|sent| !used.contains(&over(sent)))
}

/// The connections of the target's processes, and whose they are.
type Owners = BTreeMap<Ends, String>;

/// The process that is connected to a server itself.
fn direct(server: Server, at: SocketAddr, owners: &Owners) -> Option<Bypass> {
    let (server, told) = called(server);
    let mut there = owners.iter().filter(|(ends, _)| ends.remote == at);
    there.next().map(|(ends, process)| Bypass::Of {
        process: process.clone(),
        server,
        seen: format!("its port {} is connected to {at}", ends.local),
        told,
    })
}

fn called(server: Server) -> (&'static str, &'static str) {
    match server {
        Server::Postgres => ("Postgres", "{{postgres.url}} or its parts"),
        Server::RabbitMq => ("RabbitMQ", "{{rabbitmq.url}} or its parts"),
    }
}

impl System {
    /// Refuses a system in which a process goes around its edges, or does not use one. To be asked when every process has
    /// had a reason to speak to its servers. Without edges there is nothing to ask.
    pub async fn goes_over_its_edges(
        &self,
        servers: &Servers,
        pool: &PgPool,
        management: &Management,
    ) -> Result<()> {
        if self.edges.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + AGREE_WITHIN;
        loop {
            let found = self.bypass(servers, pool, management).await?;
            match found {
                None => return Ok(()),
                // It is at the other end: no look at another moment changes that.
                Some(found @ Bypass::Of { .. }) => return Err(found.into()),
                Some(found) if Instant::now() > deadline => return Err(found.into()),
                Some(_) => sleep(LOOK_EVERY).await,
            }
        }
    }

    async fn bypass(
        &self,
        servers: &Servers,
        pool: &PgPool,
        management: &Management,
    ) -> Result<Option<Bypass>> {
        let owners = self.owners().await?;
        let stomp = servers.stomp.map(|at| (Server::RabbitMq, at));
        let itself = [
            (Server::Postgres, servers.database.address),
            (Server::RabbitMq, servers.vhost.address),
        ];
        let mut itself = itself.into_iter().chain(stomp);
        if let Some(found) = itself.find_map(|(server, at)| direct(server, at, &owners)) {
            return Ok(Some(found));
        }
        let (database, broker) = tokio::try_join!(
            of_database(pool, servers.database.address.port(), &owners),
            of_broker(management, servers, &owners)
        )?;
        let postgres = around(Server::Postgres, &database, self.carried(&[Edge::Postgres]));
        let amqp = [Edge::Rabbitmq, Edge::Stomp];
        let found = postgres.or_else(|| around(Server::RabbitMq, &broker, self.carried(&amqp)));
        Ok(found.or_else(|| self.unused()))
    }

    /// How many connections live on the edges to a server.
    fn carried(&self, over: &[Edge]) -> u64 {
        let meant = self.edges.iter();
        let meant =
            meant.filter(|wired| matches!(wired.end, End::Server(edge) if over.contains(&edge)));
        meant
            .map(|wired| wired.link.counters().connections_living)
            .sum()
    }

    fn unused(&self) -> Option<Bypass> {
        let servers = [Server::Postgres, Server::RabbitMq].into_iter();
        let all = servers.flat_map(|server| edges::to(&self.edges, server));
        let sent = all.filter_map(|wired| match wired.end {
            End::Server(edge) => Some(Sent {
                kind: &wired.kind,
                process: &wired.process,
                edge: edge.name(),
                bytes: wired.link.counters().bytes_requests,
            }),
            End::Process | End::Database => None,
        });
        let sent: Vec<Sent<'_>> = sent.collect();
        let silent = unused(&sent)?;
        Some(Bypass::Unused {
            process: silent.process.to_owned(),
            edge: silent.edge,
        })
    }

    async fn owners(&self) -> Result<Owners> {
        let mut leaders = Vec::new();
        for member in &self.members {
            leaders.push(member.leader().await?);
        }
        let names: Vec<String> = self.members.iter().map(|member| member.name()).collect();
        let connections = spawn_blocking(move || socket::connections_of(&leaders)).await?;
        let theirs = names.into_iter().zip(connections);
        Ok(theirs
            .flat_map(|(name, ends)| ends.into_iter().map(move |ends| (ends, name.clone())))
            .collect())
    }
}

async fn of_database(pool: &PgPool, port: u16, owners: &Owners) -> Result<Vec<Seen>> {
    let listed: Vec<(String, Option<String>, Option<i32>)> = sqlx::query_as(
        "SELECT coalesce(application_name, ''), host(client_addr), client_port FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type IN ('client backend', 'walsender')",
    )
    .fetch_all(pool)
    .await
    .context("asking Postgres for its connections")?;
    let seen = listed.into_iter().map(|(name, host, at)| {
        let at = at.and_then(|at| u16::try_from(at).ok());
        Seen {
            is_ours: name.starts_with(LAB),
            name,
            from: match (host, at) {
                (Some(host), Some(at)) => format!("{host}:{at}"),
                _ => "this machine, by a socket in a folder".to_owned(),
            },
            owner: at.and_then(|local| owner(owners, local, port)),
        }
    });
    Ok(seen.collect())
}

async fn of_broker(
    management: &Management,
    servers: &Servers,
    owners: &Owners,
) -> Result<Vec<Seen>> {
    let listed = management.connections(servers.vhost.segment()).await?;
    let clients = listed.into_iter();
    let ports = [Some(servers.vhost.address), servers.stomp];
    let seen = clients.map(|client| Seen {
        is_ours: client.name.starts_with(vhost::LAB),
        from: format!("{}:{}", client.host, client.port),
        owner: ports
            .iter()
            .flatten()
            .find_map(|address| owner(owners, client.port, address.port())),
        name: client.name,
    });
    Ok(seen.collect())
}

fn owner(owners: &Owners, local: u16, remote: u16) -> Option<String> {
    let mut theirs = owners.iter();
    theirs
        .find(|(ends, _)| ends.local == local && ends.remote.port() == remote)
        .map(|(_, process)| process.clone())
}

#[cfg(test)]
mod tests;
