//! An operator's hand on a run's own database and vhost: what it changes, what is felt of it, and how it is put back.

mod broker;
mod database;
mod echo;

use anyhow::Result;

use super::{bite::Bitten, imposed::Imposed, left::Left};
use crate::{
    ask::fault::{Server, meddling::Meddling},
    run::own_servers::OwnServers,
    system::System,
};

/// The SQLSTATE of a write that finds no room.
const DISK_FULL: &str = "53100";

/// Does it. What is left of it is told to `imposed` before it is done, so that half of it can be put back.
pub(super) async fn meddle(
    servers: &OwnServers,
    system: &System,
    meddling: &Meddling,
    imposed: &mut Imposed,
    bitten: &mut Bitten<'_>,
) -> Result<()> {
    match meddling {
        Meddling::DeleteQueue => {
            let taken = imposed.taken();
            bitten.happened(broker::delete_queues(servers, system, taken).await?);
        }
        Meddling::DeleteExchange => {
            let taken = imposed.taken();
            bitten.happened(broker::delete_exchanges(servers, system, taken).await?);
        }
        Meddling::Revoke => {
            let closed = broker::revoke(servers, system).await?;
            bitten.counted("connections_closed", closed);
        }
        Meddling::CloseConnections => {
            let closed = broker::close_connections(servers, system).await?;
            bitten.counted("connections_closed", closed);
        }
        Meddling::Republish => {
            bitten.counted("messages_sent_again", echo::republish(servers).await?);
        }
        Meddling::EndSessions => {
            bitten.counted("sessions_ended", database::end_sessions(servers).await?);
        }
        Meddling::RefuseLogins => {
            bitten.counted("sessions_ended", database::refuse_logins(servers).await?);
        }
        Meddling::TakeConnections => {
            let ended = database::take_connections(servers, imposed.crowd()).await?;
            bitten.counted("sessions_ended", ended);
        }
        Meddling::Set(setting) => {
            imposed.left = Left::Refusals(database::count(system, setting.refuses)?);
            database::set(servers, setting).await?;
        }
        Meddling::Hold(what) => database::hold(servers, *what, imposed).await?,
        Meddling::FillDisk => {
            imposed.left = Left::Refusals(database::count(system, DISK_FULL)?);
            servers.of(Server::Postgres)?.fill_disk().await?;
        }
    }
    Ok(())
}

/// What was felt of it by now, where the servers tell.
pub(super) async fn felt(
    servers: &OwnServers,
    left: &mut Left,
) -> Result<Option<(&'static str, u64)>> {
    Ok(match left {
        Left::Nothing | Left::Crowd(_) => None,
        Left::Taken(taken) => {
            broker::is_still_gone(servers, taken).await?;
            None
        }
        Left::Refusals(armed) => {
            let refused = *armed.0.struck().borrow();
            Some(("statements_refused", refused))
        }
        Left::Holding(_, pid) => {
            let behind = database::transactions_behind(servers, *pid).await?;
            Some(("transactions_since", behind))
        }
    })
}

/// Puts everything back, however far it came. Read back.
pub(super) async fn put_back(
    servers: &OwnServers,
    system: &System,
    meddling: &Meddling,
    imposed: &mut Imposed,
) -> Result<()> {
    match std::mem::take(&mut imposed.left) {
        Left::Taken(taken) => return broker::put_back(servers, system, taken).await,
        Left::Holding(session, _) => return database::let_go(session).await,
        Left::Crowd(crowd) => {
            database::disperse(crowd).await?;
            // Nobody is let in while they come.
            return database::allow_logins(servers).await;
        }
        Left::Nothing | Left::Refusals(_) => {}
    }
    match meddling {
        Meddling::Revoke => broker::permit(servers).await,
        Meddling::RefuseLogins => database::allow_logins(servers).await,
        Meddling::Set(setting) => database::reset(servers, setting).await,
        // A lock on the outbox is a session of `imposed`.
        Meddling::Hold(_) => imposed.unlock().await,
        Meddling::FillDisk => servers.of(Server::Postgres)?.free_disk().await,
        // What was done is done.
        Meddling::DeleteQueue
        | Meddling::DeleteExchange
        | Meddling::TakeConnections
        | Meddling::CloseConnections
        | Meddling::Republish
        | Meddling::EndSessions => Ok(()),
    }
}
