//! What is done to the run's database by hand. The lab's own sessions, which say who they are, are left alone; those in which its
//! clients write are not.

use std::time::Duration;

use anyhow::{Context, Error, Result, bail, ensure};
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep};

use super::super::{imposed::Imposed, left::Left, passing::Armed};
use crate::{
    ask::{
        fault::{
            Party, Role, Server,
            meddling::{Hold, Setting},
        },
        wire::{Event, Pattern, Watched},
    },
    run::{own_servers::OwnServers, write::SESSION},
    servers::postgres::LAB,
    system::System,
    wire::tap::{Act, Trigger},
};

/// A session that is put out has ended within this.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
/// too_many_connections.
const NO_MORE: &str = "53300";
/// More than any server of the lab's gives.
const MOST_CONNECTIONS: usize = 1000;
/// How many are asked for at once.
const AT_ONCE: usize = 16;
/// How often the target may be quicker than the lab.
const TRIES: u32 = 20;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the outbox's table may be in use before the lab has it for itself.
const LOCKED_WITHIN: &str = "SET lock_timeout = '10s'";

async fn session(servers: &OwnServers) -> Result<PgConnection> {
    let session = PgConnection::connect(&servers.observing_url()).await;
    session.context("connecting the lab to the run's database")
}

/// A session from which the run's database can be altered, also when it lets nobody in.
async fn maintenance(servers: &OwnServers) -> Result<PgConnection> {
    let session = PgConnection::connect(&servers.maintenance_url()).await;
    session.context("connecting the lab to the server's first database")
}

async fn alter(session: &mut PgConnection, servers: &OwnServers, how: &str) -> Result<()> {
    let sql = format!("ALTER DATABASE {} {how}", servers.database());
    let altered = session.execute(AssertSqlSafe(sql.clone())).await;
    altered.map(drop).context(sql)
}

/// Terminates the sessions that are not the lab's, and those of its clients, who write as the target's would; and waits until they are gone. Says how many there were.
async fn put_out(session: &mut PgConnection, servers: &OwnServers) -> Result<u64> {
    // Two statements: in one, Postgres may ask the function before the conditions, and put out everybody's.
    let pids: Vec<i32> = sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'
         AND (application_name NOT LIKE $2 || '%' OR application_name LIKE $3 || '%')",
    )
    .bind(servers.database())
    .bind(LAB)
    .bind(SESSION)
    .fetch_all(&mut *session)
    .await
    .context("asking for the target's sessions")?;
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM unnest($1::int[]) AS pid WHERE pg_terminate_backend(pid)",
    )
    .bind(&pids)
    .fetch_one(&mut *session)
    .await
    .context("terminating the target's sessions")?;
    let deadline = Instant::now() + ENDED_WITHIN;
    loop {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)")
                .bind(&pids)
                .fetch_one(&mut *session)
                .await?;
        if left == 0 {
            return Ok(ended.unsigned_abs());
        }
        ensure!(
            Instant::now() < deadline,
            "{left} sessions go on {ENDED_WITHIN:?} after they were terminated"
        );
        sleep(LOOK_EVERY).await;
    }
}

pub(super) async fn end_sessions(servers: &OwnServers) -> Result<u64> {
    let mut session = maintenance(servers).await?;
    put_out(&mut session, servers).await
}

/// Has every connection that the server gives, and puts out who was in. Read back: the server has none left.
pub(super) async fn take_connections(
    servers: &OwnServers,
    crowd: &mut Vec<PgConnection>,
) -> Result<u64> {
    let mut lab = maintenance(servers).await?;
    let mut ended = 0;
    for _ in 0..TRIES {
        // Whoever is put out comes back at once, and would be quicker.
        ended += shut(&mut lab, servers).await?;
        let filled = fill(servers, crowd).await;
        open(&mut lab, servers).await?;
        filled?;
        // One who was being refused just then had a place that the lab has not: then once more.
        match put_out(&mut lab, servers).await? {
            0 => return Ok(ended),
            some => ended += some,
        }
    }
    bail!("the target's sessions came back before the lab's, {TRIES} times")
}

/// Opens sessions, some at once, until the server gives no more.
async fn fill(servers: &OwnServers, crowd: &mut Vec<PgConnection>) -> Result<()> {
    let url = servers.maintenance_url();
    while crowd.len() < MOST_CONNECTIONS {
        let some = (0..AT_ONCE).map(|_| PgConnection::connect(&url));
        let mut no_more = false;
        for opened in join_all(some).await {
            match opened {
                Ok(session) => crowd.push(session),
                Err(sqlx::Error::Database(refused))
                    if refused.code().as_deref() == Some(NO_MORE) =>
                {
                    no_more = true;
                }
                Err(error) => return Err(error).context("taking the server's connections"),
            }
        }
        if no_more {
            return Ok(());
        }
    }
    bail!("the server gives more than {MOST_CONNECTIONS} connections")
}

/// Gives the connections back.
pub(super) async fn disperse(crowd: Vec<PgConnection>) -> Result<()> {
    for session in crowd {
        session.close().await?;
    }
    Ok(())
}

/// Lets nobody in any more, and puts out who is. Read back.
pub(super) async fn refuse_logins(servers: &OwnServers) -> Result<u64> {
    shut(&mut maintenance(servers).await?, servers).await
}

