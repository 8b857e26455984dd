//! A process that may open nothing more, no connection either, and has lost those that it had.

use anyhow::{Result, ensure};
use tokio::task::spawn_blocking;

use super::imposed::Imposed;
use crate::{
    ask::fault::{Party, Role, Server},
    system::{Member, System},
    wire::tap::Link,
};

/// Its edges to the servers.
fn links<'r>(system: &'r System, member: &Member) -> Vec<&'r Link> {
    let servers = [Server::Postgres, Server::RabbitMq];
    let of = |own: &Party| {
        let to = servers.map(|server| Party::all(Role::Server(server)));
        let links = to.map(|to| system.links_of(*own, to).unwrap_or_default());
        links.into_iter().flatten()
    };
    member.roles().iter().flat_map(of).collect()
}

/// Lets a process open nothing more, and ends the connections that it has.
pub(super) async fn starve(system: &System, member: &Member, imposed: &mut Imposed) -> Result<()> {
    let links = links(system, member);
    let living = |link: &&&Link| link.counters().connections_living > 0;
    ensure!(
        links.iter().any(|link| living(&link)),
        "{} has no connection that it could lose",
        member.name()
    );
    imposed.starved.push(member.take_files().await?);
    for link in links {
        let cut = link.edge().cut().await?;
        link.edge().mend(cut).await?;
    }
    Ok(())
}

/// How many of its edges it has no connection on.
pub(super) fn missed(system: &System, member: &Member) -> u64 {
    let links = links(system, member).into_iter();
    let missed = links.filter(|link| link.counters().connections_living == 0);
    missed.count() as u64
}

/// Lets all of them open files again.
pub(super) async fn feed(imposed: &mut Imposed) -> Result<()> {
    let starved = std::mem::take(&mut imposed.starved);
    spawn_blocking(move || starved.into_iter().try_for_each(|taken| taken.give_back())).await?
}
