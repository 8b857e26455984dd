//! The consumer: receive → apply → ack. A batch is acked after the commit of all of it; whatever is delivered again changes
//! nothing.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};
use tokio_util::sync::CancellationToken;
use tracing::{Span, error, info, warn};

use crate::{
    backoff::Backoff,
    broker::{Broker, Outage, answer},
    database::{Database, DatabaseError},
    inbox::{self, NotReceived, Received, ReceivedBid},
    metrics::ConsumerMetrics,
    readiness::{Dependency, Readiness},
    traces,
};

mod depth;
mod held;
mod purge;

use held::{Held, Ids};

/// How long one batch's transaction may take before its connection is given up.
pub(crate) const APPLY_WITHIN: Duration = Duration::from_secs(10);

/// From here on two connections are quicker than one.
const WORTH_HALVING: usize = 64;

/// How a consumer works.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// Deliveries the broker may have outstanding with this consumer: at least two batches.
    pub prefetch: u16,
    /// Deliveries applied in one transaction, at most; whatever is there is taken, nothing is waited for.
    pub batch: usize,
    /// How long applied bids are kept.
    pub retention: Duration,
}

/// A consumer process's parts.
pub struct Consumer {
    database: Database,
    broker: Broker,
    settings: ConsumerSettings,
    metrics: ConsumerMetrics,
    rabbitmq: Dependency,
    postgres: Dependency,
}

impl Consumer {
    /// Puts a consumer together; nothing is contacted yet.
    pub fn new(
        database: Database,
        broker: Broker,
        settings: ConsumerSettings,
        metrics: ConsumerMetrics,
        readiness: &Readiness,
    ) -> Self {
        Self {
            database,
            broker,
            settings,
            metrics,
            rabbitmq: readiness.depend_on("rabbitmq (consumer)"),
            postgres: readiness.depend_on("postgres (consumer)"),
        }
    }

