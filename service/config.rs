//! The command line: a role, and the settings that it has. Each setting is a flag or an environment variable, with its
//! meaning, unit, range and default in the role's `--help`.

mod api;
mod broker;
mod consumer;
mod listening;
mod log;
mod postgres;
mod relay;
mod serving;
mod untold;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use uuid::Uuid;

pub(crate) use api::ApiArgs;
pub(crate) use broker::BrokerArgs;
pub(crate) use consumer::ConsumerArgs;
pub(crate) use listening::{Addresses, ListeningArgs};
pub(crate) use log::{LogArgs, LogFormat};
pub(crate) use postgres::{MigrationArgs, PostgresArgs};
pub(crate) use relay::RelayArgs;
pub(crate) use serving::{Poll, Serving};

use crate::outbox::Requeue;

/// Bids over HTTP, stored together with their events in Postgres, relayed to RabbitMQ, applied exactly once.
#[derive(Debug, Clone, Parser)]
#[command(name = "outbox-service", version, propagate_version = true)]
pub(crate) struct Cli {
    /// What this process does.
    #[command(subcommand)]
    pub role: Role,
    #[command(flatten)]
    pub log: LogArgs,
}

/// The roles of the one binary.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Role {
    /// Take bids over HTTP and store them with their events.
    Api(Box<serving::Api>),
    /// Publish stored events to RabbitMQ. Run as many as you like.
    Relay(Box<serving::Relay>),
    /// Apply published events and feed `/auctions/{id}/live`.
    Consumer(Box<serving::Consumer>),
    /// Migrate, then api, relay and consumer in one process.
    All(Box<serving::All>),
    /// Bring the database's schema up to date, then exit.
    Migrate(MigrateArgs),
    /// Ask a process that runs with the same settings whether it is well, then exit: 0 if it is.
    Healthcheck(HealthcheckArgs),
    /// Put failed events back into the outbox, then exit.
    Requeue(RequeueArgs),
    /// Put dead letters back into the consumer's queue, then exit.
    Redrive(RedriveArgs),
}

impl Role {
    /// What the process is called in traces, if anything that it does is to be seen there.
    pub(crate) fn traced_as(&self) -> Option<&'static str> {
        match self {
            Self::Api(_) => Some("outbox-api"),
            Self::Relay(_) => Some("outbox-relay"),
            Self::Consumer(_) => Some("outbox-consumer"),
            Self::All(_) => Some("outbox"),
            Self::Migrate(_) | Self::Healthcheck(_) | Self::Requeue(_) | Self::Redrive(_) => None,
        }
    }

    /// Whether the process speaks to the broker.
    pub(crate) fn has_a_broker(&self) -> bool {
        match self {
            Self::Relay(_) | Self::Consumer(_) | Self::All(_) | Self::Redrive(_) => true,
            Self::Api(_) | Self::Migrate(_) | Self::Healthcheck(_) | Self::Requeue(_) => false,
        }
    }

    /// Settings that are right each by itself and do not go together.
    fn contradiction(&self) -> Option<String> {
        match self {
            Self::Relay(role) => role.relay.contradiction(),
            Self::All(role) => role.relay.contradiction(),
            _ => None,
        }
    }
}

/// What bringing the schema up to date needs.
#[derive(Debug, Clone, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub postgres: PostgresArgs,
    #[command(flatten)]
    pub migration: MigrationArgs,
}

/// What a process is asked, and where.
#[derive(Debug, Clone, Args)]
pub(crate) struct HealthcheckArgs {
    /// Ask whether it can work (/readyz). Without it, whether it is alive (/healthz): what a restart could mend.
    #[arg(long)]
    pub ready: bool,
    #[command(flatten)]
    pub addresses: Addresses,
}

/// Which dead letters to put back.
#[derive(Debug, Clone, Args)]
pub(crate) struct RedriveArgs {
    /// All of them. Without it, those that the broker gave up for having been returned too often; what the consumer had
    /// rejected for what it is would only be rejected again.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub broker: BrokerArgs,
}

/// Which failed events to put back.
#[derive(Debug, Clone, Args)]
pub(crate) struct RequeueArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    pub postgres: PostgresArgs,
}

/// Exactly one must be said.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Every failed event.
    #[arg(long)]
    all: bool,
    /// The failed events of this auction.
    #[arg(long, value_name = "AUCTION_ID")]
    auction: Option<Uuid>,
    /// This event.
    #[arg(long, value_name = "EVENT_ID")]
    event: Option<Uuid>,
}

impl RequeueArgs {
    pub(crate) fn which(&self) -> Requeue {
        match (self.which.auction, self.which.event) {
            (Some(auction), _) => Requeue::Auction(auction),
            (None, Some(event)) => Requeue::Event(event),
            (None, None) => Requeue::All,
        }
    }
}

/// Reads a command line, and the environment for what it does not say.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    read(command(), args)
}

fn read(
    mut command: clap::Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Cli, clap::Error> {
    let matches = command.try_get_matches_from_mut(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    match cli.role.contradiction() {
        Some(contradiction) => Err(command.error(ErrorKind::ValueValidation, contradiction)),
        None => Ok(cli),
    }
}

/// With variables that are empty taken for unset: that is how a template writes one that it has no value for.
fn command() -> clap::Command {
    let set = |arg: clap::Arg| match arg.get_env().and_then(std::env::var_os) {
        Some(value) if value.is_empty() => arg.env(None),
        _ => arg,
    };
    Cli::command()
        .mut_args(set)
        .mut_subcommands(|role| role.mut_args(set))
}

/// The environment variables that are settings.
pub fn settings() -> Vec<OsString> {
    let command = Cli::command();
    let roles = command.get_subcommands();
    let args = roles
        .chain([&command])
        .flat_map(clap::Command::get_arguments);
    let names: BTreeSet<&OsStr> = args.filter_map(clap::Arg::get_env).collect();
    names.into_iter().map(OsStr::to_owned).collect()
}

/// Why a process that has all roles would not start with these settings and no others; none if it would.
pub fn refused<'s>(settings: impl IntoIterator<Item = (&'s str, &'s str)>) -> Option<String> {
    let mut command = Cli::command();
    command.build();
    let all = command.find_subcommand("all");
    let all = all.expect("a role of this name, which has the settings of every other");
    let mut set: BTreeMap<&str, &str> = BTreeMap::from([
        ("DATABASE_URL", "postgres://localhost/auctions"),
        ("AMQP_URL", "amqp://localhost"),
    ]);
    // An empty one counts as unset.
    set.extend(settings.into_iter().filter(|(_, value)| !value.is_empty()));
    let flag = |(name, value): (&str, &str)| {
        let mut args = all.get_arguments();
        let arg = args.find(|arg| arg.get_env() == Some(OsStr::new(name)))?;
        Some(format!("--{}={value}", arg.get_long()?))
    };
    let args = ["outbox-service", "all"].map(str::to_owned).into_iter();
    let args = args.chain(set.into_iter().filter_map(flag));
    let args = args.map(OsString::from).collect::<Vec<_>>();
    let unset = |arg: clap::Arg| arg.env(None);
    let command = Cli::command()
        .mut_args(unset)
        .mut_subcommands(|role| role.mut_args(unset));
    let said = read(command, args).err()?.to_string();
    let first = said.lines().next().unwrap_or_default();
    Some(first.trim_start_matches("error: ").to_owned())
}

#[cfg(test)]
mod tests;
