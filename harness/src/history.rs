//! The record of one run: an append-only list of what was asked, what was answered, what was broken and what was seen.
//!
//! Checkers read nothing else, so that a stored run can be judged again. Every entry carries the lab's own monotonic
//! clock. Times of other processes are compared with it in one place only (when bids were placed), with a tolerance, and
//! only where both are clocks of one machine.

mod commit;
mod fault_life;
mod format;
mod index;
mod item;
mod last;
mod op;
mod outcome;
mod reader;
mod recorder;
mod shown;
mod tables;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ask::scenario::Scenario;

pub use commit::{Change, Columns, Commit, Operation, instant};
pub use fault_life::FaultLife;
pub use format::FORMAT;
pub use index::{AuctionTerms, History, LedgerState};
pub use item::{Content, EffectRow, Item, Key, OutboxRow, State};
pub use last::Last;
pub use op::Op;
pub use outcome::{BidAsked, Outcome, Purpose, Refusal};
pub use reader::{ReadError, parse, read};
pub use recorder::{RecordError, Recorder};
pub use shown::Shown;
pub use tables::{BidRow, EventRow, InboxRow, Snapshot, StandingRow};

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
        /// What this history is written in; absent in the first format.
        #[serde(default = "format::first")]
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
        /// Seeds the workload; the same seed makes the same bids.
        seed: u64,
        /// The scenario itself.
        scenario: Box<Scenario>,
        /// What it runs on: server versions and durability settings, one fact a line.
        environment: Vec<String>,
    },
    /// An auction was created, around all faults, and those that close during the run when the workload begins.
    Auction {
        /// The auction.
        auction_id: Uuid,
        /// The least a first bid may be, in minor units.
        starting_price: i64,
        /// Created with its close already past: every bid on it must be refused.
        closed: bool,
        /// When it closes, in microseconds since the Unix epoch by the database's clock, where it does so during the run.
        #[serde(default)]
        closes_at_us: Option<i64>,
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
    },
    /// A client sends a bid. `op` ties it to its completion.
    Invoked {
        /// Unique in the run.
        op: u64,
        /// What is asked for.
        bid: BidAsked,
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
    /// A follower of a live feed connects.
    Followed {
        /// Its number.
        follower: u64,
        /// What it follows.
        auction_id: Uuid,
        /// The process that it asks.
        via: String,
        /// The id after which it takes the feed up again; none at its first connection.
        after: Option<i64>,
    },
    /// A follower was shown something.
    Shown {
        /// Its number.
        follower: u64,
        /// What.
        shown: Shown,
    },
    /// A follower's connection was lost, or was none: it did not leave by itself.
    FeedLost {
        /// Its number.
        follower: u64,
        /// How it ended.
        why: String,
    },
    /// An auction's bid list, paged to its end when all was quiet.
    Listed {
        /// The auction.
        auction_id: Uuid,
        /// The process that was asked.
        via: String,
        /// What it has, or why it could not be read.
        bids: Result<Vec<BidRow>, String>,
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
    /// The recovery budget ran out.
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
    /// A process of the system under test ended unasked, or not as it was asked to.
    Died {
        /// The process, such as `relay 2`.
        process: String,
        /// Its exit status, and what it had been asked.
        status: String,
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
    /// AMQP `message_id`: the outbox event's id.
    pub message_id: Option<String>,
    /// Set by the broker when it delivers the same copy again.
    pub redelivered: bool,
    /// The decoded body, or why it could not be decoded.
    pub body: Result<EventSeen, String>,
    /// Disagreements between body and properties or headers, for the reader; empty when all is well.
    pub flaws: Vec<String>,
}

/// The event's content, wherever it was seen: in the outbox or in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSeen {
    /// The bid.
    pub bid_id: Uuid,
    /// Its auction.
    pub auction_id: Uuid,
    /// The bidder.
    pub user_id: String,
    /// Minor units.
    pub amount: i64,
    /// Its place in the auction.
    pub sequence: i64,
    /// Microseconds since the Unix epoch, by the database's clock.
    pub placed_at_us: i64,
}