    /// Consumes until `stop`, then finishes the batch at hand; what was not acked is delivered to somebody else.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(self.sessions(&stop), self.purge_applied(&stop));
        info!("consumer stopped");
    }

    async fn sessions(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        while !stop.is_cancelled() {
            if let Err(outage) = self.session(stop, &mut backoff).await {
                self.rabbitmq.down(outage.to_string());
                warn!(%outage, "broker outage; deliveries wait");
                backoff.pause(stop).await;
            }
        }
    }

    /// One connection to the broker, from opening it to the first thing that goes wrong.
    async fn session(&self, stop: &CancellationToken, backoff: &mut Backoff) -> Result<(), Outage> {
        let (link, channel) = tokio::select! {
            opened = self.broker.open("consumer") => opened?,
            () = stop.cancelled() => return Ok(()),
        };
        let qos = channel.basic_qos(self.settings.prefetch, BasicQosOptions::default());
        answer("setting the prefetch", qos).await?;
        let consume = channel.basic_consume(
            self.broker.queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let deliveries = answer("subscribing", consume).await?;
        self.rabbitmq.up();
        // Until a statement of ours is refused; whether Postgres is there is asked elsewhere.
        self.postgres.up();
        backoff.reset();
        let served = self.serve(&channel, deliveries, stop);
        tokio::select! {
            served = served => served?,
            never = depth::watch(&link, &self.broker.queue, &self.metrics) => match never {},
        }
        link.close().await;
        Ok(())
    }

    /// Batch by batch until `stop`.
    async fn serve(
        &self,
        channel: &Channel,
        mut deliveries: lapin::Consumer,
        stop: &CancellationToken,
    ) -> Result<(), Outage> {
        loop {
            let first = tokio::select! {
                delivery = deliveries.next() => delivery.ok_or(Outage::Cancelled)??,
                () = stop.cancelled() => break,
            };
            let mut batch = vec![first];
            while batch.len() < self.settings.batch {
                match deliveries.next().now_or_never() {
                    Some(Some(delivery)) => batch.push(delivery?),
                    _ => break,
                }
            }
            if !self.apply_and_ack(channel, batch, stop).await? {
                break;
            }
        }
        Ok(())
    }

    /// Applies and acks a batch; what can never be applied goes to the dead-letter queue. False when stopped first.
    ///
    /// A delivery is answered once: what was rejected is in nobody's hands any more, and a broker that is asked to ack
    /// it closes the channel. The last ack therefore names the last delivery that was not rejected.
    async fn apply_and_ack(
        &self,
        channel: &Channel,
        batch: Vec<Delivery>,
        stop: &CancellationToken,
    ) -> Result<bool, Outage> {
        let mut held = Vec::with_capacity(batch.len());
        for delivery in batch {
            let span = traces::process(&delivery, &self.broker.queue);
            match held::decode(&delivery) {
                Ok(bid) => held.push(Held {
                    delivery,
                    bid,
                    span,
                }),
                Err(reason) => self.dead_letter(channel, &delivery, &span, &reason).await?,
            }
        }
        let acked = self.apply_and_ack_held(channel, &mut held, stop).await;
        if !matches!(acked, Ok(true)) {
            for delivery in &held {
                traces::failed(&delivery.span, "not acked: it is delivered again");
            }
        }
        acked
    }

    async fn apply_and_ack_held(
        &self,
        channel: &Channel,
        held: &mut Vec<Held>,
        stop: &CancellationToken,
    ) -> Result<bool, Outage> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let mut received = false;
        loop {
            let step = match received {
                false => self.apply(channel, held).await?,
                true => self.go_on(held).await,
            };
            match step {
                Ok(step) if step.more => {
                    received = true;
                    backoff.reset();
                }
                Ok(_) => break,
                Err(error) => {
                    self.wait_for(&error, held);
                    backoff.pause(stop).await;
                }
            }
            if !channel.status().connected() {
                return Err(Outage::Cancelled);
            }
            if stop.is_cancelled() {
                return Ok(false);
            }
        }
        self.postgres.up();
        if let Some(last) = held.last() {
            let everything = BasicAckOptions { multiple: true };
            let tag = last.delivery.delivery_tag;
            answer("acking", channel.basic_ack(tag, everything)).await?;
        }
        Ok(true)
    }

    /// Says what the deliveries wait for. What does not pass by itself is no outage, and readiness names it.
    fn wait_for(&self, error: &DatabaseError, held: &[Held]) {
        let first = held.first().map(|held| Ids::of(&held.delivery));
        let (first, deliveries) = (first.unwrap_or_default(), held.len());
        let (event, auction, trace_id) = (first.event, first.auction, first.trace);
        if error.is_passing() {
            warn!(%error, deliveries, event, auction, trace_id, "database outage; deliveries wait");
        } else {
            error!(%error, deliveries, event, auction, trace_id, "the database does not take the consumer's statements; deliveries wait");
            self.postgres.down(format!(
                "{error} (is its schema this version's? `outbox-service migrate`)"
            ));
        }
    }

    /// One transaction for all, or, when the database refuses one of them for what it is, one for each: the culprit goes to the
    /// dead-letter queue, is held no longer, and holds nobody up.
    async fn apply(
        &self,
        channel: &Channel,
        held: &mut Vec<Held>,
    ) -> Result<Result<Received, DatabaseError>, Outage> {
        let all: Vec<ReceivedBid> = held.iter().map(|held| held.bid.clone()).collect();
        if all.is_empty() {
            return Ok(Ok(Received::default()));
        }
        match self.receive(&all).await {
            Ok(step) => return Ok(Ok(step)),
            Err(NotReceived::Misplaced(_) | NotReceived::Database(DatabaseError::Refused(_))) => {}
            Err(NotReceived::Database(error)) => return Ok(Err(error)),
        }
        let mut step = Received::default();
        let mut next = 0;
        while let Some(one) = held.get(next) {
            let refused = match self.receive(std::slice::from_ref(&one.bid)).await {
                Ok(received) => {
                    step = step + received;
                    next += 1;
                    continue;
                }
                Err(NotReceived::Database(DatabaseError::Refused(refused))) => refused.to_string(),
                Err(NotReceived::Database(error)) => return Ok(Err(error)),
                Err(misplaced) => misplaced.to_string(),
            };
            self.dead_letter(channel, &one.delivery, &one.span, &refused)
                .await?;
            held.remove(next);
        }
        Ok(Ok(step))
    }

    /// A small batch in one transaction, a large one in two side by side. If one of them fails, all of it is tried again:
    /// what the other has received is known by then.
    async fn receive(&self, bids: &[ReceivedBid]) -> Result<Received, NotReceived> {
        let received = if bids.len() < WORTH_HALVING {
            self.transact(bids).await?
        } else {
            let [one, other] = inbox::halves(bids);
            let (one, other) = tokio::join!(self.transact(&one), self.transact(&other));
            one? + other?
        };
        self.metrics.received.inc_by(bids.len() as u64);
        self.metrics.duplicates.inc_by(received.duplicates);
        self.metrics.applied.inc_by(received.applied);
        self.metrics
            .parked
            .inc_by(received.new.saturating_sub(received.applied));
        Ok(received)
    }

    async fn transact(&self, bids: &[ReceivedBid]) -> Result<Received, NotReceived> {
        let work = async |conn: &mut _| inbox::receive(conn, bids).await;
        self.database.within(APPLY_WITHIN, work).await
    }

    /// Applies some more of the parked bids that the batch has made it the turn of.
    async fn go_on(&self, held: &[Held]) -> Result<Received, DatabaseError> {
        let bids: Vec<ReceivedBid> = held.iter().map(|held| held.bid.clone()).collect();
        let work = async |conn: &mut _| Ok::<_, DatabaseError>(inbox::go_on(conn, &bids).await?);
        let applied = self.database.within(APPLY_WITHIN, work).await?;
        self.metrics.applied.inc_by(applied.applied);
        Ok(applied)
    }

    async fn dead_letter(
        &self,
        channel: &Channel,
        delivery: &Delivery,
        span: &Span,
        reason: &str,
    ) -> Result<(), Outage> {
        let Ids {
            event,
            auction,
            bid,
            trace: trace_id,
        } = Ids::of(delivery);
        warn!(
            reason,
            event, auction, bid, trace_id, "delivery goes to the dead-letter queue"
        );
        traces::failed(span, reason);
        self.metrics.dead_lettered.inc();
        let drop_it = BasicRejectOptions { requeue: false };
        answer(
            "rejecting",
            channel.basic_reject(delivery.delivery_tag, drop_it),
        )
        .await
    }
}
