//! What the outbox costs, measured on the lab's own servers: `cargo bench`, or `cargo bench -- --quick` for a short round of
//! everything. Criterion repeats and keeps the figures; the table at the end sets them beside one another
//! and beside what they are to reach. Nothing here asserts a time: machines differ, ratios of one run say something.

mod arrival;
mod backlog;
mod baseline;
mod consumer;
mod idle;
mod intake;
mod ledger;
mod listener;
mod parked;
mod processors;
mod relay_drain;
mod relay_latency;
mod rounds;
mod scale;
mod site;
mod stage;
mod taps;
mod timeline;
mod trouble;

use std::process::ExitCode;

use criterion::Criterion;

use stage::Stage;

fn main() -> ExitCode {
    // Started without cargo, this program is the service as well.
    if let Some(ended) = outbox_harness::system::as_service() {
        return ended;
    }
    if let Err(error) = outbox_harness::os::environment::clean() {
        eprintln!("starting again without variables that steer servers: {error}");
        return ExitCode::FAILURE;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let stage = Stage::new();
    relay_drain::benches(&stage, &mut criterion);
    intake::benches(&stage, &mut criterion);
    consumer::benches(&stage, &mut criterion);
    relay_latency::benches(&stage, &mut criterion);
    scale::benches(&stage, &mut criterion);
    trouble::benches(&stage, &mut criterion);
    taps::benches(&stage, &mut criterion);
    idle::benches(&stage, &mut criterion);
    criterion.final_summary();
    stage.report();
    ExitCode::SUCCESS
}
