//! A schema that is not the one that the program was made for, and the way to it.

use anyhow::{Result, ensure};
use outbox_harness::os::process::{Launch, Process};
use sqlx::AssertSqlSafe;

use crate::{
    client::{self, open_auction},
    running::{PROGRAM, Running, Said, WITHIN, run, until},
    site::Site,
};

crate::cases!(
    a_program_of_before_does_not_start_on_a_schema_of_later,
    a_schema_of_later_stops_the_relays_that_run_and_takes_bids,
    a_schema_of_before_is_named_and_never_a_defect,
    two_that_migrate_at_once_both_succeed,
    migrating_comes_to_an_end_while_somebody_holds_locks,
    migrating_ends_when_it_is_told_to,
);

const LATER: &str =
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (99999, 'later', true, '', 0)";

async fn a_program_of_before_does_not_start_on_a_schema_of_later(site: &Site) -> Result<()> {
    sqlx::query(LATER).execute(&site.pool).await?;
    let database = site.servers.database_url();
    for role in ["migrate", "api", "relay", "consumer", "all"] {
        let Said { code, err, .. } = run(site, &database, &[role]).await?;
        let told = err.lines().filter(|line| line.contains("version 99999"));
        ensure!(
            code == Some(1) && told.count() == 1,
            "{role}: {code:?}\n{err}"
        );
    }
    Ok(())
}

async fn a_schema_of_later_stops_the_relays_that_run_and_takes_bids(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let relay = Running::ready(site, "relay", &[]).await?;
    sqlx::query(LATER).execute(&site.pool).await?;
    for (process, ready) in [(&api, true), (&relay, false)] {
        let report = process.readyz().await?;
        let reason = report["dependencies"]["postgres"]["reason"].to_string();
        ensure!(
            report["ready"] == ready && reason.contains("version 99999"),
            "{report}"
        );
    }
    open_auction(&api).await?;
    api.stop().await?;
    relay.stop().await
}

async fn a_schema_of_before_is_named_and_never_a_defect(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let auction = open_auction(&api).await?;
    sqlx::query("ALTER TABLE bids RENAME COLUMN user_id TO who")
        .execute(&site.pool)
        .await?;
    sqlx::query(
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    )
    .execute(&site.pool)
    .await?;
    let report = api.readyz().await?;
    let reason = report["dependencies"]["postgres"]["reason"].to_string();
    ensure!(
        report["ready"] == false && reason.contains("outbox-service migrate"),
        "{report}"
    );
    let (status, answer) = client::place(&api, &auction, "ann", 500).await?;
    ensure!(
        status == 503 && answer["code"] == "unavailable",
        "{status} {answer}"
    );
    api.stop().await
}

async fn two_that_migrate_at_once_both_succeed(site: &Site) -> Result<()> {
    let name = format!("{}_empty", site.name);
    sqlx::query(AssertSqlSafe(format!(
        "CREATE DATABASE {name} TEMPLATE template0"
    )))
    .execute(&site.pool)
    .await?;
    let database = site.servers.database_url().replace(&site.name, &name);
    let migrate = || run(site, &database, &["migrate"]);
    let (first, second, third) = tokio::try_join!(migrate(), migrate(), migrate())?;
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&site.pool)
        .await?;
    for said in [first, second, third] {
        ensure!(said.code == Some(0), "{said:?}");
    }
    Ok(())
}

async fn migrating_comes_to_an_end_while_somebody_holds_locks(site: &Site) -> Result<()> {
    let mut hold = site.pool.begin().await?;
    sqlx::query("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *hold)
        .await?;
    // Far less than it may take by itself, and the locks are held until it has ended.
    let args = ["migrate", "--migrate-within-s", "1"];
    let Said { code, err, .. } = run(site, &site.servers.database_url(), &args).await?;
    ensure!(
        code == Some(1) && err.contains("--migrate-within-s"),
        "{code:?}\n{err}"
    );
    hold.rollback().await?;
    Ok(())
}

async fn migrating_ends_when_it_is_told_to(site: &Site) -> Result<()> {
    let mut hold = site.pool.begin().await?;
    sqlx::query("LOCK TABLE _sqlx_migrations IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *hold)
        .await?;
    let process: Process = Launch::new(&format!("{} migrate", site.name), PROGRAM, &site.folder)
        .args(["migrate"])
        .without(outbox_service::settings())
        .env("DATABASE_URL", site.servers.database_url())
        .spawn()?;
    crate::running::until_locked_out(site, 1).await?;
    process.terminate()?;
    let status = process.wait(WITHIN).await?;
    ensure!(status.code() == Some(1), "{status}");
    ensure!(
        process.log_tail().contains("SIGTERM"),
        "{}",
        process.log_tail()
    );
    until("the server has given it up as well", || async {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'outbox-service'",
        )
        .fetch_one(&site.pool)
        .await?;
        Ok((waiting == 0, waiting.to_string()))
    })
    .await?;
    hold.rollback().await?;
    Ok(())
}
