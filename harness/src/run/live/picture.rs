//! What is seen of a run at one moment.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::{
    judge::{summary::RunSummary, verdict::Verdict},
    run::{feed::Feed, gauge::Gauge, soak::Window},
};

/// The run at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Picture {
    /// Which run of those that are watched one after the other, from 1; 0 before the first.
    pub run: u32,
    /// What is run, such as `recovery/broker_back`.
    pub name: String,
    /// Its story.
    pub story: String,
    /// What is being done, such as `driving`.
    pub stage: String,
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// Whether orders are taken.
    pub open: bool,
    /// Operations a second that clients are to ask for; none where a story says.
    pub rate: Option<u32>,
    /// Processes and servers.
    pub parts: Vec<Part>,
    /// Connections between them.
    pub edges: Vec<Edge>,
    /// How much of what.
    pub counts: Counts,
    /// What is and was broken.
    pub faults: Vec<Broken>,
    /// Feeds of the target's own that can be read.
    pub feeds: Vec<Feed>,
    /// What was said of the run that is not as it should be, the last of it.
    pub said: Vec<String>,
    /// The operation that is followed.
    pub followed: Option<Followed>,
    /// Each judgement so far, the last one last.
    pub verdicts: Vec<Judged>,
    /// Nothing more comes.
    pub over: bool,
}

/// A process, or a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `relay 2`, `postgres`.
    pub name: String,
    /// How it is.
    pub state: State,
    /// What is being done to it.
    pub hit: Vec<String>,
}

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs.
    Up,
    /// It is stopped, and can do nothing.
    Frozen,
    /// It does not run.
    Down,
}

/// A connection's way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    /// Who opens it: `client`, `relay 2`.
    pub from: String,
    /// Whom it leads to: `api 1`, `rabbitmq`.
    pub to: String,
    /// Requests and deliveries a second.
    pub per_second: f64,
    /// Connections on which something came back.
    pub connections: u64,
    /// What is being done to it.
    pub hit: Vec<String>,
}

/// How much of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Operations that clients asked for.
    pub asked: u64,
    /// Of these: they were told that it is stored.
    pub accepted: u64,
    /// Of these: they were told that it is not.
    pub refused: u64,
    /// Of these: nobody told them, or nonsense.
    pub unknown: u64,
    /// Operations that are stored.
    pub stored: u64,
    /// Events that wait, or are in a relay's hands.
    pub backlog: u64,
    /// Events marked as sent.
    pub sent: u64,
    /// Events given up.
    pub given_up: u64,
    /// Deliveries that a witness heard.
    pub deliveries: u64,
    /// Different messages among them.
    pub messages: u64,
    /// Operations that have taken effect.
    pub applied: u64,
    /// Operations received that wait for others.
    pub parked: u64,
}

impl Counts {
    /// By the database and the witness.
    pub(super) fn gauged(&mut self, gauge: &Gauge) {
        let now = gauge.counts;
        self.stored = now.stored.unsigned_abs();
        self.backlog = (now.waiting + now.held).unsigned_abs();
        self.sent = now.sent.unsigned_abs();
        self.given_up = now.given_up.unsigned_abs();
        self.deliveries = gauge.deliveries;
        self.messages = gauge.messages;
        self.applied = now.applied.unsigned_abs();
        self.parked = now.parked.unsigned_abs();
    }
}

/// Something that is or was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its index among the run's.
    pub number: usize,
    /// Where.
    pub on: String,
    /// What is done.
    pub what: String,
    /// How far it is.
    pub phase: Phase,
    /// When it was asked for, in milliseconds.
    pub from_ms: Option<u64>,
    /// When it was gone.
    pub until_ms: Option<u64>,
    /// What it did, and how often.
    pub bites: BTreeMap<String, u64>,
    /// How long after it was gone all was made good that it had held up.
    pub caught_up_ms: Option<u64>,
    /// Why it never came to be.
    pub failed: Option<String>,
}

/// How far a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its moment has not come.
    Due,
    /// It is being done.
    Asked,
    /// It is in place.
    Applied,
    /// It is gone.
    Healed,
    /// It never came to be.
    Failed,
}

impl Phase {
    /// Whether it may be in place.
    pub fn is_on(self) -> bool {
        matches!(self, Self::Asked | Self::Applied)
    }
}

/// One operation on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Followed {
    /// Which.
    pub id: Uuid,
    /// When it was asked for, in milliseconds.
    pub asked_ms: u64,
    /// What became of it, each with its milliseconds.
    pub steps: Vec<(u64, String)>,
}

/// What everything until a moment was judged to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Which run.
    pub run: u32,
    /// The scenario.
    pub name: String,
    /// When, in milliseconds.
    pub at_ms: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub reason: String,
    /// How many checkers looked.
    pub checkers: usize,
    /// Where the files are.
    pub folder: Option<String>,
    /// Whether the run has ended.
    pub last: bool,
}

impl Judged {
    /// A run that has ended.
    pub(super) fn of(summary: &RunSummary, run: u32, at_ms: u64) -> Self {
        Self {
            run,
            name: summary.name.clone(),
            at_ms,
            verdict: summary.verdict,
            reason: summary.reason.clone(),
            checkers: summary.findings.len(),
            folder: Some(summary.folder.display().to_string()),
            last: true,
        }
    }

    /// A run until it came to rest, on the way. What only its end shows is not held against it.
    pub(super) fn until_now(window: &Window, run: u32, at_ms: u64) -> Self {
        let summary = &window.summary;
        let whole = Self::of(summary, run, at_ms);
        if window.against().next().is_some() {
            return Self {
                last: false,
                ..whole
            };
        }
        let open = summary.findings.iter();
        let open = open.filter(|finding| finding.verdict != Verdict::Pass);
        let open: Vec<&str> = open.map(|finding| finding.checker.as_str()).collect();
        let told_later = match open.is_empty() {
            true => String::new(),
            false => format!("; not known before the end: {}", open.join(", ")),
        };
        Self {
            verdict: Verdict::Pass,
            reason: format!("nothing against it so far{told_later}"),
            // What was found green is not kept.
            folder: None,
            last: false,
            ..whole
        }
    }
}

/// What is drawn over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// How much there was of what.
    pub counts: Counts,
}
