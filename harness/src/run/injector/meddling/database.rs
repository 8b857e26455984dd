//! What is done to the run's database by hand. The lab's own sessions, which say who they are, are left alone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep};

use super::{Imposed, Left};
use crate::{
    ask::fault::meddling::{Hold, Setting},
    run::own_servers::OwnServers,
    servers::postgres::LAB,
};

/// Whoever is refused tries again within this, and Postgres counts what it rolled back about once a second.
const REFUSED_WITHIN: Duration = Duration::from_secs(4);
/// A session that is put out has ended within this.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
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

/// Terminates the sessions that are not the lab's, and waits until they are gone. Says how many there were.
async fn put_out(session: &mut PgConnection, servers: &OwnServers) -> Result<u64> {
    // Two statements: in one, Postgres may ask the function before the conditions, and put out everybody's.
    let pids: Vec<i32> = sqlx::query_scalar(
        "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'
         AND application_name NOT LIKE $2 || '%'",
    )
    .bind(servers.database())
    .bind(LAB)
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

/// Lets nobody in any more, and puts out who is. Read back.
pub(super) async fn refuse_logins(servers: &OwnServers) -> Result<u64> {
    let mut session = maintenance(servers).await?;
    alter(&mut session, servers, "ALLOW_CONNECTIONS false").await?;
    ensure!(
        !lets_in(&mut session, servers).await?,
        "the database lets sessions in all the same"
    );
    put_out(&mut session, servers).await
}

/// Undoes [`refuse_logins`]. Read back.
pub(super) async fn allow_logins(servers: &OwnServers) -> Result<()> {
    let mut session = maintenance(servers).await?;
    alter(&mut session, servers, "ALLOW_CONNECTIONS true").await?;
    ensure!(
        lets_in(&mut session, servers).await?,
        "the database does not let sessions in again"
    );
    Ok(())
}

async fn lets_in(session: &mut PgConnection, servers: &OwnServers) -> Result<bool> {
    let asked = sqlx::query_scalar("SELECT datallowconn FROM pg_database WHERE datname = $1");
    Ok(asked.bind(servers.database()).fetch_one(session).await?)
}

/// Gives the database another default, for sessions that begin from now on, and has the target begin new ones. Read back in
/// one of the lab's. Says how many transactions had been rolled back by then.
pub(super) async fn set(servers: &OwnServers, setting: &Setting) -> Result<i64> {
    let Setting { name, value } = setting;
    let mut session = maintenance(servers).await?;
    alter(&mut session, servers, &format!("SET {name} = '{value}'")).await?;
    let before = default_of(&mut session, name).await?;
    let found = default_of(&mut self::session(servers).await?, name).await?;
    ensure!(
        found != before,
        "{name} is {found} in a new session, as it was before"
    );
    put_out(&mut session, servers).await?;
    // What the sessions had to give up when they were put out is counted when they are gone, or a moment later.
    sleep(Duration::from_secs(1)).await;
    rolled_back(&mut session, servers).await
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

async fn rolled_back(session: &mut PgConnection, servers: &OwnServers) -> Result<i64> {
    let asked = sqlx::query_scalar("SELECT xact_rollback FROM pg_stat_database WHERE datname = $1");
    Ok(asked.bind(servers.database()).fetch_one(session).await?)
}

/// How many transactions have been rolled back since. One is waited for.
pub(super) async fn rolled_back_since(servers: &OwnServers, before: i64) -> Result<u64> {
    let mut session = maintenance(servers).await?;
    let deadline = Instant::now() + REFUSED_WITHIN;
    loop {
        let since = rolled_back(&mut session, servers).await? - before;
        if since > 0 || Instant::now() > deadline {
            return Ok(since.unsigned_abs());
        }
        sleep(LOOK_EVERY).await;
    }
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
