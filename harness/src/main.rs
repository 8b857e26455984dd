//! `lab`: parse, run, exit code. Started by itself with a hidden first word, it is the service.

use std::process::ExitCode;

use clap::Parser;
use outbox_harness::{cli, system};

fn main() -> ExitCode {
    if let Some(code) = system::as_service() {
        return code;
    }
    cli::Cli::parse().run()
}
