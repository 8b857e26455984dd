//! What is done to the run's vhost by hand. The lab's own connections, which say whose they are, are left alone, and what the
//! lab hears by is there again before anything can be published past it.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};

use super::super::{hold, left::Taken};
use crate::{
    ask::fault::{Party, Role, Server},
    run::own_servers::OwnServers,
    servers::{
        management::{Binding, Definition, What},
        vhost::{self, Vhost},
    },
    system::System,
};

/// What begins so is the lab's own.
const OWN_QUEUE: &str = "lab.";
/// How long what is in a queue may take to be read.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// Who finds its queue gone declares it again within this, or an operator does.
const DECLARED_WITHIN: Duration = Duration::from_millis(2500);
/// The management API lists a connection some seconds after it was made.
const LISTED_WITHIN: Duration = Duration::from_secs(8);
/// How often what is declared again at once is deleted again.
const TRIES: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Deletes the queues on the target's exchanges while nothing is in them, and takes the lab's own off the exchanges: what is
/// published meanwhile is routed nowhere. Read back.
pub(super) async fn delete_queues(
    servers: &OwnServers,
    system: &System,
    taken: &mut Taken,
) -> Result<&'static str> {
    let management = servers.management();
    let _held = hold::relays(system).await?;
    taken.bindings = bindings(servers).await?;
    let mut queues: Vec<&str> = taken.bindings.iter().map(Binding::queue).collect();
    queues.retain(|queue| !queue.starts_with(OWN_QUEUE));
    queues.sort_unstable();
    queues.dedup();
    ensure!(
        !queues.is_empty(),
        "there is no queue to delete: none of the target's is bound to {}",
        servers.exchanges().join(", ")
    );
    until_read(servers, system, &queues).await?;
    taken.defined = definitions(servers, What::Queue, queues).await?;
    forbid_declaring(servers).await?;
    let own = taken.bindings.iter();
    for binding in own.filter(|binding| binding.queue().starts_with(OWN_QUEUE)) {
        management.take_away(servers.vhost(), binding).await?;
    }
    drop_defined(servers, taken).await?;
    Ok("queue_deleted")
}

/// Deletes the exchanges on which the target is heard. Read back.
pub(super) async fn delete_exchanges(
    servers: &OwnServers,
    system: &System,
    taken: &mut Taken,
) -> Result<&'static str> {
    let _held = hold::relays(system).await?;
    ensure!(
        !servers.exchanges().is_empty(),
        "there is no exchange to delete: the target publishes to queues alone"
    );
    taken.bindings = bindings(servers).await?;
    let exchanges = servers.exchanges().iter().map(String::as_str);
    taken.defined = definitions(servers, What::Exchange, exchanges).await?;
    forbid_declaring(servers).await?;
    drop_defined(servers, taken).await?;
    Ok("exchange_deleted")
}

/// How they were declared.
async fn definitions<'n>(
    servers: &OwnServers,
    what: What,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Vec<Definition>> {
    let mut all = Vec::new();
    for name in names {
        let defined = servers.management().definition(servers.vhost(), what, name);
        let defined = defined.await?;
        all.push(defined.with_context(|| format!("there is no {} {name}", what.name()))?);
    }
    Ok(all)
}

async fn bindings(servers: &OwnServers) -> Result<Vec<Binding>> {
    let mut all = Vec::new();
    for exchange in servers.exchanges() {
        let bound = servers.management().bound_to(servers.vhost(), exchange);
        all.extend(bound.await?);
    }
    Ok(all)
}

/// Nobody may declare or delete anything: what is gone stays so until it is put back.
async fn forbid_declaring(servers: &OwnServers) -> Result<()> {
    let management = servers.management();
    management.permit_only(servers.vhost(), "^$", ".*").await
}

async fn drop_defined(servers: &OwnServers, taken: &Taken) -> Result<()> {
    let management = servers.management();
    let mut gone = Ok(());
    for _ in 0..TRIES {
        // Who deletes needs the same right as who declares: its owner may declare it again in between.
        management.permit(servers.vhost(), ".*").await?;
        for defined in &taken.defined {
            management.drop_defined(servers.vhost(), defined).await?;
        }
        forbid_declaring(servers).await?;
        gone = is_still_gone(servers, taken).await;
        if gone.is_ok() {
            break;
        }
    }
    gone
}

/// Refuses to go on when somebody has declared again what is to be gone: the lab would not hear what is published there.
pub(super) async fn is_still_gone(servers: &OwnServers, taken: &Taken) -> Result<()> {
    for Definition { what, name, .. } in &taken.defined {
        let found = servers
            .management()
            .definition(servers.vhost(), *what, name);
        ensure!(
            found.await?.is_none(),
            "{name} is there again, and was to be gone"
        );
    }
    Ok(())
}

