//! The lab's command line.

mod again;
mod check;
mod diff;
mod doctor;
mod explore;
mod faults;
mod github;
mod images;
mod installed;
mod list;
mod live;
mod named;
mod on_lab;
mod outbox;
mod progress;
mod report;
mod reports;
mod run;
mod selftest;
mod shrink;
mod soak;
mod spoken;
mod sweep;
mod target;
mod toxiproxy;
mod trace;
mod up;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::{explore::evidence, os::causes::Causes, os::guard};
use spoken::{say, tell};

/// Exit code for wrong usage; clap uses it, too.
const USAGE: u8 = 2;
/// Exit code when the lab could not be set up.
pub const NO_LAB: u8 = 4;
/// Exit code after Ctrl-C, as a shell reports it.
const INTERRUPTED: u8 = 130;

/// Breaks a transactional outbox in every way it may break, and judges whether it held.
///
/// Exit codes: 0 every run passed, 1 a run failed, 2 wrong usage, 3 a run proved nothing (unknown or vacuous),
/// 4 the lab could not be set up or broke, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the scenarios and their stories.
    List(list::Args),
    /// List the faults that have a name: how each is asked for, what it looks like to the target, and where it can be done.
    Faults(faults::Args),
    /// Run scenarios (all of them, or those named) on real servers and judge them.
    Run(Box<run::Args>),
    /// Cut every kind of message on every edge once in each legal way, and judge what becomes of it.
    Sweep(Box<sweep::Args>),
    /// Show that the lab finds mistakes: run an outbox that has known ones, and say who catches each.
    Selftest(Box<selftest::Args>),
    /// Draw scenarios that nobody has written, run them until the time is up, and make small and keep what is red.
    Explore(Box<explore::Args>),
    /// Make a run that failed as small as it can be, and keep it as a scenario with its operations one by one.
    Shrink(Box<shrink::Args>),
    /// Put an outbox under load and faults for long, on one arrangement, and judge it window by window: nothing is lost, nothing grows.
    Soak(Box<soak::Args>),
    /// Break an outbox by hand: a page that shows it while it goes on, with buttons for everything that can be broken.
    Live(Box<live::Args>),
    /// Judge a stored run again.
    Check(check::Args),
    /// Make one page for a browser of stored runs.
    Report(report::Args),
    /// Say in what two stored runs differ.
    Diff(diff::Args),
    /// Draw an operation's way from its request to its effect, as a sequence diagram.
    Trace(trace::Args),
    /// Describe an outbox of your own.
    #[command(subcommand)]
    Target(target::Command),
    /// Start everything and leave it running to play with, until Ctrl-C.
    Up(up::Args),
    /// Say what this machine can run and what is missing.
    Doctor(doctor::Args),
    /// Make images for the docker backend from the distribution's packages, where no registry can be reached.
    Images(images::Args),
    /// Serve the embedded Toxiproxy alone, until Ctrl-C.
    #[command(version = crate::wire::toxiproxy::VERSION)]
    Toxiproxy(toxiproxy::Args),
    /// Remove what killed labs left behind.
    Clean(doctor::CleanArgs),
}

/// Where runs leave what they have seen.
#[derive(Debug, Clone, clap::Args)]
struct Runs {
    /// Where the folders of runs are made.
    #[arg(
        id = "runs",
        long,
        env = "LAB_RUNS",
        default_value = "target/lab",
        value_name = "FOLDER"
    )]
    folder: PathBuf,
}

impl Runs {
    /// Refuses a folder in which nothing can be kept.
    fn can_be_kept(&self) -> Result<()> {
        evidence::can_be_kept_in(&self.folder).map_err(Usage::said)
    }
}

/// Where scenario files are looked for.
#[derive(Debug, Clone, clap::Args)]
struct Scenarios {
    /// Folder with the scenario folders.
    #[arg(id = "scenarios", long, env = "LAB_SCENARIOS", default_value_os_t = default_scenarios(), value_name = "FOLDER")]
    folder: PathBuf,
}

/// The checkout's own, when the lab stands in one; else those it was built from.
fn default_scenarios() -> PathBuf {
    let here = PathBuf::from("scenarios");
    let built = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios"));
    if here.is_dir() { here } else { built }
}

impl Scenarios {
    /// The folder, when it is not where scenarios usually are.
    fn elsewhere(&self) -> Option<&Path> {
        (self.folder != default_scenarios()).then_some(&self.folder)
    }
}

impl Cli {
    /// Reads a command line; what cannot be read ends the process with a usage message.
    pub fn of(args: impl IntoIterator<Item = OsString>) -> Self {
        Self::parse_from(toxiproxy::with_two_dashes(args))
    }

    /// Carries the command out.
    pub fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                tell(format_args!("lab: starting the runtime: {error}"));
                return NO_LAB.into();
            }
        };
        let code = runtime.block_on(async {
            match self.command {
                Command::List(args) => list::list(&args),
                Command::Faults(args) => faults::faults(&args),
                Command::Run(args) => run::run(*args).await,
                Command::Sweep(args) => sweep::sweep(*args).await,
                Command::Selftest(args) => selftest::selftest(*args).await,
                Command::Explore(args) => explore::explore(*args).await,
                Command::Shrink(args) => shrink::shrink(*args).await,
                Command::Soak(args) => soak::soak(*args).await,
                Command::Live(args) => live::live(*args).await,
                Command::Check(args) => check::check(&args),
                Command::Report(args) => report::report(&args),
                Command::Diff(args) => diff::diff(&args),
                Command::Trace(args) => trace::trace(&args),
                Command::Target(command) => target::target(&command).await,
                Command::Up(args) => up::up(args).await,
                Command::Doctor(args) => Ok(doctor::doctor(&args).await),
                Command::Images(args) => images::images(&args).await,
                Command::Toxiproxy(args) => toxiproxy::toxiproxy(&args).await,
                Command::Clean(args) => doctor::clean(&args).await,
            }
        });
        match code {
            Ok(code) => code.into(),
            Err(error) => {
                tell(format_args!("lab: {}", Causes(&error)));
                exit_code(&error).into()
            }
        }
    }
}

/// How the process exits after an error.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        USAGE
    } else if error.is::<Interrupted>() {
        INTERRUPTED
    } else {
        NO_LAB
    }
}

/// Does `work` unless Ctrl-C or SIGTERM comes first; what `work` had started is then stopped and removed.
async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        interrupted = guard::interrupted() => {
            interrupted?;
            Err(Interrupted::Clean.into())
        }
    }
}

/// Does `work`, which Ctrl-C or SIGTERM has `stop` ask to end: what is known by then is kept.
async fn until_interrupted<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => done,
        _ = guard::interrupted() => {
            stop.cancel();
            work.await
        }
    }
}

/// Ctrl-C or SIGTERM, and what became of all that had been started.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("interrupted; everything is stopped and removed")]
    Clean,
    #[error("interrupted; everything is stopped, and not all of it is removed: {0}")]
    Leaving(String),
}

impl Interrupted {
    fn of(removed: Result<()>) -> Self {
        match removed {
            Ok(()) => Self::Clean,
            Err(left) => Self::Leaving(Causes(&left).to_string()),
        }
    }
}

/// The command line, or a file it names, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

impl Usage {
    /// Turns any error into wrong usage, with its causes.
    fn because(error: anyhow::Error) -> anyhow::Error {
        Self(Causes(&error).to_string()).into()
    }

    /// Turns an error that names its own causes into wrong usage.
    fn said(error: impl std::error::Error) -> anyhow::Error {
        Self(error.to_string()).into()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_command_has_an_option_twice() {
        Cli::command().debug_assert();
    }
}
