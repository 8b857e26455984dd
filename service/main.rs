//! `outbox-service`: parse, log, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use outbox_service::{Cli, run, telemetry};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = telemetry::start(&cli.config) {
        eprintln!("outbox-service: --log {:?}: {error}", cli.config.log);
        return ExitCode::from(2);
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outbox-service: {error:#}");
            ExitCode::FAILURE
        }
    }
}
