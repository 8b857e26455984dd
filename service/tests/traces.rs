//! A bid can be followed through the system, and a failure says which bid it was.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};
use uuid::Uuid;

use crate::{
    client,
    collector::{Collector, Told},
    running::{Running, until_applied},
    site::Site,
};

crate::cases!(
    a_bid_is_one_trace_from_its_request_over_the_relay_to_the_consumer,
    what_nobody_exports_hands_the_clients_context_on,
    a_failure_says_which_bid_it_was_and_of_which_trace,
    a_collector_that_never_answers_holds_nobody_up,
);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// A bid of a client that is in a trace of its own.
async fn place(api: &Running, auction: &str, bid_id: Uuid) -> Result<(u16, Value)> {
    let answer = client::http()?
        .post(api.url(&format!("/auctions/{auction}/bids")))
        .header("traceparent", format!("00-{TRACE}-{CLIENT}-01"))
        .json(&json!({ "bid_id": bid_id, "user_id": "ann", "amount": 500 }))
        .send()
        .await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

/// One bid through processes of all roles, with the settings of each, until all of them have ended.
async fn follow(site: &Site, settings: [&[(&str, &str)]; 3]) -> Result<String> {
    let [api, relay, consumer] = settings;
    let api = Running::ready(site, "api", api).await?;
    let relay = Running::ready(site, "relay", relay).await?;
    let consumer = Running::ready(site, "consumer", consumer).await?;
    let auction = client::open_auction(&api).await?;
    let (status, answer) = place(&api, &auction, Uuid::now_v7()).await?;
    ensure!(status == 201, "{status} {answer}");
    until_applied(site, 1).await?;
    for process in [&api, &relay, &consumer] {
        process.stop().await?;
    }
    Ok(auction)
}

fn only(spans: &[Told], kind: SpanKind) -> Result<&Told> {
    let mut of_kind = spans.iter().filter(|told| told.is(kind));
    let found = of_kind
        .next()
        .with_context(|| format!("no {kind:?} in {spans:#?}"))?;
    ensure!(of_kind.next().is_none(), "two {kind:?} in {spans:#?}");
    Ok(found)
}

async fn a_bid_is_one_trace_from_its_request_over_the_relay_to_the_consumer(
    site: &Site,
) -> Result<()> {
    let collector = Collector::start().await?;
    let endpoint = collector.endpoint();
    let exported: &[(&str, &str)] = &[(ENDPOINT, &endpoint)];
    let auction = follow(site, [exported; 3]).await?;
    let spans = collector.of(TRACE)?;
    ensure!(spans.len() == 3, "{spans:#?}");
    let request = only(&spans, SpanKind::Server)?;
    ensure!(request.parent() == CLIENT, "{request:#?}");
    ensure!(request.service == "outbox-api", "{request:#?}");
    ensure!(
        request.span.name == "POST /auctions/{auction_id}/bids",
        "{request:#?}"
    );
    ensure!(
        request.says("auction_id").as_deref() == Some(&auction),
        "{request:#?}"
    );
    let publish = only(&spans, SpanKind::Producer)?;
    ensure!(publish.parent() == request.id(), "{publish:#?}");
    ensure!(publish.service == "outbox-relay", "{publish:#?}");
    ensure!(
        publish.says("auction_id").as_deref() == Some(&auction),
        "{publish:#?}"
    );
    let process = only(&spans, SpanKind::Consumer)?;
    ensure!(process.parent() == publish.id(), "{process:#?}");
    ensure!(process.service == "outbox-consumer", "{process:#?}");
    let message = "messaging.message.id";
    ensure!(process.says(message) == publish.says(message), "{spans:#?}");
    let stored: String = sqlx::query_scalar("SELECT traceparent FROM outbox_events")
        .fetch_one(&site.pool)
        .await?;
    ensure!(
        stored == format!("00-{TRACE}-{}-01", request.id()),
        "{stored}"
    );
    Ok(())
}

/// The one that does export tells which context has come to it.
async fn what_nobody_exports_hands_the_clients_context_on(site: &Site) -> Result<()> {
    let collector = Collector::start().await?;
    let endpoint = collector.endpoint();
    let exported: &[(&str, &str)] = &[(ENDPOINT, &endpoint), ("OTEL_SERVICE_NAME", "bids")];
    let disabled: &[(&str, &str)] = &[(ENDPOINT, &endpoint), ("OTEL_SDK_DISABLED", "true")];
    follow(site, [disabled, &[], exported]).await?;
    let spans = collector.of(TRACE)?;
    ensure!(spans.len() == 1, "{spans:#?}");
    let process = only(&spans, SpanKind::Consumer)?;
    ensure!(process.parent() == CLIENT, "{process:#?}");
    ensure!(process.service == "bids", "{process:#?}");
    Ok(())
}

async fn a_failure_says_which_bid_it_was_and_of_which_trace(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[("OUTBOX_REQUEST_TIMEOUT_MS", "300")]).await?;
    let auction = client::open_auction(&api).await?;
    let mut locked = site.pool.begin().await?;
    sqlx::query("LOCK TABLE auctions")
        .execute(&mut *locked)
        .await?;
    let bid_id = Uuid::now_v7();
    let (status, answer) = place(&api, &auction, bid_id).await?;
    ensure!(status == 503, "{status} {answer}");
    locked.rollback().await?;
    let log = api.log()?;
    let line = log.lines().find(|line| line.contains("failed a request"));
    let line = line.with_context(|| log.clone())?;
    for id in [TRACE, &auction, &bid_id.to_string()] {
        ensure!(line.contains(id), "{id} is missing: {line}");
    }
    Ok(())
}

async fn a_collector_that_never_answers_holds_nobody_up(site: &Site) -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", silent.local_addr()?);
    let settings = [(ENDPOINT, &*endpoint), ("OUTBOX_SHUTDOWN_GRACE_MS", "1500")];
    let api = Running::ready(site, "api", &settings).await?;
    let auction = client::open_auction(&api).await?;
    let (status, answer) = place(&api, &auction, Uuid::now_v7()).await?;
    ensure!(status == 201, "{status} {answer}");
    let told = Instant::now();
    api.stop().await?;
    ensure!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
    Ok(())
}
