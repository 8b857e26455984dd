//! The outbox table and the lanes through which relays share it: the only place with SQL that names them.
//!
//! ```text
//! append ──▶ pending ──claim──▶ processing ──confirmed──▶ published ──purge──▶ (gone)
//!              ▲  │ ▲               │
//!   let go ────┘  │ └── rewind ◀────┤ (refused, outage, takeover)
//!             (held)                └──▶ failed ──requeue──▶ pending
//! ```

mod append;
pub(crate) mod backlog;
mod claim;
pub mod lanes;
mod repair;
mod write_back;

pub use append::append;
pub use claim::{Claim, ClaimPolicy, ClaimedEvent, Frontier, claim};
pub use repair::{Requeue, holding_after, let_go, purge, requeue};
pub use write_back::{Marked, Undecodable, acquit, fail, mark_published};

/// The channel that writers ring when a relay sleeps; the payload is the event's lane.
pub(crate) const DOORBELL: &str = "outbox";
