//! Clients that do nothing, or half of something, and what that costs everybody else.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use outbox_harness::os::port::free_port;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    client::{self, open_auction},
    post::{Post, bid},
    running::{Running, WITHIN, until, until_applied, until_locked_out},
    site::Site,
};

crate::cases!(
    silent_connections_keep_nobody_out,
    operators_are_answered_at_once_while_the_api_is_busy,
    few_descriptors_are_shared_out,
    what_holds_a_connection_open_does_not_hold_the_end_up,
    a_connection_without_a_request_is_closed_in_time,
    a_follower_that_does_not_read_gives_its_place_up,
    a_follower_that_does_not_read_a_quiet_feed_gives_its_place_up_as_well,
    feeds_leave_connections_to_bids,
    a_request_in_hand_is_answered_before_the_end,
);

async fn silent_connections_keep_nobody_out(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[("OUTBOX_MAX_CONNECTIONS", "20")]).await?;
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(TcpStream::connect(api.http).await?);
    }
    let mut partial = TcpStream::connect(api.http).await?;
    partial.write_all(b"GET /healthz HTT").await?;
    for path in ["/healthz", "/readyz", "/metrics"] {
        is_answered(&api.url(path)).await?;
    }
    let auction = open_auction(&api).await?;
    let (status, placed) = client::place(&api, &auction, "ann", 100).await?;
    ensure!(status == 201, "{status} {placed}");
    ensure!(
        api.log()?.contains("as many connections as there may be"),
        "not in the log"
    );
    api.stop().await
}

/// Busy: each connection that there may be has a request in hand, and none of them is answered before the operators are.
async fn operators_are_answered_at_once_while_the_api_is_busy(site: &Site) -> Result<()> {
    const CONNECTIONS: usize = 8;
    let operators = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let settings = [
        ("OUTBOX_MAX_CONNECTIONS", &*CONNECTIONS.to_string()),
        ("OUTBOX_OPS_ADDR", &operators.to_string()),
        ("OUTBOX_REQUEST_TIMEOUT_MS", "120000"),
    ];
    let api = Running::ready(site, "api", &settings).await?;
    let auction = open_auction(&api).await?;
    let mut locked = site.pool.begin().await?;
    sqlx::query("SELECT 1 FROM auctions FOR UPDATE")
        .execute(&mut *locked)
        .await?;
    // Ended with this case, however it ends.
    let mut busy = JoinSet::new();
    for client in 0..CONNECTIONS {
        let bid = json!({ "user_id": client.to_string(), "amount": 1_000 });
        let request = client::bid_request(&api, &auction, &bid)?.timeout(WITHIN * 3);
        busy.spawn(client::answer(request));
    }
    until_locked_out(site, CONNECTIONS as i64).await?;
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(TcpStream::connect(api.http).await?);
    }
    for _ in 0..10 {
        for path in ["healthz", "readyz", "metrics"] {
            is_answered(&format!("http://{operators}/{path}")).await?;
        }
    }
    ensure!(busy.try_join_next().is_none(), "a bid was answered");
    drop(silent);
    locked.rollback().await?;
    while let Some(answered) = busy.join_next().await {
        let (status, answer) = answered??;
        ensure!(status == 201 || status == 422, "{status} {answer}");
    }
    let elsewhere = client::http()?.get(api.url("/metrics")).send().await?;
    ensure!(elsewhere.status() == 404, "{}", elsewhere.status());
    api.stop().await
}

async fn few_descriptors_are_shared_out(site: &Site) -> Result<()> {
    let api = Running::start_with_descriptors(site, "api", &[], (128, 256))?
        .when_ready()
        .await?;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", api.process.pid()))?;
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<&str> = files.context("no limit")?.split_whitespace().collect();
    ensure!(files[3..5] == ["256", "256"], "{files:?}");
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(api.http).await?);
    }
    is_answered(&api.url("/healthz")).await?;
    let auction = open_auction(&api).await?;
    let (status, placed) = client::place(&api, &auction, "ann", 100).await?;
    ensure!(status == 201, "{status} {placed}");
    ensure!(
        api.log()?
            .contains("fewer connections than --max-connections"),
        "not in the log"
    );
    api.stop().await
}

async fn what_holds_a_connection_open_does_not_hold_the_end_up(site: &Site) -> Result<()> {
    // More than `stop` waits for, so that nothing is cut.
    let grace = [("OUTBOX_SHUTDOWN_GRACE_MS", "60000")];
    let api = Running::ready(site, "api", &grace).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let auction = open_auction(&api).await?;
    let _silent = TcpStream::connect(api.http).await?;
    let mut partial = TcpStream::connect(api.http).await?;
    partial.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await?;
    let mut kept_alive = TcpStream::connect(api.http).await?;
    kept_alive
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await?;
    let reads = follow(api.http, &auction).await?;
    let _never_reads = stuffed_follower(site, &api, &auction).await?;
    let mut bodiless = TcpStream::connect(api.http).await?;
    bodiless
        .write_all(b"POST /auctions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        .await?;
    // The body may still come: that is the one thing which is waited for, as long as a request may take.
    api.stop().await?;
    drop(reads);
    consumer.stop().await
}

async fn a_connection_without_a_request_is_closed_in_time(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[("OUTBOX_IDLE_TIMEOUT_MS", "500")]).await?;
    for begun in ["", "GET /healthz HTTP/1.1\r\nHost:"] {
        let mut connection = TcpStream::connect(api.http).await?;
        connection.write_all(begun.as_bytes()).await?;
        let mut rest = Vec::new();
        let closed = timeout(WITHIN, connection.read_to_end(&mut rest)).await;
        ensure!(closed.is_ok(), "still open after {begun:?}");
    }
    api.stop().await
}

