//! `outbox-service`.

use std::process::ExitCode;

/// A third of a busy relay's processor time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    outbox_service::main(std::env::args_os())
}
