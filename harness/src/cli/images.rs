//! `lab images`.

use anyhow::Result;
use clap::builder::PossibleValuesParser;

use crate::servers::docker;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which ones; without a name those that a lab uses by default: postgres:17, rabbitmq:4.0 and toxiproxy.
    #[arg(value_parser = PossibleValuesParser::new(docker::recipes()))]
    names: Vec<String>,
    /// Make all of them.
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

pub(super) async fn images(args: &Args) -> Result<u8> {
    let names: Vec<&str> = if args.all {
        docker::recipes().collect()
    } else if args.names.is_empty() {
        docker::USUAL.to_vec()
    } else {
        args.names.iter().map(String::as_str).collect()
    };
    docker::build(&names, &|line| eprintln!("{line}")).await?;
    Ok(0)
}
