//! One browser for a case: it starts with nothing, and ends with the case.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use fantoccini::{
    Client, ClientBuilder, Locator,
    elements::Element,
    key::Key,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use outbox_harness::os::{
    port::free_port,
    process::{Launch, Process},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::programs::Programs;

const STARTED_WITHIN: Duration = Duration::from_secs(30);
/// What a page is to show is asked for so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub struct Browser {
    pub client: Client,
    driver: Process,
}

impl Browser {
    /// Starts one. Its driver's log is in the folder.
    pub async fn open(programs: &Programs, folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let driver = Launch::new("chromedriver", &programs.driver, folder)
            .args([format!("--port={port}")])
            .envs(programs.environment.clone())
            .spawn()?;
        let arguments = [
            "--headless=new",
            // Whoever is root, or has no sandbox of its own set up; the pages are the lab's.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1200,1000",
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": programs.browser, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let capabilities: Capabilities = serde_json::from_value(capabilities)?;
        let mut wanted = ClientBuilder::new(HttpConnector::new());
        wanted.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let deadline = Instant::now() + STARTED_WITHIN;
        let client = loop {
            match wanted.connect(&address).await {
                Ok(client) => break client,
                Err(error) if Instant::now() > deadline || !driver.is_running() => {
                    let log = driver.log_tail();
                    return Err(error)
                        .with_context(|| format!("the browser does not start: {log}"));
                }
                Err(_) => sleep(LOOK_EVERY).await,
            }
        };
        Ok(Self { client, driver })
    }

    /// Goes somewhere.
    pub async fn go(&self, url: &str) -> Result<()> {
        self.client
            .goto(url)
            .await
            .with_context(|| format!("going to {url}"))
    }

    /// What a script answers, which finds elements by their ids with `$`.
    pub async fn ask(&self, script: &str) -> Result<Value> {
        let script = format!("const $ = (id) => document.getElementById(id); {script}");
        let answer = self.client.execute(&script, Vec::new()).await;
        answer.with_context(|| script.clone())
    }

    /// Waits until a script's answer is true. `what` is said where it never is, with what the page says then.
    pub async fn until(&self, what: &str, within: Duration, script: &str) -> Result<()> {
        let deadline = Instant::now() + within;
        while self.ask(&format!("return Boolean({script})")).await? != json!(true) {
            if Instant::now() > deadline {
                let seen = self.ask("return document.body.innerText").await?;
                bail!("{what}: not within {within:?}; the page says {seen}");
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// The element of a selector.
    pub async fn find(&self, css: &str) -> Result<Element> {
        let found = self.client.find(Locator::Css(css)).await;
        found.with_context(|| format!("there is no {css}"))
    }

    /// What it says.
    pub async fn text(&self, css: &str) -> Result<String> {
        Ok(self.find(css).await?.text().await?)
    }

    /// Presses it with the pointer, wherever it is on the page.
    pub async fn click(&self, css: &str) -> Result<()> {
        let element = self.find(css).await?;
        element
            .click()
            .await
            .with_context(|| format!("pressing {css}"))
    }

    /// Chooses one of a list by what it is called.
    pub async fn choose(&self, css: &str, name: &str) -> Result<()> {
        let list = self.find(css).await?;
        list.select_by_value(name)
            .await
            .with_context(|| format!("choosing {name} in {css}"))
    }

    /// Types into a field, in place of what is there.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        let field = self.find(css).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// Presses a key where the focus is.
    pub async fn press(&self, key: Key) -> Result<()> {
        let focused = self.client.active_element().await?;
        Ok(focused.send_keys(&String::from(char::from(key))).await?)
    }

    /// Nothing of a page is wider than the smallest phone and than a large screen.
    pub async fn fits(&self) -> Result<()> {
        for width in [320, 1920] {
            self.client.set_window_size(width, 900).await?;
            let wide = self
                .ask("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                .await?;
            ensure!(
                wide[0] == wide[1],
                "at {width} px the page is wider than the window: {wide}"
            );
        }
        self.client.set_window_size(1200, 1000).await?;
        Ok(())
    }

    /// What the console has of errors, since it was asked before.
    pub async fn errors(&self) -> Result<Vec<String>> {
        let log = self.client.issue_cmd(ConsoleLog).await?;
        let entries = log.as_array().cloned().unwrap_or_default().into_iter();
        let errors = entries.filter(|entry| entry["level"] == "SEVERE");
        Ok(errors.map(|entry| entry["message"].to_string()).collect())
    }

    /// Ends it. Its console must be without errors.
    pub async fn close(self) -> Result<()> {
        let errors = self.errors().await?;
        self.client.close().await?;
        self.driver.terminate()?;
        ensure!(errors.is_empty(), "the console says {errors:?}");
        Ok(())
    }
}

/// Chromium's own command: what its console has said.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (
            http::Method::POST,
            Some(json!({ "type": "browser" }).to_string()),
        )
    }
}
