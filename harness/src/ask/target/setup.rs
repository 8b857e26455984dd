//! `[setup]`: what is done once for each run, before any process is started: first `run`, then `sql`, then what is to be
//! declared.

use serde::Deserialize;

use super::{
    command::Command,
    exchange::{Exchange, Name},
    text::{OfSetup, Text},
};

/// What is done before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    /// A command, such as one that migrates: with the first process's environment, around all edges.
    pub run: Option<Command<OfSetup>>,
    /// Statements, as the owner of the run's database.
    pub sql: Option<Text<OfSetup>>,
    /// Exchanges that nobody else declares.
    pub exchanges: Vec<Exchange>,
    /// Queues that nobody else declares.
    pub queues: Vec<Name>,
}
