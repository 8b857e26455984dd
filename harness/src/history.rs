//! The record of one run: an append-only list of what was asked, what was answered, what was broken and what was seen.
//!
//! Checkers read nothing else, so that a stored run can be judged again. Every entry carries the lab's own monotonic
//! clock. Times of other processes are compared with it in one place only (when operations were stored), with a tolerance, and
//! only where both are clocks of one machine.

mod commit;
mod derived;
mod fault_life;
mod format;
mod index;
mod item;
mod last;
mod op;
mod outcome;
mod passing;
mod reader;
mod recorder;
mod subject;
mod tables;
mod trail;

use std::collections::BTreeMap;

use crate::ask::scenario::Scenario;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use commit::{Change, Columns, Commit, Operation, instant};
pub use fault_life::{FaultLife, STRUCK};
pub use format::FORMAT;
pub use index::{History, LedgerState};
pub use item::{Asked, Content, Item, Key};
pub use last::Last;
pub use op::Op;
pub use outcome::{Outcome, Purpose};
pub use passing::Passing;
pub use reader::{ReadError, parse, read};
pub use recorder::{Hearer, RecordError, Recorder};
pub use subject::{Promises, Rules, Shows, Subject, TableNames};
pub use tables::{EffectRow, OutboxRow, Snapshot, State};
pub use trail::Step;

/// What is missing of a system that came to its quiet, and too late.
pub const QUIET_BUT_LATE: &str = "quiet, but late";

