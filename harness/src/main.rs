//! `lab`: parse, run, exit code. Started by itself with a hidden first word, it is the service, the toy or the zoo.

#[path = "../targets/toy/main.rs"]
mod toy;
#[path = "../zoo/main.rs"]
mod zoo;

use std::process::ExitCode;

use outbox_harness::{cli, os::environment, system};

fn main() -> ExitCode {
    if let Some(code) = system::as_service() {
        return code;
    }
    if let Some(args) = system::as_toy() {
        return toy::play(args);
    }
    if let Some(args) = system::as_zoo() {
        return zoo::play(args);
    }
    if let Err(error) = environment::clean() {
        eprintln!("lab: starting again without variables that steer servers: {error}");
        return ExitCode::from(cli::NO_LAB);
    }
    cli::Cli::of(std::env::args_os()).run()
}
