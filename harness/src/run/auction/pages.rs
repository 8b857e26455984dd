//! Readers of bid lists: from page to page to the end.

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::{bidders::Bidders, shown::ShownBid};
use crate::{
    history::{Item, Key, Recorder},
    judge::auction::note::Note,
    os::causes::Causes,
    system::Api,
};

/// Small, so that nearly every list has several.
const PAGE: usize = 7;
/// Lists that are read at once.
const AT_ONCE: usize = 8;
#[derive(Deserialize)]
struct Page {
    bids: Vec<ShownBid>,
    next_after: Option<i64>,
}

impl Bidders {
    /// Pages the bid list of each auction to its end, through each of these processes of the API, and records what they show
    /// until the deadline.
    pub async fn list(
        &self,
        auctions: &[Key],
        apis: &[&Api],
        recorder: &Recorder,
        deadline: Instant,
    ) {
        let mut each = Vec::new();
        for api in apis {
            each.extend(auctions.iter().map(|auction| (*api, *auction)));
        }
        stream::iter(each)
            .for_each_concurrent(AT_ONCE, |(api, key)| async move {
                let read = timeout_at(deadline, self.read_list(api, key)).await;
                let read = read.context("it was not read in time").flatten();
                let listed = Note::Listed {
                    key,
                    via: api.name.clone(),
                    bids: read.map_err(|error| Causes(&error).to_string()),
                };
                recorder.record(listed.into());
            })
            .await;
    }

    async fn read_list(&self, api: &Api, auction: Key) -> Result<Vec<Item>> {
        let url = format!("{}/auctions/{}/bids", api.url, auction.0);
        let mut bids = Vec::new();
        let mut after = 0;
        loop {
            let page = format!("{url}?after={after}&limit={PAGE}");
            let answer = self.http.get(&page).send().await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            ensure!(status == 200, "{page} answered {status}");
            let page: Page = serde_json::from_slice(&body).context("a page is no list of bids")?;
            ensure!(page.bids.len() <= PAGE, "a page has more than {PAGE} bids");
            bids.extend(page.bids.into_iter().map(Item::from));
            match page.next_after {
                None => return Ok(bids),
                Some(next) => after = next,
            }
        }
    }
}
