//! `lab doctor` and `lab clean`.

use anyhow::{Result, ensure};

use super::NO_LAB;
use crate::{
    os::guard,
    servers::backend::{Wanted, sweep_containers},
    servers::doctor::{self, State},
    servers::native::cache,
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
        let folder = cache::folder();
        ensure!(
            cache::Cache::open()?.remove()?,
            "a lab that lives uses the cache {}, and it stays: {}",
            folder.display(),
            living()
        );
        println!("cache {} removed", folder.display());
    }
    Ok(0)
}

/// Labs that may be the ones that use it.
fn living() -> String {
    let folders = guard::living();
    let folders: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    match folders.is_empty() {
        true => "end it first".to_owned(),
        false => format!("end what runs in {} first", folders.join(", ")),
    }
}
