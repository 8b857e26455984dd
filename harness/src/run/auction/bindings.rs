//! The bindings of the service's exchange, which it makes again by itself; and what the broker repeated over its queue.

use anyhow::{Result, bail};

use super::{
    topology::{EXCHANGE, QUEUE},
    witness,
};
use crate::run::own_servers::OwnServers;

const UNBIND_TRIES: u32 = 5;
/// The queues on the exchange; the witness first, so that it misses nothing when they are bound again.
const BOUND: [&str; 2] = [witness::QUEUE, QUEUE];

impl OwnServers {
    /// Takes the exchange's bindings away, and everybody's right to declare new ones or to bind the service's queue again.
    /// Read back.
    pub(in crate::run) async fn unbind_for_good(&self) -> Result<&'static str> {
        let management = self.management();
        let mut bound: &[&str] = &BOUND;
        for _ in 0..UNBIND_TRIES {
            // Who unbinds a queue needs the same right as who binds it: the service may bind it again in between.
            management.permit(self.vhost(), ".*").await?;
            for queue in bound {
                management.unbind(self.vhost(), EXCHANGE, queue).await?;
            }
            let publish = format!("^(amq\\.default|{EXCHANGE}|{})$", witness::QUEUE);
            management.permit_only(self.vhost(), "^$", &publish).await?;
            if management.bindings(self.vhost(), EXCHANGE).await? == 0 {
                return Ok("exchange_without_bindings");
            }
            bound = &[QUEUE];
        }
        bail!("{EXCHANGE} was bound again {UNBIND_TRIES} times")
    }

    /// Undoes [`unbind_for_good`](Self::unbind_for_good). Read back.
    pub(in crate::run) async fn permit_to_bind(&self) -> Result<()> {
        let management = self.management();
        let [witness, queue] = BOUND;
        management.bind(self.vhost(), EXCHANGE, witness).await?;
        management.permit(self.vhost(), ".*").await?;
        management.bind(self.vhost(), EXCHANGE, queue).await?;
        let bound = management.bindings(self.vhost(), EXCHANGE).await?;
        if bound != BOUND.len() {
            bail!("{EXCHANGE} has {bound} bindings, not {}", BOUND.len());
        }
        Ok(())
    }

    /// What the broker repeated to the service's consumer.
    pub async fn redelivered_to_consumer(&self) -> Result<u64> {
        self.management().redelivered(self.vhost(), QUEUE).await
    }
}
