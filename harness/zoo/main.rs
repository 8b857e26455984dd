//! The zoo: a transactional outbox as a tutorial would write it, and a mistake for each cage. Healthy it holds; with
//! `--bug NAME` it has one mistake that outboxes really have, and `lab selftest` shows which checker finds it in which story.

mod api;
mod broker;
mod bug;
mod consumer;
mod database;
mod event;
mod inbox;
mod orders;
mod outbox;
mod publisher;
mod relay;
mod wake;

use std::{ffi::OsString, future::Future, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use bug::{Bug, fires};

/// What every role is told.
#[derive(Debug, Clone, clap::Args)]
struct Settings {
    /// `postgres://user:password@host:port/database`
    #[arg(long, env = "DATABASE_URL", value_name = "URL")]
    database: String,
    /// `amqp://user:password@host:port/vhost`
    #[arg(long, env = "AMQP_URL", value_name = "URL")]
    amqp: String,
    /// Make this mistake
    #[arg(long, env = "ZOO_BUG", value_enum, value_name = "NAME")]
    bug: Option<Bug>,
}

#[derive(Debug, Parser)]
#[command(
    name = "zoo-outbox",
    about = "A tutorial's outbox, with mistakes to choose from"
)]
enum Role {
    /// Take orders over HTTP.
    Api {
        #[command(flatten)]
        settings: Settings,
        /// Where to listen, on this machine alone
        #[arg(long, env = "PORT")]
        port: u16,
        /// Sessions of the database at most
        #[arg(long, env = "ZOO_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
        connections: u32,
    },
    /// Publish what is in the outbox.
    Relay {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        pace: relay::Pace,
    },
    /// Ship each order once.
    Consumer {
        #[command(flatten)]
        settings: Settings,
        /// How long a message may come again and be known, in milliseconds
        #[arg(long, env = "ZOO_INBOX_MS", default_value_t = 86_400_000)]
        inbox_ms: u64,
    },
}

#[allow(dead_code, reason = "the lab plays it, too, and begins elsewhere")]
fn main() -> ExitCode {
    play(std::env::args_os())
}

/// Plays the role that a command line names.
#[tokio::main]
pub(crate) async fn play(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let stop = CancellationToken::new();
    if let Err(error) = stop_when_asked(&stop) {
        eprintln!("zoo-outbox cannot be asked to stop: {error}");
        return ExitCode::FAILURE;
    }
    match Role::parse_from(args) {
        Role::Api {
            settings,
            port,
            connections,
        } => {
            bug::plant(settings.bug);
            if let Err(error) = api::serve(&settings, port, connections, stop).await {
                eprintln!("zoo-outbox api: {error:#}");
                return ExitCode::FAILURE;
            }
        }
        Role::Relay { settings, pace } => {
            bug::plant(settings.bug);
            relay::Relay::new(&settings, pace).run(&stop).await;
            if fires(Bug::ExitCodeOfFailure) {
                return ExitCode::FAILURE;
            }
        }
        Role::Consumer { settings, inbox_ms } => {
            bug::plant(settings.bug);
            let keeps = Duration::from_millis(inbox_ms);
            consumer::Consumer::new(&settings, keeps).run(&stop).await;
        }
    }
    ExitCode::SUCCESS
}

fn stop_when_asked(stop: &CancellationToken) -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        term.recv().await;
        stop.cancel();
    });
    Ok(())
}

/// Whatever is waited for, within its time.
async fn within<T>(span: Duration, what: impl Future<Output = T>) -> anyhow::Result<T> {
    timeout(span, what)
        .await
        .map_err(|_| anyhow::anyhow!("no answer within {span:?}"))
}

/// Waits, or until `stop`.
async fn rest(span: Duration, stop: &CancellationToken) {
    let _ = timeout(span, stop.cancelled()).await;
}
