//! The outbox table and the lanes through which relays share it: the only place with SQL that names them.
//!
//! ```text
//! append ──▶ pending ──claim──▶ processing ──confirmed──▶ published ──purge──▶ (gone)
//!               ▲                   │
//!               ├──── release ◀─────┤ (outage, takeover)
//!               └──── back off ◀────┴──▶ failed   (rejected; at the cap)
//! ```

mod append;
pub(crate) mod backlog;
mod claim;
pub mod lanes;
mod repair;
mod write_back;

pub use append::append;
pub use claim::{ClaimedEvent, Floor, claim};
pub(crate) use repair::{Requeue, purge, requeue};
pub use write_back::{Rejection, RetryPolicy, mark_published, reject, release};

/// The channel that writers ring when a relay sleeps.
pub(crate) const DOORBELL: &str = "outbox";
