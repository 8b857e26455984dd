//! `lab doctor` and `lab clean`.

use anyhow::{Context, Result};

use super::NO_LAB;
use crate::{
    backend::{Wanted, sweep_containers},
    doctor::{self, State},
    guard,
    native::cache,
};

#[derive(Debug, clap::Args)]
pub(super) struct CleanArgs {
    /// Remove the cache, too; the next run fetches anew what the machine lacks.
    #[arg(long)]
    cache: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    servers: Wanted,
}

pub(super) async fn doctor(args: &Args) -> u8 {
    let findings = doctor::examine(&args.servers).await;
    for finding in &findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::WillFetch => "fetch",
            State::Absent => "-",
            State::Missing => "MISSING",
        };
        println!("{state:8} {:18} {}", finding.subject, finding.detail);
    }
    if findings
        .iter()
        .any(|finding| finding.state == State::Missing)
    {
        NO_LAB
    } else {
        0
    }
}

pub(super) async fn clean(args: &CleanArgs) -> Result<u8> {
    let swept = guard::sweep();
    let containers = sweep_containers().await?;
    println!(
        "{} folders, {} processes and {containers} containers of killed labs removed",
        swept.folders.len(),
        swept.processes
    );
    if args.cache {
        // Held, so that no living lab is filling it.
        let _held = cache::Cache::open()?;
        let folder = cache::folder();
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("removing {}", folder.display()))?;
        println!("cache {} removed", folder.display());
    }
    Ok(0)
}
