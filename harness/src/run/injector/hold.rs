//! The relays' traffic to the broker, held while something about the broker changes that a message must meet whole.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use crate::{
    ask::fault::{Party, Role, Server},
    system::System,
    wire::tap::Pause,
};

/// How long the broker may take to answer what it has got. Whoever is held loses patience about then.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Holds what the relays send and waits until the broker has answered all that it has got: what it has answered is routed,
/// and what is held is not. The requests go on with the end of the value.
pub(super) async fn relays(system: &System) -> Result<Vec<Pause>> {
    let links = system.links_of(
        Party::all(Role::Relay),
        Party::all(Role::Server(Server::RabbitMq)),
    )?;
    let mut held = Vec::new();
    for link in &links {
        held.push(link.tap().hold(ANSWERED_WITHIN).await?);
    }
    let deadline = Instant::now() + ANSWERED_WITHIN;
    loop {
        let owed: u64 = links.iter().map(|link| link.counters().unconfirmed).sum();
        if owed == 0 {
            return Ok(held);
        }
        if Instant::now() > deadline {
            bail!(
                "the broker has not confirmed {owed} publishes of the relays within {ANSWERED_WITHIN:?}; \
                 bindings that change under a message would let it reach one queue and not the other"
            );
        }
        sleep(Duration::from_millis(2)).await;
    }
}
