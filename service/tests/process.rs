//! A process among others: what it makes of its environment and of its log.

use anyhow::{Result, ensure};

use crate::{
    client::{self, open_auction},
    running::{Running, run_with},
    site::Site,
};

crate::cases!(
    a_log_that_cannot_be_written_ends_nothing,
    an_empty_variable_is_as_if_it_were_not_set,
    whoever_looks_after_a_process_asks_it_with_its_own_settings,
);

/// Whoever reads it is gone after the first line; a full disk takes none.
async fn a_log_that_cannot_be_written_ends_nothing(site: &Site) -> Result<()> {
    for log in [">(head -1 > /dev/null)", "/dev/full"] {
        let api = Running::logging_to(site, "api", log).await?;
        let auction = open_auction(&api).await?;
        let (status, answer) = client::place(&api, &auction, "ann", 500).await?;
        ensure!(status == 201, "{status} {answer}");
        api.stop().await?;
    }
    Ok(())
}

/// As a template writes a variable that it has no value for.
async fn an_empty_variable_is_as_if_it_were_not_set(site: &Site) -> Result<()> {
    let database = site.servers.database_url();
    let wait = "OUTBOX_POOL_WAIT_MS";
    let empty = [(wait, ""), ("RUST_LOG", ""), ("OUTBOX_LOG_FORMAT", "")];
    let said = run_with(site, &database, &["migrate"], &empty).await?;
    ensure!(said.code == Some(0), "{said:?}");
    let said = run_with(site, &database, &["migrate"], &[(wait, "0")]).await?;
    ensure!(said.code == Some(2), "{said:?}");
    ensure!(said.err.contains("1..=600000"), "{said:?}");
    Ok(())
}

async fn whoever_looks_after_a_process_asks_it_with_its_own_settings(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let everywhere = format!("0.0.0.0:{}", api.http.port());
    let nobody = ("OUTBOX_HTTP_ADDR", "127.0.0.1:1");
    let database = site.servers.database_url();
    for settings in [
        [("OUTBOX_HTTP_ADDR", &*everywhere), ("OUTBOX_OPS_ADDR", "")],
        [nobody, ("OUTBOX_OPS_ADDR", &*everywhere)],
    ] {
        let said = run_with(site, &database, &["healthcheck"], &settings).await?;
        ensure!(said.code == Some(0) && said.out == "alive\n", "{said:?}");
        let ready = ["healthcheck", "--ready"];
        let said = run_with(site, &database, &ready, &settings).await?;
        ensure!(
            said.code == Some(0) && said.out.contains("postgres"),
            "{said:?}"
        );
    }
    let said = run_with(site, &database, &["healthcheck"], &[nobody]).await?;
    ensure!(
        said.code == Some(1) && said.err.contains("127.0.0.1:1"),
        "{said:?}"
    );
    let listening = [("OUTBOX_HTTP_ADDR", &*everywhere)];
    sqlx::query("DROP TABLE _sqlx_migrations CASCADE")
        .execute(&site.pool)
        .await?;
    let said = run_with(site, &database, &["healthcheck"], &listening).await?;
    ensure!(said.code == Some(0), "{said:?}");
    let said = run_with(site, &database, &["healthcheck", "--ready"], &listening).await?;
    ensure!(
        said.code == Some(1) && said.err.contains("answered 503"),
        "{said:?}"
    );
    Ok(())
}
