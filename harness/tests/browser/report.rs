//! The report of a run, opened from a file.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use fantoccini::key::Key;

use super::{browser::Browser, lab::Lab, programs::Programs};

const SOON: Duration = Duration::from_secs(5);

pub async fn made(programs: &Programs, folder: &Path, run: &Path) -> Result<()> {
    let (run, page) = (run.display().to_string(), folder.join("report.html"));
    let file = page.display().to_string();
    let reporting = folder.join("reporting");
    std::fs::create_dir_all(&reporting)?;
    Lab::start(&reporting, &["report", &run, "--html", &file])?
        .ends_well()
        .await?;
    let browser = Browser::open(programs, &reporting).await?;
    browser.go(&format!("file://{file}")).await?;
    let verdict = browser.text("h1 .verdict").await?;
    ensure!(verdict.contains("pass"), "{verdict}");
    browser
        .until(
            "what was broken is a hatched band over time",
            SOON,
            "document.querySelectorAll('figure svg rect[fill=\"#999999\"]').length > 0",
        )
        .await?;
    let folded = browser.find("details.run > summary").await?;
    let open = "document.querySelector('details.run').open";
    let was = browser.ask(&format!("return {open}")).await? == true;
    folded
        .send_keys(&String::from(char::from(Key::Enter)))
        .await?;
    browser
        .until(
            "a run is folded and unfolded by key",
            SOON,
            &format!("{open} !== {was}"),
        )
        .await?;
    browser.fits().await?;
    browser.close().await
}
