//! What a process has in its hands, by the taps around it: requests to it and of it that are not answered, publishes that
//! are not confirmed, deliveries that are not settled.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::system::{Member, System};

/// How long a process that works may have nothing in its hands, and how long a busy one may take to have nothing.
const WITHIN: Duration = Duration::from_secs(5);
/// What a process has in its hands it may have for a millisecond.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// Waits for the instant at which a process has something in its hands, or, if it is to be `idle`, nothing. Says how much
/// that was; when the instant did not come in time, how much there is then.
pub(super) async fn of(system: &System, member: &Member, idle: bool) -> u64 {
    let deadline = Instant::now() + WITHIN;
    loop {
        let links = system.links_at(member.role, member.number);
        let hands: u64 = links.map(|link| link.counters().in_flight).sum();
        if (hands == 0) == idle || Instant::now() > deadline {
            return hands;
        }
        sleep(LOOK_EVERY).await;
    }
}
