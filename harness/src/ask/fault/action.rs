//! What is done to what is hit.

use std::time::Duration;

use super::meddling::Meddling;
pub use crate::ask::auction::harm::{Harm, Refused};
use crate::ask::lasting::duration;
use crate::{
    ask::party::Server,
    ask::spelling::did_you_mean,
    ask::toxic::{Direction, Toxic},
    ask::wire::{DEEDS, Deed},
};

/// What is done to a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The edge's connections are closed and new ones refused.
    Cut,
    /// The edge's toxics, each in a direction.
    Toxics(Vec<(Toxic, Direction)>),
    /// What is done to a message that passes.
    AtMessage(Deed),
    /// SIGKILL.
    Kill,
    /// SIGKILL, and what its disk had not been given by then is gone.
    CutPower,
    /// SIGSTOP, later SIGCONT.
    Freeze,
    /// SIGTERM: an orderly end.
    Terminate,
    /// SIGTERM and a new start, so many times in a row, each time with something in its hands.
    Restart(u32),
    /// It may open no file and no connection any more, and loses the connections that it has.
    NoFiles,
    /// An alarm: connections that publish are blocked.
    Alarm(Resource),
    /// The exchange loses its bindings, and nobody may declare new ones: whatever is published is routed nowhere. Only
    /// this run's vhost is touched.
    Unbind,
    /// What an operator does to what this run has on a server.
    Meddle(Meddling),
    /// What can be done to the lab's own target alone.
    Own(Harm),
}

impl Action {
    /// Whether, done to a server, it is felt by everybody who uses it.
    pub(super) fn breaks_server(&self) -> bool {
        match self {
            Self::Kill | Self::CutPower | Self::Freeze | Self::Terminate | Self::Alarm(_) => true,
            Self::Meddle(meddling) => meddling.breaks_server(),
            _ => false,
        }
    }

    /// Whether its server needs a disk of its own.
    pub fn takes_disk(&self) -> bool {
        matches!(self, Self::CutPower | Self::Meddle(Meddling::FillDisk))
    }

    /// Whether what is published meanwhile is routed nowhere.
    pub fn leaves_unroutable(&self) -> bool {
        match self {
            Self::Unbind => true,
            Self::Meddle(meddling) => meddling.leaves_unroutable(),
            _ => false,
        }
    }
}

/// What a broker runs out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Memory, by a watermark of nothing.
    Memory,
    /// Disk, by a limit of free space that no disk has.
    Disk,
}

/// What can be done to a process or a server.
const TO_PROCESSES: [&str; 6] = [
    "kill",
    "freeze",
    "terminate",
    "stop",
    "restart 3 times",
    "no files",
];
/// What can be done to an edge, without its numbers.
const TO_EDGES: [&str; 7] = [
    "cut",
    "stall",
    "drop replies",
    "drop requests",
    "reset",
    "latency",
    "bandwidth",
];

/// What is done to a server.
pub(super) fn parse_server_action(server: Server, text: &str) -> Result<Action, String> {
    if let Some(meddling) = Meddling::parse(server, text)? {
        return Ok(Action::Meddle(meddling));
    }
    match (server, text) {
        (Server::RabbitMq, "unbind") => Ok(Action::Unbind),
        (Server::RabbitMq, "alarm") => Ok(Action::Alarm(Resource::Memory)),
        (Server::RabbitMq, "disk alarm") => Ok(Action::Alarm(Resource::Disk)),
        (Server::Postgres, "cut power") => Ok(Action::CutPower),
        _ => match parse_process_action(text).map_err(|problem| {
            let own = match server {
                Server::RabbitMq => "unbind, alarm, disk alarm, ",
                Server::Postgres => "cut power, ",
            };
            let words: Vec<&str> = Meddling::words(server).collect();
            let meant = did_you_mean(text, words.iter().copied());
            format!(
                "{problem}; to this server also {own}{}{meant}",
                words.join(", ")
            )
        })? {
            Action::Restart(_) | Action::NoFiles => Err(format!(
                "{text:?} is nothing to do to a server; stop starts it again, too"
            )),
            action => Ok(action),
        },
    }
}

/// What is done to a process or a server.
pub(super) fn parse_process_action(text: &str) -> Result<Action, String> {
    if let Some(times) = restarts(text) {
        return Ok(Action::Restart(times));
    }
    match text {
        "kill" => Ok(Action::Kill),
        "freeze" => Ok(Action::Freeze),
        "no files" => Ok(Action::NoFiles),
        "terminate" | "stop" => Ok(Action::Terminate),
        _ => Err(format!(
            "{text:?} is nothing to do to a process; try kill, freeze, terminate, stop, no files or restart 3 times (of the lab's own target alone: {}){}",
            Harm::told(),
            did_you_mean(text, TO_PROCESSES)
        )),
    }
}

/// What is done to an edge.
pub(super) fn parse_edge_action(text: &str) -> Result<Action, String> {
    let both = |toxic: Toxic| vec![(toxic, Direction::Requests), (toxic, Direction::Replies)];
    let swallow = Toxic::Timeout {
        timeout: Duration::ZERO,
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let toxics = match words.as_slice() {
        ["cut"] => return Ok(Action::Cut),
        ["stall"] => both(swallow),
        ["drop", "replies"] => vec![(swallow, Direction::Replies)],
        ["drop", "requests"] => vec![(swallow, Direction::Requests)],
        ["reset"] => vec![(
            Toxic::ResetPeer {
                timeout: Duration::ZERO,
            },
            Direction::Replies,
        )],
        ["latency", latency] => both(latency_toxic(latency, "0ms")?),
        ["latency", latency, "jitter", jitter] => both(latency_toxic(latency, jitter)?),
        ["bandwidth", rate] => both(Toxic::Bandwidth {
            kb_per_s: rate_of(rate)?,
        }),
        _ => {
            return Err(format!(
                "{text:?} is nothing to do to an edge; try cut, stall, drop replies, drop requests, reset, \
                 latency 50ms jitter 10ms, bandwidth 20KB/s; at a message (when = {{ event = … }}) also {}{}",
                DEEDS.join(", "),
                did_you_mean(text, TO_EDGES.into_iter().chain(DEEDS))
            ));
        }
    };
    Ok(Action::Toxics(toxics))
}

fn latency_toxic(latency: &str, jitter: &str) -> Result<Toxic, String> {
    let toxic = Toxic::Latency {
        latency: duration(latency)?,
        jitter: duration(jitter)?,
    };
    match toxic {
        Toxic::Latency { latency, .. } if latency.is_zero() => {
            Err("a latency of 0 delays nothing; write one like latency 50ms jitter 10ms".to_owned())
        }
        _ => toxic
            .must_be_sayable()
            .map(|()| toxic)
            .map_err(|error| error.to_string()),
    }
}

fn rate_of(text: &str) -> Result<u32, String> {
    text.strip_suffix("KB/s")
        .and_then(|number| number.parse().ok())
        .filter(|rate| *rate > 0)
        .ok_or_else(|| format!("{text:?} is no rate; write one like 20KB/s"))
}

/// As in "restart 25 times".
fn restarts(text: &str) -> Option<u32> {
    let times = text.strip_prefix("restart ")?.strip_suffix(" times")?;
    times.parse().ok().filter(|times| (1..=100).contains(times))
}
