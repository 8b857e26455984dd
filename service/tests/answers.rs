//! What clients are told, down to the bytes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    client::{self, open_auction},
    running::{Running, WITHIN, until},
    site::Site,
};

crate::cases!(
    a_bid_of_unknown_outcome_has_a_name_to_ask_with,
    what_is_no_request_gets_a_problem_document,
    an_instant_that_is_accepted_can_be_read_again,
    a_feed_passes_proxies_at_once,
    feeds_do_not_look_while_somebody_listens,
);

/// A feed that shows nothing is kept open by a comment, and that would take with it what was held back: a quarter of a minute
/// later.
const BEFORE_A_COMMENT: Duration = Duration::from_secs(12);

async fn a_bid_of_unknown_outcome_has_a_name_to_ask_with(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[("OUTBOX_REQUEST_TIMEOUT_MS", "3000")]).await?;
    let auction = open_auction(&api).await?;
    sqlx::raw_sql(
        "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON bids DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION pause()",
    )
    .execute(&site.pool)
    .await?;
    let (status, told) = client::place(&api, &auction, "ann", 100).await?;
    ensure!(
        status == 503 && told["code"] == "outcome_unknown",
        "{status} {told}"
    );
    let bid_id = told["bid_id"].as_str().context("no bid_id")?;
    // The server does not notice by itself that nobody waits for this commit any more.
    sqlx::raw_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event = 'PgSleep';
         DROP TRIGGER slow_commit ON bids",
    )
    .execute(&site.pool)
    .await?;
    let again = json!({ "bid_id": bid_id, "user_id": "ann", "amount": 100 });
    let (status, bid) = client::answer(client::bid_request(&api, &auction, &again)?).await?;
    ensure!(status == 200 || status == 201, "{status} {bid}");
    ensure!(bid["bid_id"] == bid_id && bid["sequence"] == 1, "{bid}");
    api.stop().await
}

async fn what_is_no_request_gets_a_problem_document(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let long = "x".repeat(70_000);
    let many: String = (0..150).map(|n| format!("x-{n}: 1\r\n")).collect();
    let asked = [
        ("nonsense\r\n\r\n".to_owned(), 400, "malformed_request"),
        (
            "GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(),
            400,
            "malformed_request",
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n".to_owned(),
            400,
            "malformed_request",
        ),
        (
            format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
            431,
            "head_too_large",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\nx: {long}\r\n\r\n"),
            431,
            "head_too_large",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
            431,
            "head_too_large",
        ),
        (
            "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            404,
            "route_not_found",
        ),
    ];
    for (request, status, code) in asked {
        let (told, head, document) = exchange(&api, &request).await?;
        let begins = &request[..request.len().min(40)];
        ensure!(told == status, "{begins:?}: {head}");
        ensure!(
            head.contains("content-type: application/problem+json"),
            "{begins:?}: {head}"
        );
        let document: Value = serde_json::from_str(&document).context(document)?;
        ensure!(
            document["code"] == code && document["status"] == status,
            "{begins:?}: {document}"
        );
    }
    api.stop().await
}

async fn an_instant_that_is_accepted_can_be_read_again(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    for (closes_at, kept) in [
        (
            "9999-12-31T23:59:59.999999Z",
            Some("9999-12-31T23:59:59.999999Z"),
        ),
        ("9999-12-31T23:59:60Z", None),
        ("9999-12-31T23:59:59.999999-00:01", None),
        ("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00Z")),
    ] {
        let wanted = json!({
            "title": "t", "currency": "EUR", "starting_price": 1, "closes_at": closes_at,
        });
        let answer = client::http()?
            .post(api.url("/auctions"))
            .json(&wanted)
            .send()
            .await?;
        let status = answer.status().as_u16();
        let told: Value = answer.json().await?;
        match kept {
            Some(kept) => ensure!(
                status == 201 && told["closes_at"] == kept,
                "{closes_at}: {status} {told}"
            ),
            None => ensure!(
                status == 422 && told["field"] == "closes_at",
                "{closes_at}: {status} {told}"
            ),
        }
    }
    api.stop().await
}

async fn a_feed_passes_proxies_at_once(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let auction = open_auction(&api).await?;
    // As nginx asks, left as it is: in an old version, and with what a browser sends first.
    let mut feed = TcpStream::connect(api.http).await?;
    let asked = format!(
        "GET /auctions/{auction}/live HTTP/1.0\r\nHost: x\r\nConnection: close\r\nLast-Event-ID:\r\n\r\n"
    );
    feed.write_all(asked.as_bytes()).await?;
    let mut seen = String::new();
    while !seen.contains("event: standing") {
        let mut part = [0; 4096];
        let read = timeout(BEFORE_A_COMMENT, feed.read(&mut part))
            .await
            .with_context(|| format!("nothing more after {seen:?}"))??;
        ensure!(read > 0, "the feed ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    for line in [
        "200 OK",
        "x-accel-buffering: no",
        "cache-control: no-cache, no-transform",
        "content-type: text/event-stream",
    ] {
        ensure!(seen.contains(line), "{line} is not in {seen}");
    }
    api.stop().await
}

async fn feeds_do_not_look_while_somebody_listens(site: &Site) -> Result<()> {
    const POLL: Duration = Duration::from_millis(50);
    let poll = POLL.as_millis().to_string();
    let api = Running::ready(site, "api", &[("OUTBOX_POLL_MS", &poll)]).await?;
    let auction = open_auction(&api).await?;
    let feed = client::http()?
        .get(api.url(&format!("/auctions/{auction}/live")))
        .send()
        .await?
        .error_for_status()?;
    let looked = async || {
        let last: Option<String> = sqlx::query_scalar(
            "SELECT max(query_start)::text FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'outbox-live' AND query LIKE '%FROM standings%'",
        )
        .fetch_one(&site.pool)
        .await?;
        anyhow::Ok(last)
    };
    // It looks first, and again if it had to listen anew; who polls never leaves so many polls out.
    until("nobody looks", || async {
        let before = looked().await?;
        sleep(20 * POLL).await;
        let after = looked().await?;
        Ok((
            before.is_some() && before == after,
            format!("{before:?}, then {after:?}"),
        ))
    })
    .await?;
    let before = looked().await?;
    sqlx::query("SELECT pg_notify('bids_applied', $1)")
        .bind(&auction)
        .execute(&site.pool)
        .await?;
    until("it looks when it is woken", || async {
        let after = looked().await?;
        Ok((before != after, format!("{before:?}, then {after:?}")))
    })
    .await?;
    drop(feed);
    api.stop().await
}

/// Status, head and body of what is answered to these bytes.
async fn exchange(api: &Running, request: &str) -> Result<(u16, String, String)> {
    let mut connection = TcpStream::connect(api.http).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(WITHIN, connection.read_to_end(&mut answer))
        .await
        .context("the connection stays open")??;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .with_context(|| format!("no answer: {answer:?}"))?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, head.to_owned(), body.to_owned()))
}
