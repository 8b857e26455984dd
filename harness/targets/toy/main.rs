//! A little outbox that is as unlike this repository's own as an outbox can be: a subject for the lab. Rows are written by
//! SQL alone, messages go to the default exchange, the event's id is in a header. Its relay is correct; with `--plant` it
//! has one mistake that outboxes really have, and the lab must find it.

mod consume;
mod pause;
mod plant;
mod post;
mod relay;
mod table;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use consume::Consumer;
use plant::Plant;
use relay::Relay;
use table::Form;

/// Where the servers are.
#[derive(Debug, Clone, clap::Args)]
struct Servers {
    /// `postgres://user:password@host:port/database`
    #[arg(long, env = "DATABASE_URL", value_name = "URL")]
    database: String,
    /// `amqp://user:password@host:port/vhost`
    #[arg(long, env = "AMQP_URL", value_name = "URL")]
    amqp: String,
}

#[derive(Debug, Parser)]
#[command(name = "toy-outbox", about = "A small outbox to try the lab on")]
enum Role {
    /// Publish what is in the table.
    Relay {
        /// How the table shows what was sent.
        #[arg(value_enum)]
        form: Form,
        #[command(flatten)]
        servers: Servers,
        /// Publish to this exchange instead of the default one, whose only way leads into a queue
        #[arg(long, value_name = "NAME")]
        exchange: Option<String>,
        /// Make one mistake
        #[arg(long, value_enum, value_name = "MISTAKE")]
        plant: Option<Plant>,
        /// Where the broker really is, for the plant around-the-edge
        #[arg(long, env = "TOY_BROKER", value_name = "HOST:PORT")]
        broker: Option<String>,
    },
    /// Write a mail for each message that was not seen before.
    Consume {
        #[command(flatten)]
        servers: Servers,
        /// The fanout exchange that messages go to
        #[arg(long, value_name = "NAME")]
        exchange: String,
        /// Make one mistake
        #[arg(long, value_enum, value_name = "MISTAKE")]
        plant: Option<Plant>,
    },
}

#[allow(dead_code, reason = "the lab plays it, too, and begins elsewhere")]
fn main() -> ExitCode {
    play(std::env::args_os())
}

/// Plays the role that a command line names.
#[tokio::main]
pub(crate) async fn play(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let role = Role::parse_from(args);
    let stop = CancellationToken::new();
    if let Err(error) = stop_when_asked(&stop) {
        eprintln!("toy-outbox cannot be asked to stop: {error}");
        return ExitCode::FAILURE;
    }
    match role {
        Role::Relay {
            form,
            servers,
            exchange,
            plant,
            broker,
        } => {
            let amqp = match plant {
                Some(Plant::AroundTheEdge) => broker.as_deref().map_or_else(
                    || wrong("the plant around-the-edge needs --broker HOST:PORT (or TOY_BROKER)"),
                    |broker| {
                        post::elsewhere(&servers.amqp, broker).unwrap_or_else(|bad| wrong(&bad))
                    },
                ),
                _ => servers.amqp,
            };
            if let Some(why) = plant.and_then(|plant| plant.unfit_for(form)) {
                wrong(why);
            }
            let relay = Relay::new(form, servers.database, amqp, exchange, plant);
            relay.run(&stop).await;
        }
        Role::Consume {
            servers,
            exchange,
            plant,
        } => {
            if plant.is_some_and(|plant| plant != Plant::EffectsTwice) {
                wrong("a consumer has one plant: effects-twice");
            }
            let consumer = Consumer {
                database: servers.database,
                amqp: servers.amqp,
                exchange,
                plant,
            };
            consumer.run(&stop).await;
        }
    }
    ExitCode::SUCCESS
}

fn stop_when_asked(stop: &CancellationToken) -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// Ends the program as any other wrong use of it does.
fn wrong(problem: &str) -> ! {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{problem}\n")).exit()
}
