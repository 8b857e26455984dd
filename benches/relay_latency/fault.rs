//! What breaks while latency is measured, and how it is made whole again. Edges are read back by the lab when they are set.

use std::{future::Future, pin::Pin, time::Duration};

use anyhow::Result;
use outbox_harness::{
    ask::fault::{Party, Role, Server},
    ask::toxic::{Direction, Toxic},
    system::System,
};
use tokio::time::sleep;

/// How long it stays broken.
const BROKEN: Duration = Duration::from_secs(2);

/// What breaks, as a future that ends when it is whole again.
type Breaking<'s> = Pin<Box<dyn Future<Output = Result<()>> + 's>>;

/// One fault under a steady load.
pub struct Case {
    pub figure: &'static str,
    pub relays: u32,
    pub fault: Option<for<'s> fn(&'s System) -> Breaking<'s>>,
}

/// Calm first, to compare the others with.
pub const CASES: [Case; 6] = [
    Case {
        figure: "latency/nothing",
        relays: 1,
        fault: None,
    },
    Case {
        figure: "latency/broker 20 ms away",
        relays: 1,
        fault: Some(|system| {
            Box::pin(poison(
                system,
                RELAY_TO_BROKER,
                away(20),
                Direction::Replies,
            ))
        }),
    },
    Case {
        figure: "latency/broker link 40 kB a second",
        relays: 1,
        fault: Some(|system| {
            let narrow = Toxic::Bandwidth { kb_per_s: 40 };
            Box::pin(poison(system, RELAY_TO_BROKER, narrow, Direction::Requests))
        }),
    },
    Case {
        figure: "latency/broker flapping",
        relays: 1,
        fault: Some(|system| Box::pin(flap(system))),
    },
    Case {
        figure: "latency/relay killed each second",
        relays: 2,
        fault: Some(|system| Box::pin(kill(system))),
    },
    Case {
        figure: "latency/Postgres 5 ms away",
        relays: 1,
        fault: Some(|system| {
            Box::pin(poison(
                system,
                RELAY_TO_POSTGRES,
                away(5),
                Direction::Replies,
            ))
        }),
    },
];

const RELAY: Party = Party {
    role: Role::Relay,
    number: None,
};
const RELAY_TO_BROKER: (Party, Server) = (RELAY, Server::RabbitMq);
const RELAY_TO_POSTGRES: (Party, Server) = (RELAY, Server::Postgres);

async fn poison(
    system: &System,
    (from, to): (Party, Server),
    toxic: Toxic,
    direction: Direction,
) -> Result<()> {
    let links = system.links_of(from, server(to))?;
    let mut set = Vec::new();
    for link in &links {
        set.push((link.edge(), link.edge().add(toxic, direction, 1.0).await?));
    }
    sleep(BROKEN).await;
    for (edge, toxic) in set {
        edge.remove(toxic).await?;
    }
    Ok(())
}

/// Twice a third of a second away.
async fn flap(system: &System) -> Result<()> {
    let links = system.links_of(RELAY, server(Server::RabbitMq))?;
    for _ in 0..2 {
        let mut cuts = Vec::new();
        for link in &links {
            cuts.push((link.edge(), link.edge().cut().await?));
        }
        sleep(Duration::from_millis(333)).await;
        for (edge, cut) in cuts {
            edge.mend(cut).await?;
        }
        sleep(Duration::from_millis(667)).await;
    }
    Ok(())
}

/// The first of two relays, twice, and started again at once.
async fn kill(system: &System) -> Result<()> {
    let first = Party {
        role: Role::Relay,
        number: Some(1),
    };
    for _ in 0..2 {
        for relay in system.members_of(first)? {
            relay.kill().await?;
            relay.start().await?;
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

fn away(millis: u64) -> Toxic {
    Toxic::Latency {
        latency: Duration::from_millis(millis),
        jitter: Duration::ZERO,
    }
}

fn server(server: Server) -> Party {
    Party {
        role: Role::Server(server),
        number: None,
    }
}