/// Waits until nothing waits in these queues and nothing of them is in a consumer's hands. Nobody publishes meanwhile.
async fn until_read(servers: &OwnServers, system: &System, queues: &[&str]) -> Result<()> {
    let lab = Vhost::open(&servers.amqp_url()).await?;
    let consumers = Party::all(Role::Consumer);
    let broker = Party::all(Role::Server(Server::RabbitMq));
    let links = system.links_of(consumers, broker).unwrap_or_default();
    let deadline = Instant::now() + READ_WITHIN;
    loop {
        let mut left: u64 = links.iter().map(|link| link.counters().in_flight).sum();
        for queue in queues {
            left += u64::from(lab.waiting(queue).await?.unwrap_or(0));
        }
        if left == 0 {
            return lab.close().await;
        }
        ensure!(
            Instant::now() < deadline,
            "{left} messages were not read within {READ_WITHIN:?}; deleted with their queue they would be lost, and by nobody's fault but the lab's"
        );
        sleep(LOOK_EVERY).await;
    }
}

/// Puts back what was taken away: first what the lab hears by, while nobody publishes; a queue only if its owner does not
/// declare it again by itself. Read back.
pub(super) async fn put_back(servers: &OwnServers, system: &System, taken: Taken) -> Result<()> {
    let (management, vhost) = (servers.management(), servers.vhost());
    let held = hold::relays(system).await;
    management.permit(vhost, ".*").await?;
    for defined in of(&taken, What::Exchange) {
        management.declare(vhost, defined).await?;
    }
    let is_own = |binding: &&Binding| binding.queue().starts_with(OWN_QUEUE);
    for binding in taken.bindings.iter().filter(is_own) {
        management.put_back(vhost, binding).await?;
    }
    let deadline = Instant::now() + DECLARED_WITHIN;
    for defined in of(&taken, What::Queue) {
        while !is_bound(servers, &defined.name).await? && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
        let found = management.definition(vhost, What::Queue, &defined.name);
        if found.await?.is_none() {
            management.declare(vhost, defined).await?;
        }
    }
    for binding in &taken.bindings {
        management.put_back(vhost, binding).await?;
    }
    let left = bindings(servers).await?.len();
    ensure!(
        left >= taken.bindings.len(),
        "{left} of {} bindings are there again",
        taken.bindings.len()
    );
    held.map(drop)
}

fn of(taken: &Taken, what: What) -> impl Iterator<Item = &Definition> {
    let all = taken.defined.iter();
    all.filter(move |defined| defined.what == what)
}

async fn is_bound(servers: &OwnServers, queue: &str) -> Result<bool> {
    let bound = bindings(servers).await?;
    Ok(bound.iter().any(|binding| binding.queue() == queue))
}

/// Takes every right away from the target's user, and closes its connections. Read back. Says how many that were.
pub(super) async fn revoke(servers: &OwnServers, system: &System) -> Result<u64> {
    let management = servers.management();
    management.forbid(servers.vhost()).await?;
    ensure!(
        !management.is_permitted(servers.vhost()).await?,
        "the user still has rights in the vhost"
    );
    close_connections(servers, system).await
}

/// Undoes [`revoke`]. Read back.
pub(super) async fn permit(servers: &OwnServers) -> Result<()> {
    let management = servers.management();
    management.permit(servers.vhost(), ".*").await?;
    ensure!(
        management.is_permitted(servers.vhost()).await?,
        "the user has no rights in the vhost again"
    );
    Ok(())
}

/// Closes the connections that are not the lab's. Says how many that were: as many as lived on the edges, for which the
/// broker's list is waited for.
pub(super) async fn close_connections(servers: &OwnServers, system: &System) -> Result<u64> {
    let management = servers.management();
    let links = system.links_to(Server::RabbitMq);
    let living: u64 = links.map(|link| link.counters().connections_living).sum();
    let deadline = Instant::now() + LISTED_WITHIN;
    // One that is closed is listed for a while all the same.
    let mut closed = BTreeSet::new();
    while (closed.len() as u64) < living && Instant::now() < deadline {
        let mut clients = management.connections(servers.vhost()).await?;
        clients.retain(|client| !client.name.starts_with(vhost::LAB));
        for client in &clients {
            if !closed.contains(&client.id) && management.close(client).await? {
                closed.insert(client.id.clone());
            }
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(closed.len() as u64)
}
