//! The address leads elsewhere, or its server changes what it is.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use outbox_harness::{servers::body::Body, servers::native};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::{
    client::{self, open_auction},
    own::{self, Door, Manners},
    running::{Running, Said, run},
    site::Site,
};

crate::cases!(
    a_standby_is_named_and_writes_go_on_where_the_primary_is,
    a_connection_that_says_read_only_is_not_lent_again,
    a_pooler_that_drops_a_session_s_settings_is_refused_in_one_sentence,
);

const CONNECTIONS: usize = 4;

async fn a_standby_is_named_and_writes_go_on_where_the_primary_is(site: &Site) -> Result<()> {
    let primary = own::postgres(site, "primary").await?;
    let standby =
        native::Postgres::boot_standby(&format!("{}-standby", site.name), &primary).await?;
    let (first, second) = (own::port(&primary.url(""))?, own::port(&standby.url(""))?);
    let door = Door::open(first, Manners::Plain).await?;
    let url = door.url("postgres");
    let connections = CONNECTIONS.to_string();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("OUTBOX_API_CONNECTIONS", &connections),
    ];
    let api = Running::ready(site, "api", &settings).await?;
    let auction = open_auction(&api).await?;
    writes(&api, &auction, 1_000).await?;
    api.stop().await?;
    until_copied(&standby).await?;

    door.lead_to(second);
    let Said { code, err, .. } = run(site, &url, &["migrate"]).await?;
    ensure!(
        code == Some(1) && err.contains("standby"),
        "{code:?}\n{err}"
    );
    let api = Running::start(site, "api", &settings)?;
    api.until_refused("postgres", "read-only").await?;
    for _ in 0..8 {
        let (status, answer) = client::place(&api, &auction, "bob", 900).await?;
        ensure!(
            status == 503 && answer["code"] == "unavailable",
            "{status} {answer}"
        );
    }
    door.lead_to(first);
    writes(&api, &auction, 2_000).await?;
    api.until_ready().await?;

    until_copied(&standby).await?;
    primary.crash().await?;
    door.lead_to(second);
    let mut promoting = PgConnection::connect(&standby.url("postgres")).await?;
    sqlx::query("SELECT pg_promote()")
        .execute(&mut promoting)
        .await?;
    writes(&api, &auction, 3_000).await?;
    api.until_ready().await?;
    let log = api.log()?;
    ensure!(!log.contains("ERROR"), "{log}");
    api.stop().await
}

/// Bids `from` that amount on, until one is taken. Each connection to who takes no writes may cost one: none is lent twice.
async fn writes(api: &Running, auction: &str, from: i64) -> Result<()> {
    let mut refused = Vec::new();
    while refused.len() <= CONNECTIONS {
        let (status, answer) = client::place(api, auction, "ann", from).await?;
        if status == 201 {
            return Ok(());
        }
        ensure!(status == 503, "{status} {answer}");
        refused.push(answer.to_string());
    }
    anyhow::bail!("still no write: {refused:?}")
}

/// Until the standby has what the primary acknowledged.
async fn until_copied(standby: &native::Postgres) -> Result<()> {
    let mut connection = PgConnection::connect(&standby.url("postgres")).await?;
    let mut bids = 0;
    let mut same = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    // Nobody writes now: what stays the same for a while is all.
    while same < 10 || bids == 0 {
        ensure!(Instant::now() < deadline, "the standby does not follow");
        let now: i64 = sqlx::query_scalar("SELECT count(*) FROM bids")
            .fetch_one(&mut connection)
            .await?;
        same = if now == bids { same + 1 } else { 0 };
        bids = now;
        sleep(Duration::from_millis(50)).await;
    }
    Ok(connection.close().await?)
}

async fn a_connection_that_says_read_only_is_not_lent_again(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[("OUTBOX_API_CONNECTIONS", "1")]).await?;
    let auction = open_auction(&api).await?;
    let backend = || async {
        let pid: Option<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'outbox-api' AND datname = current_database()",
        )
        .fetch_optional(&site.pool)
        .await?;
        pid.context("the API has no connection")
    };
    let before = backend().await?;
    sqlx::raw_sql(
        "CREATE FUNCTION is_read_only() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             RAISE EXCEPTION 'cannot execute INSERT in a read-only transaction' USING ERRCODE = '25006';
         END $$;
         CREATE TRIGGER t BEFORE INSERT ON bids FOR EACH ROW EXECUTE FUNCTION is_read_only();",
    )
    .execute(&site.pool)
    .await?;
    let (status, answer) = client::place(&api, &auction, "ann", 500).await?;
    ensure!(status == 503, "{status} {answer}");
    sqlx::query("DROP TRIGGER t ON bids")
        .execute(&site.pool)
        .await?;
    let (status, answer) = client::place(&api, &auction, "ann", 500).await?;
    ensure!(status == 201, "{status} {answer}");
    let after = backend().await?;
    ensure!(before != after, "the same connection was lent again");
    // What a client does wrong costs no connection.
    let (status, answer) = client::place(&api, &auction, "ann", 1).await?;
    ensure!(status == 409 || status == 422, "{status} {answer}");
    ensure!(backend().await? == after, "a refusal cost a connection");
    api.stop().await
}

async fn a_pooler_that_drops_a_session_s_settings_is_refused_in_one_sentence(
    site: &Site,
) -> Result<()> {
    let server = own::postgres(site, "pooled").await?;
    let door = Door::open(own::port(&server.url(""))?, Manners::WithoutOptions).await?;
    let url = door.url("postgres");
    for role in ["migrate", "api", "relay", "consumer", "all"] {
        let Said { code, err, .. } = run(site, &url, &[role]).await?;
        let last = err.lines().last().unwrap_or_default();
        ensure!(
            code == Some(1) && last.starts_with("outbox-service: ") && last.contains("PgBouncer"),
            "{role}: {code:?}\n{err}"
        );
    }
    Ok(())
}
