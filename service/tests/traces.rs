//! A bid can be followed through the system, and a failure says which bid it was.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    certificates::Authority,
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
    a_collector_is_told_with_tls_and_only_who_is_trusted,
);

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const CERTIFICATE_OF_CLIENT: &str = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
const KEY_OF_CLIENT: &str = "OTEL_EXPORTER_OTLP_CLIENT_KEY";

/// A bid of a client that is in a trace of its own.
async fn place(api: &Running, auction: &str, bid_id: Uuid) -> Result<(u16, Value)> {
    let bid = json!({ "bid_id": bid_id, "user_id": "ann", "amount": 500 });
    let traced = client::bid_request(api, auction, &bid)?
        .header("traceparent", format!("00-{TRACE}-{CLIENT}-01"));
    client::answer(traced).await
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
    let api = Running::ready(site, "api", &[("OUTBOX_REQUEST_TIMEOUT_MS", "2000")]).await?;
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
    // By itself the exporter would wait for longer than `stop` does.
    let settings = [
        (ENDPOINT, &*endpoint),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"),
        ("OUTBOX_SHUTDOWN_GRACE_MS", "1500"),
    ];
    let api = Running::ready(site, "api", &settings).await?;
    let auction = client::open_auction(&api).await?;
    let (status, answer) = place(&api, &auction, Uuid::now_v7()).await?;
    ensure!(status == 201, "{status} {answer}");
    api.stop().await
}

/// One collector takes what anybody tells it, the other asks who it is.
async fn a_collector_is_told_with_tls_and_only_who_is_trusted(site: &Site) -> Result<()> {
    let folder = tempfile::tempdir_in(&site.folder)?;
    let ours = Authority::new(folder.path(), "ours")?;
    let theirs = Authority::new(folder.path(), "theirs")?;
    let server = ours.vouch("collector", &["localhost"])?;
    let [client, stranger] = [ours.vouch("client", &[])?, theirs.vouch("client", &[])?];
    let [our_file, their_file] = [&ours, &theirs].map(|authority| shown(&authority.file()));
    let [known, unknown] = [&client, &stranger].map(|identity| {
        let (certificate, key) = &identity.files;
        [
            (CERTIFICATE_OF_CLIENT, shown(certificate)),
            (KEY_OF_CLIENT, shown(key)),
        ]
    });
    let trusting = |authority: &str| (CERTIFICATE, authority.to_owned());
    let with = |trusted: &str, identity: &[(&'static str, String)]| {
        let mut settings = identity.to_vec();
        settings.push(trusting(trusted));
        settings
    };
    for (asks, settings, refusal) in [
        (None, with(&our_file, &[]), None),
        (Some(&ours), with(&our_file, &known), None),
        (None, with(&their_file, &[]), Some("UnknownIssuer")),
        (
            Some(&ours),
            with(&our_file, &[]),
            Some("CertificateRequired"),
        ),
        (Some(&ours), with(&our_file, &unknown), Some("alert")),
        (None, with(&our_file, &known[..1]), Some(KEY_OF_CLIENT)),
    ] {
        let collector = Collector::encrypted(server.serves(asks)?).await?;
        let endpoint = collector.endpoint();
        let mut variables: Vec<_> = settings
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        variables.push((ENDPOINT, &endpoint));
        let api = Running::ready(site, "api", &variables).await?;
        let auction = client::open_auction(&api).await?;
        let (status, answer) = place(&api, &auction, Uuid::now_v7()).await?;
        ensure!(status == 201, "{status} {answer}");
        api.stop().await?;
        let (spans, log) = (collector.of(TRACE)?, api.log()?);
        match refusal {
            None => ensure!(spans.len() == 1, "{settings:?}: {spans:#?}\n{log}"),
            Some(words) => ensure!(
                spans.is_empty() && log.contains(words),
                "{settings:?}: {spans:#?}\n{log}"
            ),
        }
    }
    Ok(())
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
