//! The live page, as somebody uses it who disconnects the broker, asks for one operation, and watches it arrive.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use fantoccini::key::Key;

use super::{browser::Browser, lab::Lab, programs::Programs, report};

const SOON: Duration = Duration::from_secs(10);
/// Recovery has so long in a run by hand.
const RECOVERED: Duration = Duration::from_secs(45);

pub async fn played(programs: &Programs, folder: &Path) -> Result<()> {
    let runs = folder.join("runs");
    let runs_said = runs.display().to_string();
    let lab = Lab::start(
        folder,
        &[
            "live", "--rate", "5", "--for", "4m", "--seed", "7", "--runs", &runs_said,
        ],
    )?;
    let url = lab.says("open in a browser on this machine:").await?;
    let browser = Browser::open(programs, folder).await?;
    browser.go(&url).await?;
    stands(&browser).await?;
    cut_by_keyboard(&browser).await?;
    one_arrives(&browser).await?;
    load_and_size(&browser).await?;
    judged(&browser).await?;
    lab.ends_well().await?;
    browser.close().await?;
    report::made(programs, folder, &runs.join("live-7")).await
}

/// Every process and connection is there, and works.
async fn stands(browser: &Browser) -> Result<()> {
    browser
        .until(
            "it drives",
            Duration::from_secs(60),
            "$('stage').textContent === 'driving'",
        )
        .await?;
    for place in [
        "api 2",
        "relay 1",
        "consumer 1",
        "postgres",
        "rabbitmq",
        "relay 2 -> rabbitmq",
    ] {
        let group = browser
            .find(&format!("#system [data-place=\"{place}\"]"))
            .await?;
        ensure!(
            group.attr("tabindex").await?.as_deref() == Some("0"),
            "{place} is not reached by keyboard"
        );
    }
    browser
        .until(
            "what is asked for takes effect",
            SOON,
            "Number($('count-applied').textContent) > 3",
        )
        .await?;
    browser
        .until(
            "the service's own feed tells of it",
            SOON,
            "document.querySelectorAll('#told li').length > 0",
        )
        .await
}

/// The edge is chosen in the picture, its fault and how long by keys alone.
async fn cut_by_keyboard(browser: &Browser) -> Result<()> {
    let edge = browser
        .find("#system [data-place=\"relay 1 -> rabbitmq\"]")
        .await?;
    edge.send_keys(&String::from(char::from(Key::Enter)))
        .await?;
    browser
        .until(
            "the place is chosen",
            SOON,
            "$('place').value === 'relay 1 -> rabbitmq' && document.activeElement === $('place')",
        )
        .await?;
    // All relays' edges at once.
    browser.choose("#place", "relay -> rabbitmq").await?;
    browser.press(Key::Tab).await?;
    for _ in 0..2 {
        browser.press(Key::Right).await?;
    }
    let until_healed = "document.querySelector('input[name=lasts]:checked').value === ''";
    browser
        .until("it is to last until it is healed", SOON, until_healed)
        .await?;
    let first = browser.text("#choices button").await?;
    browser.press(Key::Tab).await?;
    browser.press(Key::Enter).await?;
    ensure!(
        first == "cut",
        "the first choice is {first}, not the plainest"
    );
    let broken = "document.querySelectorAll('#system .edge.hit').length === 2";
    browser
        .until("both edges show that they are cut", SOON, broken)
        .await
}

/// It is stored at once, waits for as long as the broker is away, and arrives when it is back.
async fn one_arrives(browser: &Browser) -> Result<()> {
    browser.click("#one").await?;
    browser
        .until(
            "it is stored while the broker is away",
            SOON,
            "$('followed').innerText.includes('it is stored')",
        )
        .await?;
    browser
        .until(
            "the backlog grows",
            SOON,
            "Number($('count-backlog').textContent) > 5",
        )
        .await?;
    ensure!(
        !browser
            .text("#followed")
            .await?
            .contains("heard by the witness"),
        "it arrived over a cut edge"
    );
    let steps = browser.text("#followed").await?;
    ensure!(
        steps.contains("committed:"),
        "what was written is not told: {steps}"
    );
    browser.click("#faults button").await?;
    browser
        .until(
            "it arrives",
            RECOVERED,
            "$('followed').innerText.includes('heard by the witness')",
        )
        .await?;
    browser
        .until(
            "nothing waits",
            RECOVERED,
            "$('count-backlog').textContent === '0'",
        )
        .await?;
    browser
        .until(
            "it is told what the cut did",
            SOON,
            "$('faults').innerText.includes('connections severed')",
        )
        .await?;
    browser
        .until(
            "no edge is broken",
            SOON,
            "document.querySelectorAll('#system .hit').length === 0",
        )
        .await
}

async fn load_and_size(browser: &Browser) -> Result<()> {
    let slider = browser.find("#rate").await?;
    for _ in 0..5 {
        slider
            .send_keys(&String::from(char::from(Key::Right)))
            .await?;
    }
    browser
        .until(
            "the load is what was asked for",
            SOON,
            "document.querySelector('[data-place=client] .state').textContent === '10/s'",
        )
        .await?;
    browser.fits().await
}

/// So far, and at last; what was told of it stays on the page when the lab has gone.
async fn judged(browser: &Browser) -> Result<()> {
    browser.click("#judge").await?;
    browser
        .until(
            "it is judged",
            RECOVERED,
            "$('verdicts').innerText.includes('nothing against it so far')",
        )
        .await?;
    browser
        .until(
            "it goes on",
            SOON,
            "$('stage').textContent === 'driving' && !$('end').disabled",
        )
        .await?;
    browser.click("#end").await?;
    browser
        .until("it is over", RECOVERED, "$('stage').textContent === 'over'")
        .await?;
    let verdict = browser.text("#verdict").await?;
    ensure!(
        verdict == "pass",
        "{verdict}: {}",
        browser.text("#verdicts").await?
    );
    Ok(())
}
