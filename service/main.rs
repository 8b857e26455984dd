//! `outbox-service`.

use std::process::ExitCode;

fn main() -> ExitCode {
    outbox_service::main(std::env::args_os())
}
