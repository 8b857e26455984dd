//! `lab images`: images made from the distribution's packages, and one of the embedded Toxiproxy, for machines without a
//! registry. They have the official images' interface: variables, ports, volumes, and an entry point that becomes the
//! server.

mod debian;
mod toxiproxy;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use testcontainers::bollard::{body_try_stream, query_parameters::CreateImageOptions};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};
use tokio_util::io::ReaderStream;

use super::{
    daemon::Daemon,
    images::{self, OURS},
};
use crate::os::terminal::bar;

/// The label that says what an image was made from; another value means that it is out of date.
const RECIPE: &str = "outbox-lab.recipe";
/// Images that are made at once: one downloads while the other unpacks.
const SIDE_BY_SIDE: usize = 2;
/// What is kept of a failed program's output.
const LAST_LINES: usize = 5;

/// How an image is made.
struct Recipe {
    /// Such as `postgres:17`.
    name: String,
    /// Changes with everything that goes into the image.
    fingerprint: u64,
    /// Prints the image's files as a tar archive.
    archive: Command,
    /// Instructions as in a Dockerfile.
    changes: Vec<String>,
    /// Held until the archive is made.
    _workshop: tempfile::TempDir,
}

/// How long an image may take to be made.
const MADE_WITHIN: Duration = Duration::from_secs(1_200);

/// What a lab uses when no image is named.
pub const USUAL: [&str; 3] = ["postgres:17", "rabbitmq:4.0", toxiproxy::NAME];

/// Makes those of `names` that are missing or out of date.
pub async fn build(names: &[&str], say: &dyn Fn(&str)) -> Result<()> {
    let daemon = Daemon::reach().await?;
    let recipes = names.iter().map(|name| match *name {
        toxiproxy::NAME => toxiproxy::recipe(),
        name => debian::recipe(name),
    });
    stream::iter(recipes.collect::<Result<Vec<_>>>()?)
        .map(|recipe| recipe.make(&daemon, say))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect::<()>()
        .await
}

/// Everything that there is a recipe for.
pub fn recipes() -> impl Iterator<Item = &'static str> {
    debian::NAMES.into_iter().chain([toxiproxy::NAME])
}

impl Recipe {
    async fn make(mut self, daemon: &Daemon, say: &dyn Fn(&str)) -> Result<()> {
        let name = format!("{OURS}/{}", self.name);
        if images::label(daemon, &name, RECIPE).await? == Some(self.fingerprint.to_string()) {
            say(&format!("{name} is there"));
            return Ok(());
        }
        say(&format!("making {name}"));
        let began = Instant::now();
        let before = images::here(daemon, &name).await?;
        self.import(daemon)
            .await
            .with_context(|| format!("making the image {name}"))?;
        if let Some(before) = before {
            before.forget(daemon).await;
        }
        say(&format!(
            "{name} made in {:.0} s",
            began.elapsed().as_secs_f64()
        ));
        Ok(())
    }

    /// Streams the archive into the daemon. An archive that its program did not finish is refused with the request.
    async fn import(&mut self, daemon: &Daemon) -> Result<()> {
        let program = self
            .archive
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let mut child = self
            .archive
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!("running {program}; install it with this system's package manager")
            })?;
        let (files, said) = (child.stdout.take(), child.stderr.take());
        let (files, said) = files.zip(said).context("a child without pipes")?;
        let ended = async move {
            match child.wait().await {
                Ok(status) if status.success() => Ok(None),
                Ok(status) => Err(std::io::Error::other(format!("it ended with {status}"))),
                Err(error) => Err(error),
            }
        };
        let body = ReaderStream::new(files)
            .chain(stream::once(ended).filter_map(|ended| async { ended.transpose() }));
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(format!("{OURS}/{}", self.name)),
            changes: self.labelled_changes(),
            ..CreateImageOptions::default()
        };
        // The request lasts as long as the archive is being made, which on a busy machine is longer than an answer may take.
        let api = daemon.api().clone().with_timeout(MADE_WITHIN);
        let import = api.create_image(Some(options), Some(body_try_stream(body)), None);
        let (imported, lines) =
            tokio::join!(import.try_collect::<Vec<_>>(), listen(&self.name, said));
        imported
            .map(drop)
            .with_context(|| format!("{program} said: {}", lines.join(" / ")))
    }

    fn labelled_changes(&self) -> Vec<String> {
        let label = format!("LABEL {RECIPE}={}", self.fingerprint);
        self.changes.iter().cloned().chain([label]).collect()
    }
}

/// Shows what a program says, and keeps its last lines.
async fn listen(name: &str, said: impl tokio::io::AsyncRead + Unpin) -> Vec<String> {
    let shown = bar(0, "{spinner} {msg} {elapsed}");
    let mut lines = BufReader::new(said).lines();
    let mut last = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        shown.set_message(format!("{name}: {line}"));
        shown.tick();
        last.push(line);
        if last.len() > LAST_LINES {
            last.remove(0);
        }
    }
    shown.finish_and_clear();
    last
}

fn fingerprint(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
