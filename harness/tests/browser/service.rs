//! The service's own page, as somebody uses it who bids while the broker is away.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use super::{browser::Browser, lab::Lab, programs::Programs};

const SOON: Duration = Duration::from_secs(15);

pub async fn bid(programs: &Programs, folder: &Path) -> Result<()> {
    let lab = Lab::start(folder, &["up"])?;
    let api = lab.says("API ").await?;
    let toxiproxy = lab.says("Toxiproxy ").await?;
    let browser = Browser::open(programs, folder).await?;
    browser.go(&api).await?;
    opened(&browser).await?;
    place(&browser, "1500").await?;
    browser
        .until(
            "the bid is seen when it is applied",
            SOON,
            "$('bids').innerText.includes('ann')",
        )
        .await?;
    broker(&toxiproxy, false).await?;
    place(&browser, "1700").await?;
    let rows = browser.ask("return $('bids').children.length").await?;
    ensure!(rows == 1, "{rows} bids are seen while the broker is away");
    broker(&toxiproxy, true).await?;
    browser
        .until(
            "the second bid arrives",
            SOON * 2,
            "$('bids').children.length === 2",
        )
        .await?;
    refused(&browser).await?;
    browser.fits().await?;
    // Whoever comes back, by the address alone, sees what there was.
    browser.client.refresh().await?;
    browser
        .until(
            "both bids are there again",
            SOON,
            "$('bids').children.length === 2",
        )
        .await?;
    // A bid that is too low is a 422, which a browser notes beside what the page says.
    let errors = browser.errors().await?;
    ensure!(
        errors
            .iter()
            .all(|error| error.contains("422") || error.contains("409")),
        "{errors:?}"
    );
    browser.close().await?;
    lab.interrupt().await
}

async fn opened(browser: &Browser) -> Result<()> {
    browser.fill("#open-title", "A chair <b>of oak</b>").await?;
    browser.click("#open button").await?;
    browser
        .until("the auction is shown", SOON, "!$('auction').hidden")
        .await?;
    browser
        .until(
            "its title is text",
            SOON,
            "$('title').textContent === 'A chair <b>of oak</b>'",
        )
        .await?;
    browser
        .until("its feed is live", SOON, "$('feed').textContent === 'live'")
        .await
}

async fn place(browser: &Browser, amount: &str) -> Result<()> {
    browser.fill("#bid-amount", amount).await?;
    browser.click("#bid-send").await?;
    browser
        .until(
            "the bid is stored",
            SOON,
            "$('answer').textContent.startsWith('stored as bid no.')",
        )
        .await?;
    browser
        .until("another one can be placed", SOON, "!$('bid-send').disabled")
        .await
}

/// The service's reason is what the page says.
async fn refused(browser: &Browser) -> Result<()> {
    browser.ask("$('bid-amount').min = 1").await?;
    browser.fill("#bid-amount", "1600").await?;
    browser.click("#bid-send").await?;
    browser
        .until(
            "a bid that is too low is refused",
            SOON,
            "$('answer').textContent.startsWith('refused:')",
        )
        .await
}

/// Takes the way to the broker away from all relays, or gives it back.
async fn broker(toxiproxy: &str, enabled: bool) -> Result<()> {
    let http = Client::builder().no_proxy().build()?;
    let proxies: Value = http
        .get(format!("{toxiproxy}/proxies"))
        .send()
        .await?
        .json()
        .await?;
    let proxies = proxies.as_object().context("proxies")?.keys();
    let mut set = 0;
    for name in proxies.filter(|name| name.contains("-relay-") && name.ends_with("-rabbitmq")) {
        let asked = http
            .post(format!("{toxiproxy}/proxies/{name}"))
            .json(&json!({ "enabled": enabled }));
        asked.send().await?.error_for_status()?;
        set += 1;
    }
    ensure!(set > 0, "there is no relay's way to the broker");
    Ok(())
}
