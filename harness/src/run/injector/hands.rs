//! What a process has in its hands when it is struck, by the taps around it.
//!
//! This knows what each role of the system works on; a statement that keeps a lease or asks for work is no work.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::Injector;
use crate::{
    ask::fault::{Party, Role, Server},
    ask::moment::Quantity,
    system::Member,
    wire::tap::TapCounters,
};

/// How long a process that works may have nothing in its hands, and how long a busy one may take to have nothing.
const WITHIN: Duration = Duration::from_secs(5);
/// What a process has in its hands it may have for a millisecond.
const LOOK_EVERY: Duration = Duration::from_micros(200);

impl Injector<'_> {
    /// Waits for the instant at which a process has something in its hands, or, if it is to be `idle`, nothing. Says how
    /// much that was; when the instant did not come in time, how much there is then.
    pub(super) async fn hands_of(&self, member: &Member, idle: bool) -> Result<u64> {
        let deadline = Instant::now() + WITHIN;
        loop {
            let hands = self.hands_now(member)?;
            if (hands == 0) == idle || Instant::now() > deadline {
                return Ok(hands);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn hands_now(&self, member: &Member) -> Result<u64> {
        let hands = member.roles().iter().map(|own| self.hands_of_role(*own));
        hands.sum()
    }

    fn hands_of_role(&self, own: Party) -> Result<u64> {
        let to = |server| self.counters(own, Party::all(Role::Server(server)));
        Ok(match own.role {
            // Requests that are not answered.
            Role::Api => self.counters(Party::all(Role::Client), own)?.in_flight,
            // Deliveries that are not settled.
            Role::Consumer => to(Server::RabbitMq)?.in_flight,
            // Publishes that are not confirmed, and statements that may be marks: where nothing is claimed, there is
            // nothing to mark.
            Role::Relay => {
                let statements = match self.gauge.borrow().of(Quantity::Held) {
                    0 => 0,
                    _ => to(Server::Postgres)?.in_flight,
                };
                to(Server::RabbitMq)?.unconfirmed + statements
            }
            Role::Client | Role::Server(_) => 0,
        })
    }

    fn counters(&self, from: Party, to: Party) -> Result<TapCounters> {
        let mut sum = TapCounters::default();
        for link in self.system.links_of(from, to)? {
            sum += link.counters();
        }
        Ok(sum)
    }
}
