//! What clients will ask for, and when.

use std::time::Duration;

use crate::history::Asked;

/// One operation, asked for at one time, perhaps in several copies.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// From the start of the workload.
    pub due: Duration,
    /// What is asked for.
    pub asked: Asked,
    /// How often, at once.
    pub copies: u32,
    /// Its transaction is rolled back by the client itself.
    pub rolled_back: bool,
}

/// An operation that must be taken once everything is healed, and who is asked to.
#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// What is asked for.
    pub asked: Asked,
    /// Index of the process of the API.
    pub api: usize,
}