/// One line of the history file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since the run began, by the lab's monotonic clock.
    pub at_us: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// First entry: what is being run. The judge takes the scenario's expectations from here.
    Begun {
        /// What this history is written in.
        format: u32,
        /// The version of the lab that wrote it.
        #[serde(default)]
        lab: String,
        /// The wall clock when the run's own began, in microseconds since the Unix epoch; absent where the servers run on
        /// another machine, whose clock is not this one.
        #[serde(default)]
        began_at_us: Option<i64>,
        /// The scenario's name, such as `recovery/broker_back`.
        name: String,
        /// Seeds the workload; the same seed asks for the same.
        seed: u64,
        /// Who is judged.
        subject: Box<Subject>,
        /// The scenario itself.
        scenario: Box<Scenario>,
        /// What it runs on: server versions and durability settings, one fact a line.
        environment: Vec<String>,
    },
    /// What the workload consists of, before the first of it is sent.
    Planned {
        /// Requests, copies included.
        requests: u64,
    },
    /// The last client has its answer, or has given up.
    Driven {
        /// Requests that were sent late, because every client was still waiting for an answer: for them the loop was closed.
        held_back: u64,
        /// After how many requests the workload was ended before its time, as that of a story whose faults come in turn is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended_after: Option<u64>,
    },
    /// A client asks for something. `op` ties it to its completion.
    Invoked {
        /// Unique in the run.
        op: u64,
        /// What is asked for.
        asked: Asked,
        /// The process that was asked, such as `api 2`.
        #[serde(default)]
        via: String,
        /// Why it is asked.
        #[serde(default)]
        purpose: Purpose,
    },
    /// The client's view of how an invocation ended. An invocation without one is unknown.
    Completed {
        /// The invocation.
        op: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A step in the life of a fault; `fault` is its index in the scenario.
    Fault {
        /// Index into `scenario.faults`.
        fault: usize,
        /// Which step.
        phase: FaultPhase,
        /// What was done or seen, for the reader.
        detail: String,
    },
    /// Evidence that a fault did something, counted while it was applied (bytes swallowed, connections cut, a signal's
    /// effect seen in the process table).
    Bite {
        /// Index into `scenario.faults`.
        fault: usize,
        /// What was counted, such as `connections_cut`.
        what: String,
        /// How often.
        count: u64,
    },
    /// The witness queue received a message. The witness is bound to the same exchange as the consumer and connects
    /// around all faults.
    Delivered(Delivery),
    /// What only the target's own checkers understand.
    Noted {
        /// In their words.
        note: serde_json::Value,
    },
    /// The database's tables in one REPEATABLE READ transaction, read around all faults.
    Snapshot(Snapshot),
    /// Every commit from here on enters the history: nothing of the system has written yet.
    LedgerOpened {
        /// How long it took; it waits for transactions of other runs.
        took_ms: u64,
    },
    /// A transaction committed.
    Committed(Commit),
    /// Every commit until here is in the history.
    LedgerClosed {
        /// How many there were.
        commits: u64,
    },
    /// The server shows no commits; what happened between two snapshots is not known.
    Sampled {
        /// Why, and what would change that.
        why: String,
    },
    /// Rows that wait to be published (`pending` + `processing`), sampled during the run.
    Backlog {
        /// Rows not yet published or failed.
        rows: u64,
        /// Of these, `processing`.
        processing: u64,
    },
    /// Everything that was there when a fault was healed has been published and applied.
    CaughtUp {
        /// Index into `scenario.faults`.
        fault: usize,
        /// Milliseconds from the fault's own heal.
        after_ms: u64,
    },
    /// Everything is healed and the workload has ended; recovery is owed from here.
    Healed,
    /// Quiet: no backlog, the consumer applied everything, the witness queue is drained.
    Recovered {
        /// Milliseconds from `Healed`.
        after_ms: u64,
    },
    /// The recovery budget ran out. What is missing is [`QUIET_BUT_LATE`] where all of it came a little later.
    NotRecovered {
        /// Milliseconds waited from `Healed`.
        waited_ms: u64,
        /// What was still missing, such as `12 rows pending`.
        last_seen: String,
    },
    /// What a process of the system under test says that it has counted since it was started.
    Counted {
        /// The process, such as `relay 2`.
        process: String,
        /// By the names of its metrics; what it does not count is not there.
        counters: BTreeMap<String, u64>,
    },
    /// What a process of the system under test holds at the end of a window, when nothing is under way.
    Holds {
        /// The process, such as `relay 2`.
        process: String,
        /// How much of what.
        footprint: Footprint,
    },
    /// A process of the system under test ended unasked, or not as it was asked to.
    Died {
        /// The process, such as `relay 2`.
        process: String,
        /// Its exit status, and what it had been asked.
        status: String,
    },
    /// A thread of a process of the system under test has panicked, by its log.
    Panicked {
        /// The process, such as `relay 2`.
        process: String,
        /// What the log says of it.
        said: String,
    },
    /// A message has passed a tap, or something was done to it there. Of all that passes, what names an operation, and
    /// what is said when something is wrong.
    Passed {
        /// The edge, such as `relay -> rabbitmq`.
        edge: String,
        /// The process that it is of, such as `relay 2`.
        by: String,
        /// Tells connections of that edge and process from each other.
        connection: u64,
        /// What it is, as scenarios name it: `publish`, `confirm`.
        what: String,
        /// What it says, shortened.
        text: String,
        /// The operations that it names.
        ops: Vec<Uuid>,
        /// A fault has struck it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        struck: bool,
    },
    /// Something that the system owed at this moment of the run and did not do.
    Owed {
        /// What, such as `3 messages waited in the consumer's queue`.
        what: String,
    },
    /// The lab's own last message came out of the exchange: the witness has seen all that was published before it.
    Fenced,
    /// The lab itself failed; the run cannot be judged.
    LabError {
        /// The error and its causes.
        message: String,
    },
    /// Last entry. A history without it was cut short.
    Ended,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Tells its lives from each other.
    pub pid: u32,
    /// Resident memory, in KiB (`VmRSS`).
    pub resident_kb: u64,
    /// Threads.
    pub threads: u64,
    /// Open files, sockets included.
    pub descriptors: u64,
}

/// The life of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultPhase {
    /// Its time or its condition has come.
    Asked,
    /// It is in place, and was read back.
    Applied,
    /// It is gone, and that was read back.
    Healed,
    /// Its condition never came, or it could not be applied.
    Failed,
}

/// A message that the witness received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What consumers tell copies of one message by, such as its `message_id`; none if it has nothing of the kind.
    pub dedup: Option<String>,
    /// Set by the broker when it delivers the same copy again.
    pub redelivered: bool,
    /// What it is about, or why that cannot be told.
    pub item: Result<Item, String>,
    /// What tells the events of one operation apart, where it has several: where they went, and their type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event_kind: String,
    /// Differs where body, properties or headers do, but for those that may.
    #[serde(default)]
    pub digest: String,
    /// Whether the message outlives the broker.
    #[serde(default)]
    pub persistent: bool,
    /// Disagreements within the message, for the reader; empty when all is well.
    #[serde(default)]
    pub flaws: Vec<String>,
}

impl Delivery {
    /// What tells it from others that are no copies of it: by what it is about, for a name may change with each attempt.
    pub fn name(&self) -> Option<String> {
        match &self.item {
            Ok(item) => Some(format!("{} {}", item.id, self.event_kind)),
            Err(_) => self.dedup.clone(),
        }
    }
}
