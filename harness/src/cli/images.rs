//! `lab images`.

use anyhow::Result;

use crate::docker;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// postgres:15, postgres:17, rabbitmq:3.10, rabbitmq:4.0 or toxiproxy; without a name, what a lab uses by default.
    names: Vec<String>,
    /// Make all of them.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

pub(super) async fn images(args: &Args) -> Result<u8> {
    docker::build(&args.names, args.all, &|line| eprintln!("{line}")).await?;
    Ok(0)
}
