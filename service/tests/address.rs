//! Addresses that are not what they seem.

use anyhow::{Result, ensure};
use uuid::Uuid;

use crate::{
    running::{Running, Said, run, until_applied},
    site::Site,
};

const LAMP: Uuid = Uuid::from_u128(7);
/// Behind it is nobody: the block is for discarding.
const NOWHERE: &str = "[100::1]";

crate::cases!(
    a_url_that_cannot_be_read_is_wrong_usage_and_its_password_stays_unsaid,
    an_ipv6_address_is_where_it_says,
    an_address_where_nobody_is_leads_nowhere_else,
);

async fn a_url_that_cannot_be_read_is_wrong_usage_and_its_password_stays_unsaid(
    site: &Site,
) -> Result<()> {
    let database = site.servers.database_url();
    for (role, flag, url, named) in [
        (
            "api",
            "--database-url",
            "postgres://ann:hunter2@db:port/d",
            "the port",
        ),
        (
            "migrate",
            "--database-url",
            "mysql://ann:hunter2@db/d",
            "postgres://",
        ),
        (
            "requeue",
            "--database-url",
            "postgres://ann:hunter2@db/d?sslmode=on",
            "sslmode",
        ),
        (
            "consumer",
            "--database-url",
            "postgres://ann:hunter2@a,b/d",
            "several hosts",
        ),
        (
            "all",
            "--database-url",
            "postgres://ann:hunter2@db/d?sslmode=verify-full&sslrootcert=/no/such",
            "/no/such",
        ),
        (
            "relay",
            "--amqp-url",
            "amqp://ann:hunter2@[::1:5672/v",
            "IPv6",
        ),
        (
            "consumer",
            "--amqp-url",
            "amqps://ann:hunter2@mq/v?verify=verify_none",
            "verify_peer",
        ),
        (
            "all",
            "--amqp-url",
            "amqp://ann:hun#ter2@mq/v",
            "percent-encoded",
        ),
        (
            "redrive",
            "--amqp-url",
            "amqp://ann:hunter2@mq/v?heartbeat=5",
            "--heartbeat-s",
        ),
    ] {
        let mut args = vec![role, flag, url];
        if role == "requeue" {
            args.push("--all");
        }
        let Said { code, err, .. } = run(site, &database, &args).await?;
        let line = err
            .lines()
            .find(|line| line.contains(flag))
            .unwrap_or_default();
        ensure!(
            code == Some(2) && line.contains(named),
            "{url}: {code:?}\n{err}"
        );
        ensure!(
            !err.contains("hunter2") && !err.contains("ter2@"),
            "{url}: {err}"
        );
    }
    Ok(())
}

async fn an_ipv6_address_is_where_it_says(site: &Site) -> Result<()> {
    // The same machine's, by the other protocol's address.
    let by_ipv6 = |url: String| url.replace("@127.0.0.1:", "@[::ffff:127.0.0.1]:");
    let database = by_ipv6(site.servers.database_url());
    let broker = by_ipv6(site.servers.amqp_url());
    ensure!(
        database.contains("[::ffff:") && broker.contains("[::ffff:"),
        "{database} {broker}"
    );
    let settings = [("DATABASE_URL", database.as_str()), ("AMQP_URL", &broker)];
    let relay = Running::ready(site, "relay", &settings).await?;
    let consumer = Running::ready(site, "consumer", &settings).await?;
    site.append(LAMP, 1, 2).await?;
    until_applied(site, 2).await?;
    relay.stop().await?;
    consumer.stop().await
}

async fn an_address_where_nobody_is_leads_nowhere_else(site: &Site) -> Result<()> {
    let broker = site.servers.amqp_url();
    let host = reqwest::Url::parse(&broker)?;
    let host = host.host_str().unwrap_or_default();
    let elsewhere = broker.replace(&format!("@{host}:"), &format!("@{NOWHERE}:"));
    ensure!(elsewhere.contains(NOWHERE), "{elsewhere}");
    let relay = Running::start(site, "relay", &[("AMQP_URL", &elsewhere)])?;
    relay.until_refused("rabbitmq (relay)", "RabbitMQ").await?;
    relay.stop().await
}