async fn a_follower_that_does_not_read_gives_its_place_up(site: &Site) -> Result<()> {
    let settings = [
        ("OUTBOX_MAX_LIVE_STREAMS", "1"),
        ("OUTBOX_WRITE_TIMEOUT_MS", "1000"),
    ];
    let api = Running::ready(site, "api", &settings).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let auction = open_auction(&api).await?;
    let _never_reads = stuffed_follower(site, &api, &auction).await?;
    until_there_is_a_place(&api, &auction).await?;
    consumer.stop().await?;
    api.stop().await
}

/// Nothing that is sent to it is too much for the kernel's buffers.
async fn a_follower_that_does_not_read_a_quiet_feed_gives_its_place_up_as_well(
    site: &Site,
) -> Result<()> {
    let settings = [
        ("OUTBOX_MAX_LIVE_STREAMS", "1"),
        ("OUTBOX_MAX_FEED_AGE_S", "1"),
    ];
    let api = Running::ready(site, "api", &settings).await?;
    let auction = open_auction(&api).await?;
    let _never_reads = follow(api.http, &auction).await?;
    until_there_is_a_place(&api, &auction).await?;
    api.stop().await
}

/// Among the feeds, for somebody who reads.
async fn until_there_is_a_place(api: &Running, auction: &str) -> Result<()> {
    until("a place among the feeds", || async {
        let answer = client::http()?
            .get(api.url(&format!("/auctions/{auction}/live")))
            .send()
            .await?;
        Ok((answer.status() == 200, answer.status().to_string()))
    })
    .await
}

async fn feeds_leave_connections_to_bids(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[("OUTBOX_MAX_CONNECTIONS", "4")]).await?;
    let auction = open_auction(&api).await?;
    let _feeds = [
        follow(api.http, &auction).await?,
        follow(api.http, &auction).await?,
    ];
    let more = follow(api.http, &auction).await.expect_err("a third feed");
    ensure!(more.to_string().ends_with("503"), "{more}");
    let (status, placed) = client::place(&api, &auction, "ann", 100).await?;
    ensure!(status == 201, "{status} {placed}");
    api.stop().await
}

async fn a_request_in_hand_is_answered_before_the_end(site: &Site) -> Result<()> {
    let settings = [("OUTBOX_REQUEST_TIMEOUT_MS", "15000")];
    let api = Running::ready(site, "api", &settings).await?;
    let auction = open_auction(&api).await?;
    let mut locked = site.pool.begin().await?;
    sqlx::query("SELECT 1 FROM auctions FOR UPDATE")
        .execute(&mut *locked)
        .await?;
    let bids = async {
        let (status, placed) = client::place(&api, &auction, "ann", 100).await?;
        ensure!(status == 201, "{status} {placed}");
        Ok(())
    };
    let ends = async {
        until_locked_out(site, 1).await?;
        api.process.terminate()?;
        until("nobody else is let in", || async {
            let met = TcpStream::connect(api.http).await;
            Ok((met.is_err(), format!("{met:?}")))
        })
        .await?;
        locked.rollback().await?;
        Ok(())
    };
    tokio::try_join!(bids, ends)?;
    api.stop().await
}

/// Long before a silent connection would be closed: this client waits for seconds, the service for more than a minute.
async fn is_answered(url: &str) -> Result<()> {
    let answer = client::http()?.get(url).send().await?;
    ensure!(answer.status() == 200, "{url}: {}", answer.status());
    Ok(())
}

/// Follows a feed from its beginning.
async fn follow(api: SocketAddr, auction: &str) -> Result<TcpStream> {
    let mut feed = TcpStream::connect(api).await?;
    let head =
        format!("GET /auctions/{auction}/live HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n");
    feed.write_all(head.as_bytes()).await?;
    let mut begun = [0; 12];
    feed.read_exact(&mut begun).await?;
    if &begun != b"HTTP/1.1 200" {
        bail!("{}", String::from_utf8_lossy(&begun));
    }
    Ok(feed)
}

/// A follower that reads the first bytes of its feed and no more, when nothing more can be written to it.
async fn stuffed_follower(site: &Site, api: &Running, auction: &str) -> Result<TcpStream> {
    const BIDS: i64 = 2_000;
    let post = Post::open(site).await?;
    let auction_id = auction.parse()?;
    for sequence in 1..=BIDS {
        let long = outbox_service::events::BidPlaced {
            user_id: "ü".repeat(128),
            ..bid(auction_id, sequence)
        };
        post.send(&long).await?;
    }
    until_applied(site, BIDS).await?;
    let follower = follow(api.http, auction).await?;
    sleep(Duration::from_millis(500)).await;
    Ok(follower)
}
