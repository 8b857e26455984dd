//! Live feeds that are taken up again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    client::{self, open_auction},
    post::{Post, bid},
    running::{Running, until},
    site::Site,
};

/// From sending a bid to its being shown, over as many feeds as that takes.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);

crate::cases!(
    who_resumes_from_before_the_window_is_told,
    who_resumes_within_the_window_misses_nothing,
    a_feed_ends_in_good_order_at_its_age_and_goes_on_in_the_next,
);

async fn who_resumes_from_before_the_window_is_told(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let consumer = Running::ready(site, "consumer", &[("OUTBOX_INBOX_RETENTION_S", "1")]).await?;
    let post = Post::open(site).await?;
    let auction = open_auction(&api).await?;
    let auction_id: Uuid = auction.parse()?;
    for sequence in 1..=3 {
        post.send(&bid(auction_id, sequence)).await?;
    }
    until("all applied and purged", || async {
        let (last, kept): (i64, i64) = sqlx::query_as(
            "SELECT coalesce(max(last_sequence), 0), (SELECT count(*) FROM inbox) FROM standings",
        )
        .fetch_one(&site.pool)
        .await?;
        Ok((last == 3 && kept == 0, format!("{last} {kept}")))
    })
    .await?;
    consumer.stop().await?;
    let keeps = Running::ready(site, "consumer", &[]).await?;
    let mut feed = Feed::resume(&api, &auction, 1).await?;
    let (name, _, standing) = feed.next().await?;
    ensure!(
        name == "standing" && standing["last_sequence"] == 3,
        "{name} {standing}"
    );
    let (name, id, gap) = feed.next().await?;
    ensure!(
        name == "gap"
            && id == "3"
            && gap == json!({ "auction_id": auction, "after": 1, "until": 3 }),
        "{name} {id} {gap}"
    );
    post.send(&bid(auction_id, 4)).await?;
    let (name, id, _) = feed.next().await?;
    ensure!(name == "bid" && id == "4", "{name} {id}");
    // Part of what is asked for is there.
    let mut feed = Feed::resume(&api, &auction, 2).await?;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (name, id, _) = feed.next().await?;
        seen.push(format!("{name} {id}"));
    }
    ensure!(seen == ["standing ", "gap 3", "bid 4"], "{seen:?}");
    keeps.stop().await
}

async fn who_resumes_within_the_window_misses_nothing(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[]).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    let auction = open_auction(&api).await?;
    for sequence in 1..=3 {
        post.send(&bid(auction.parse()?, sequence)).await?;
    }
    let mut feed = Feed::resume(&api, &auction, 1).await?;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (name, id, _) = feed.next().await?;
        seen.push(format!("{name} {id}"));
    }
    ensure!(seen == ["standing ", "bid 2", "bid 3"], "{seen:?}");
    consumer.stop().await
}

async fn a_feed_ends_in_good_order_at_its_age_and_goes_on_in_the_next(site: &Site) -> Result<()> {
    let api = Running::ready(site, "api", &[("OUTBOX_MAX_FEED_AGE_S", "1")]).await?;
    let consumer = Running::ready(site, "consumer", &[]).await?;
    let post = Post::open(site).await?;
    let auction = open_auction(&api).await?;
    let mut seen = Vec::new();
    for sequence in 1..=3 {
        post.send(&bid(auction.parse()?, sequence)).await?;
        // On a busy machine a feed may end before there was anything to show.
        let deadline = Instant::now() + SHOWN_WITHIN;
        while seen.last() != Some(&sequence) {
            ensure!(
                Instant::now() < deadline,
                "bid {sequence} is not shown: {seen:?}"
            );
            let last = seen.last().copied().unwrap_or(0);
            let feed = Feed::resume(&api, &auction, last).await?;
            seen.extend(feed.bids_to_its_end().await?);
        }
    }
    ensure!(seen == [1, 2, 3], "{seen:?}");
    consumer.stop().await?;
    api.stop().await
}

struct Feed {
    answer: futures_util::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    text: String,
}

impl Feed {
    async fn resume(api: &Running, auction: &str, after: i64) -> Result<Self> {
        let answer = client::http()?
            .get(api.url(&format!("/auctions/{auction}/live")))
            .header("Last-Event-ID", after.to_string())
            .send()
            .await?
            .error_for_status()?;
        let answer = answer
            .bytes_stream()
            .map(|chunk| chunk.map(|bytes| bytes.to_vec()));
        Ok(Self {
            answer: answer.boxed(),
            text: String::new(),
        })
    }

    /// The places of the bids that it shows until it ends, as an answer does that is complete.
    async fn bids_to_its_end(mut self) -> Result<Vec<i64>> {
        let mut bids = Vec::new();
        while let Some((name, id, _)) = self.next_if_any().await? {
            if name == "bid" {
                bids.push(id.parse()?);
            }
        }
        Ok(bids)
    }

    /// Name, id and data of the next event.
    async fn next(&mut self) -> Result<(String, String, Value)> {
        self.next_if_any().await?.context("the feed ended")
    }

    async fn next_if_any(&mut self) -> Result<Option<(String, String, Value)>> {
        let event = loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                if event.contains("event:") {
                    break event;
                }
                continue;
            }
            let chunk = timeout(Duration::from_secs(10), self.answer.next()).await;
            let Some(chunk) = chunk.context("no event in time")? else {
                return Ok(None);
            };
            self.text.push_str(std::str::from_utf8(&chunk?)?);
        };
        let field = |name: &str| {
            let mut lines = event.lines();
            lines
                .find_map(|line| line.strip_prefix(name))
                .map_or("", |value| value.trim_start_matches(':').trim_start())
                .to_owned()
        };
        Ok(Some((
            field("event"),
            field("id"),
            serde_json::from_str(&field("data"))?,
        )))
    }
}
