//! The service's manners with a database that is set up otherwise than usual, or that refuses.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{
    client::{self, open_auction},
    running::{Running, Said, run, until, until_applied, until_locked_out},
    site::Site,
};

crate::cases!(
    what_the_database_presets_changes_nothing,
    a_frozen_api_gives_its_rows_up_and_starves_nobody,
    a_database_that_does_not_hold_every_text_is_refused,
    what_a_column_cannot_hold_is_the_client_s_mistake,
);

async fn what_the_database_presets_changes_nothing(site: &Site) -> Result<()> {
    for preset in [
        "default_transaction_isolation = 'serializable'",
        "default_transaction_read_only = on",
    ] {
        let alter = format!("ALTER DATABASE {} SET {preset}", site.name);
        sqlx::query(AssertSqlSafe(alter))
            .execute(&site.pool)
            .await?;
    }
    sqlx::raw_sql(
        "CREATE FUNCTION only_read_committed() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF current_setting('transaction_isolation') <> 'read committed' THEN
                 RAISE EXCEPTION 'isolation is %', current_setting('transaction_isolation');
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER t BEFORE INSERT OR UPDATE ON bids FOR EACH ROW EXECUTE FUNCTION only_read_committed();
         CREATE TRIGGER t BEFORE INSERT OR UPDATE ON outbox_events FOR EACH ROW EXECUTE FUNCTION only_read_committed();
         CREATE TRIGGER t BEFORE INSERT OR UPDATE ON inbox FOR EACH ROW EXECUTE FUNCTION only_read_committed();",
    )
    .execute(&site.pool)
    .await?;
    let api = Running::ready(site, "api", &[]).await?;
    let relay = Running::ready(site, "relay", &[]).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let auction = open_auction(&api).await?;
    let (status, answer) = client::place(&api, &auction, "ann", 500).await?;
    ensure!(status == 201, "{status} {answer}");
    until_applied(site, 1).await?;
    for process in [api, relay, consumer] {
        process.stop().await?;
    }
    Ok(())
}

/// The frozen one is given its row lock after it stopped: it never learns of it, and never commits.
async fn a_frozen_api_gives_its_rows_up_and_starves_nobody(site: &Site) -> Result<()> {
    let settings = [("OUTBOX_REQUEST_TIMEOUT_MS", "2000")];
    let frozen = Running::ready(site, "api", &settings).await?;
    let living = Running::ready(site, "api", &settings).await?;
    let auction = open_auction(&living).await?;
    let mut first = site.pool.begin().await?;
    sqlx::query("SELECT * FROM auctions FOR UPDATE")
        .execute(&mut *first)
        .await?;
    let bid = json!({ "user_id": "ann", "amount": 500 });
    let unanswered = tokio::spawn(client::bid_request(&frozen, &auction, &bid)?.send());
    until_locked_out(site, 1).await?;
    frozen.process.freeze()?;
    first.rollback().await?;

    let (status, answer) = client::place(&living, &auction, "bob", 600).await?;
    ensure!(
        status == 503 && answer["code"] == "unavailable",
        "{status} {answer}"
    );
    // The server gave up waiting for the row, before its client had to give up waiting for the server.
    let log = living.log()?;
    ensure!(log.contains("lock timeout"), "{log}");
    until("the auction takes bids again", || async {
        let (status, answer) = client::place(&living, &auction, "bob", 600).await?;
        Ok((status == 201, answer.to_string()))
    })
    .await?;
    unanswered.abort();
    frozen.process.kill()?;
    living.stop().await
}

async fn a_database_that_does_not_hold_every_text_is_refused(site: &Site) -> Result<()> {
    let name = format!("{}_latin", site.name);
    let create = format!(
        "CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    sqlx::query(AssertSqlSafe(create))
        .execute(&site.pool)
        .await?;
    let database = site.servers.database_url().replace(&site.name, &name);
    for role in ["migrate", "api", "relay", "consumer", "all"] {
        let Said { code, err, .. } = run(site, &database, &[role]).await?;
        let told: Vec<&str> = err
            .lines()
            .filter(|line| line.contains("LATIN1") && line.contains("UTF8"))
            .collect();
        ensure!(
            code == Some(1) && told.len() == 1,
            "{role}: {code:?}\n{err}"
        );
    }
    let mut connection = PgConnection::connect(&database).await?;
    let left: Option<String> = sqlx::query_scalar("SELECT to_regclass('outbox_events')::text")
        .fetch_one(&mut connection)
        .await?;
    ensure!(left.is_none(), "it was migrated");
    connection.close().await?;
    sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&site.pool)
        .await?;
    Ok(())
}

async fn what_a_column_cannot_hold_is_the_client_s_mistake(site: &Site) -> Result<()> {
    sqlx::query("ALTER TABLE bids ALTER COLUMN user_id TYPE varchar(2)")
        .execute(&site.pool)
        .await?;
    let api = Running::ready(site, "api", &[]).await?;
    let auction = open_auction(&api).await?;
    let (status, answer) = client::place(&api, &auction, "ann", 500).await?;
    ensure!(
        status == 422 && answer["code"] == "invalid_field",
        "{status} {answer}"
    );
    let (status, answer) = client::place(&api, &auction, "an", 500).await?;
    ensure!(status == 201, "{status} {answer}");
    answer["bid_id"].as_str().context("a bid has a name")?;
    api.stop().await
}
