//! Deliveries as a consumer sees them, stamped when they arrive. Every bid carries in its `bid_id` when it should have
//! been sent, so that a stall of the sender counts, too.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use futures_util::StreamExt;
use lapin::{message::Delivery, types::AMQPValue};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::{arrival::Arrival, baseline::Wire, site::Site, stage};

/// Consumes the service's queue in the consumer's place until dropped.
pub struct Listener {
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    _reader: AbortOnDropHandle<()>,
}

impl Listener {
    pub async fn start(site: &Site<'_>) -> Result<Self> {
        let wire = Wire::join(site).await?;
        let deliveries = wire.deliveries().await?;
        let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
        let into = arrivals.clone();
        let reader = tokio::spawn(async move {
            let mut seen = HashSet::new();
            // A batch is what is there; one ack for all of it.
            let mut batches = deliveries.ready_chunks(500);
            while let Some(batch) = batches.next().await {
                let at = micros_now();
                let mut last = None;
                for delivery in batch.into_iter().flatten() {
                    last = Some(delivery.delivery_tag);
                    if let Some(id) = bid_id(&delivery).filter(|id| seen.insert(*id)) {
                        let due = due(id);
                        into.lock()
                            .expect("nobody panics here")
                            .push(Arrival { due, at });
                    }
                }
                if let Some(last) = last
                    && wire.ack(last).await.is_err()
                {
                    return;
                }
            }
        });
        Ok(Self {
            arrivals,
            _reader: AbortOnDropHandle::new(reader),
        })
    }

    /// Waits until `count` bids have arrived, and takes them; what is missing after `within` is an error.
    pub async fn take(&self, count: usize, within: Duration) -> Result<Vec<Arrival>> {
        let arrived = || async { Ok((self.lock().len() >= count).then_some(())) };
        stage::until("the arrival of all bids", within, arrived).await?;
        Ok(std::mem::take(&mut *self.lock()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().expect("nobody panics here")
    }
}

fn bid_id(delivery: &Delivery) -> Option<Uuid> {
    let headers = delivery.properties.headers().as_ref()?;
    match headers.inner().get("bid_id")? {
        AMQPValue::LongString(id) => Uuid::try_parse_ascii(id.as_bytes()).ok(),
        _ => None,
    }
}

/// Now, in microseconds.
pub fn micros_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_micros() as u64
}

/// A UUIDv7 whose milliseconds and first random bits say when its bid is due.
pub fn due_id(due: u64, salt: u64) -> Uuid {
    let (millis, micros) = (due / 1_000, due % 1_000);
    Uuid::from_u64_pair(millis << 16 | 7 << 12 | micros, 2 << 62 | salt)
}

fn due(id: Uuid) -> u64 {
    let (high, _) = id.as_u64_pair();
    (high >> 16) * 1_000 + (high & 0xfff)
}