async fn shut(session: &mut PgConnection, servers: &OwnServers) -> Result<u64> {
    alter(session, servers, "ALLOW_CONNECTIONS false").await?;
    ensure!(
        !lets_in(session, servers).await?,
        "the database lets sessions in all the same"
    );
    put_out(session, servers).await
}

/// Undoes [`refuse_logins`]. Read back.
pub(super) async fn allow_logins(servers: &OwnServers) -> Result<()> {
    open(&mut maintenance(servers).await?, servers).await
}

async fn open(session: &mut PgConnection, servers: &OwnServers) -> Result<()> {
    alter(session, servers, "ALLOW_CONNECTIONS true").await?;
    ensure!(
        lets_in(session, servers).await?,
        "the database does not let sessions in again"
    );
    Ok(())
}

async fn lets_in(session: &mut PgConnection, servers: &OwnServers) -> Result<bool> {
    let asked = sqlx::query_scalar("SELECT datallowconn FROM pg_database WHERE datname = $1");
    Ok(asked.bind(servers.database()).fetch_one(session).await?)
}

/// Counts what fails with an SQLSTATE from now on, on the wire: what is rolled back for other reasons is none of it.
pub(super) fn count(system: &System, sqlstate: &str) -> Result<Armed> {
    let (clients, postgres) = (Role::Client, Role::Server(Server::Postgres));
    let (from, to) = (Party::all(clients), Party::all(postgres));
    let matching = Pattern::parse(&format!("{sqlstate} %")).map_err(Error::msg)?;
    let trigger = Trigger::new(
        Watched {
            from,
            to,
            event: Event::Error,
            matching: Some(matching),
            fingerprint: None,
            nth: 1,
            per_connection: false,
            after: false,
            times: u64::MAX,
        },
        Act::Count,
    );
    // Clients that write to the database themselves have an edge of their own.
    let of_clients = system.links_of(from, to).unwrap_or_default();
    for link in system.links_to(Server::Postgres).chain(of_clients) {
        link.tap().arm(&trigger);
    }
    Ok(Armed(trigger))
}

/// Gives the database another default, for sessions that begin from now on, and has the target begin new ones. Read back in
/// one of the lab's.
pub(super) async fn set(servers: &OwnServers, setting: &Setting) -> Result<()> {
    let Setting { name, value, .. } = setting;
    let mut session = maintenance(servers).await?;
    alter(&mut session, servers, &format!("SET {name} = '{value}'")).await?;
    let before = default_of(&mut session, name).await?;
    let found = default_of(&mut self::session(servers).await?, name).await?;
    ensure!(
        found != before,
        "{name} is {found} in a new session, as it was before"
    );
    put_out(&mut session, servers).await.map(drop)
}

/// Undoes [`set`], and has the target begin new sessions again. Read back.
pub(super) async fn reset(servers: &OwnServers, setting: &Setting) -> Result<()> {
    let name = setting.name;
    let mut session = maintenance(servers).await?;
    alter(&mut session, servers, &format!("RESET {name}")).await?;
    let wanted = default_of(&mut session, name).await?;
    let found = default_of(&mut self::session(servers).await?, name).await?;
    ensure!(
        found == wanted,
        "{name} is {found} in a new session, not {wanted}"
    );
    put_out(&mut session, servers).await.map(drop)
}

async fn default_of(session: &mut PgConnection, name: &str) -> Result<String> {
    let asked = sqlx::query_scalar("SELECT current_setting($1)");
    Ok(asked.bind(name).fetch_one(session).await?)
}

/// Has a session hold something. Read back.
pub(super) async fn hold(servers: &OwnServers, what: Hold, imposed: &mut Imposed) -> Result<()> {
    let mut session = session(servers).await?;
    let begin = match what {
        Hold::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class",
        Hold::Transaction => "BEGIN; SELECT pg_current_xact_id()",
        Hold::Outbox => {
            let table = servers
                .outbox()
                .context("the target's file names no [outbox]")?;
            session.execute(LOCKED_WITHIN).await?;
            let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
            session.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await?;
            imposed.lock(session);
            return Ok(());
        }
    };
    session.execute(sqlx::raw_sql(begin)).await?;
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut session)
        .await?;
    imposed.left = Left::Holding(session, pid);
    held(servers, pid)
        .await?
        .map(drop)
        .context("the session holds nothing")
}

/// How many transactions have begun since a session took what it holds; none if it holds nothing.
async fn held(servers: &OwnServers, pid: i32) -> Result<Option<i32>> {
    let asked = sqlx::query_scalar(
        "SELECT age(coalesce(backend_xid, backend_xmin)) FROM pg_stat_activity WHERE pid = $1",
    );
    let mut session = session(servers).await?;
    Ok(asked.bind(pid).fetch_one(&mut session).await?)
}

pub(super) async fn transactions_behind(servers: &OwnServers, pid: i32) -> Result<u64> {
    let held = held(servers, pid).await?;
    let held = held.context("the session has lost what it held")?;
    Ok(u64::from(held.unsigned_abs()))
}

/// Ends the session, and what it held with it.
pub(super) async fn let_go(mut session: PgConnection) -> Result<()> {
    session.execute("ROLLBACK").await?;
    Ok(session.close().await?)
}
