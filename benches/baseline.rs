//! What the outbox is measured against: the broker alone, the database alone, and the relay that everybody writes.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{FutureExt, StreamExt, future::join_all};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer, PublisherConfirm,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions,
    },
    types::{AMQPValue, FieldTable},
};
use outbox_harness::system::PROCESSES;
use outbox_service::{
    events::{self, BidPlaced},
    outbox::{self, ClaimPolicy, Frontier, lanes},
};
use sqlx::{ConnectOptions, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;
use uuid::Uuid;

use crate::site::{Cast, Site};

const EXCHANGE: &str = "auction.events";
const QUEUE: &str = "auction.bids";
/// The consumer's, as shipped.
const PREFETCH: u16 = 1_000;
/// Unconfirmed messages of the raw publisher; more makes it no faster.
const IN_FLIGHT: usize = 1_000;
/// Publish futures polled together.
const SLICE: usize = 64;
/// The relay's window, as shipped.
const WINDOW: i64 = 500;
const LEASE: Duration = Duration::from_secs(60);
/// As shipped.
const POLICY: ClaimPolicy = ClaimPolicy {
    hold_failed: true,
    suspect_from: 5,
};
/// The longest silence of a broker that works.
const SILENCE: Duration = Duration::from_secs(20);

/// A broker connection around everything. The service declares its topology first, by starting once.
pub struct Wire {
    connection: Connection,
    channel: Channel,
}

impl Wire {
    /// Lets the service declare exchange and queue, then connects beside it.
    pub async fn open(site: &Site<'_>) -> Result<Self> {
        let declares = site
            .start(Cast {
                consumers: 1,
                ..Cast::default()
            })
            .await?;
        declares.stop(&PROCESSES).await;
        Self::join(site).await
    }

    /// Connects to what is declared already.
    pub async fn join(site: &Site<'_>) -> Result<Self> {
        let properties = ConnectionProperties::default().with_connection_name("bench".into());
        let connection = Connection::connect(&site.servers.amqp_url(), properties).await?;
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            connection,
            channel,
        })
    }

    /// What is in the service's queue, and comes into it.
    pub async fn deliveries(&self) -> Result<Consumer> {
        let prefetch = BasicQosOptions::default();
        self.channel.basic_qos(PREFETCH, prefetch).await?;
        let consume = self.channel.basic_consume(
            QUEUE.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        Ok(consume.await?)
    }

    /// Acks everything up to `tag`.
    pub async fn ack(&self, tag: u64) -> Result<()> {
        let all = BasicAckOptions { multiple: true };
        Ok(self.channel.basic_ack(tag, all).await?)
    }

    /// Ends in order.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close(200, "done".into()).await?)
    }

    async fn publish(&self, message: &RawMessage) -> lapin::Result<PublisherConfirm> {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        self.channel
            .basic_publish(
                EXCHANGE.into(),
                "".into(),
                mandatory,
                &message.body,
                message.properties.clone(),
            )
            .await
    }

    /// Publishes everything with a sliding window of confirms, as fast as the broker goes.
    pub async fn flood(&self, messages: &[RawMessage]) -> Result<Duration> {
        let began = Instant::now();
        let mut in_flight = VecDeque::with_capacity(IN_FLIGHT + SLICE);
        for slice in messages.chunks(SLICE) {
            for sent in join_all(slice.iter().map(|message| self.publish(message))).await {
                in_flight.push_back(sent?);
            }
            while in_flight.len() > IN_FLIGHT {
                confirmed(&mut in_flight).await?;
            }
        }
        while !in_flight.is_empty() {
            confirmed(&mut in_flight).await?;
        }
        Ok(began.elapsed())
    }

    /// Takes `count` messages and acks whatever is there with one ack, and does nothing else. Timed from the first one on.
    pub async fn take(&self, count: u64) -> Result<Duration> {
        let mut deliveries = self.deliveries().await?;
        let (mut began, mut taken) = (None, 0);
        while taken < count {
            let mut last = timeout(SILENCE, deliveries.next())
                .await?
                .context("no more deliveries")??;
            began.get_or_insert_with(Instant::now);
            taken += 1;
            for _ in 0..500 {
                let Some(Some(more)) = deliveries.next().now_or_never() else {
                    break;
                };
                last = more?;
                taken += 1;
            }
            self.ack(last.delivery_tag).await?;
        }
        Ok(began.map_or(Duration::ZERO, |began| began.elapsed()))
    }
}

async fn confirmed(in_flight: &mut VecDeque<PublisherConfirm>) -> Result<()> {
    let confirm = in_flight.pop_front().context("nothing is in flight")?;
    let answer = timeout(SILENCE, confirm).await??;
    ensure!(answer.is_ack(), "the broker did not confirm: {answer:?}");
    Ok(())
}

/// A message as the relay's, made without it.
pub struct RawMessage {
    body: Vec<u8>,
    properties: BasicProperties,
}

/// `count` bids over a thousand auctions, each auction's in order.
pub fn messages(count: u64) -> Vec<RawMessage> {
    (0..count as i64)
        .map(|n| {
            let auction_id = Uuid::from_u128((n % 1_000) as u128 + 1);
            message(auction_id, n / 1_000 + 1)
        })
        .collect()
}

/// The bid at this place of an auction.
pub fn message(auction_id: Uuid, sequence: i64) -> RawMessage {
    let event = BidPlaced {
        bid_id: Uuid::now_v7().to_string(),
        user_id: format!("bidder-{}", sequence % 500),
        amount: 1_000 + sequence,
        timestamp: Some(chrono::Utc::now().into()),
        auction_id: auction_id.to_string(),
        sequence,
    };
    RawMessage::new(Uuid::now_v7(), &event)
}

impl RawMessage {
    fn new(id: Uuid, event: &BidPlaced) -> Self {
        let text = |value: &str| AMQPValue::LongString(value.into());
        let mut headers = FieldTable::default();
        headers.insert("bid_id".into(), text(&event.bid_id));
        headers.insert("auction_id".into(), text(&event.auction_id));
        headers.insert("sequence".into(), AMQPValue::LongLongInt(event.sequence));
        Self {
            body: events::to_wire(event),
            properties: BasicProperties::default()
                .with_content_type(events::CONTENT_TYPE.into())
                .with_type(events::BID_PLACED.into())
                .with_message_id(id.to_string().into())
                .with_timestamp(1_764_000_000)
                .with_delivery_mode(2)
                .with_headers(headers),
        }
    }
}

/// A connection as the relay has it.
pub async fn relay_connection(site: &Site<'_>) -> Result<PgConnection> {
    let options: PgConnectOptions = site.servers.database_url().parse()?;
    Ok(options.options(outbox_service::BY_INDEX).connect().await?)
}

/// Claims and marks everything that waits, one window after the other, without a broker. Says how long claims alone took,
/// one by one, after `first_looks` of a single event.
pub async fn claim_and_mark(
    connection: &mut PgConnection,
    first_looks: usize,
    windows: usize,
) -> Result<Vec<Duration>> {
    let relay = Uuid::now_v7();
    let (mut claims, mut frontier) = (Vec::new(), Frontier::default());
    let beat = lanes::beat(connection, relay, LEASE, false, POLICY.suspect_from * 2).await?;
    frontier.own(&beat.held);
    while claims.len() < first_looks + windows {
        let size = if claims.len() < first_looks {
            1
        } else {
            WINDOW
        };
        let began = Instant::now();
        let claim = outbox::claim(connection, relay, (size, size), POLICY, &mut frontier).await?;
        claims.push(began.elapsed());
        if claim.events.is_empty() && !claim.more {
            break;
        }
        let marked = outbox::mark_published(connection, &claim.events, false).await?;
        ensure!(marked.stale == 0, "marks went missing");
    }
    lanes::leave(connection, relay).await?;
    Ok(claims.split_off(first_looks.min(claims.len())))
}

/// The textbook relay: one row, one publish, one confirm, one update, `events` times.
pub async fn textbook(site: &Site<'_>, wire: &Wire, events: u64) -> Result<Duration> {
    let mut connection = PgConnection::connect(&site.servers.database_url()).await?;
    // It has the index that it needs, and ours have none of its kind.
    sqlx::query("CREATE INDEX textbook ON outbox_events (position) WHERE status = 'pending'")
        .execute(&mut connection)
        .await?;
    let began = Instant::now();
    for _ in 0..events {
        let (id, kind, payload): (Uuid, String, String) = sqlx::query_as(
            "SELECT id, event_type, payload::text FROM outbox_events
             WHERE status = 'pending' ORDER BY position LIMIT 1",
        )
        .fetch_one(&mut connection)
        .await?;
        let event = events::from_outbox(&kind, payload.as_bytes())?;
        let confirm = wire.publish(&RawMessage::new(id, &event)).await?;
        let answer = timeout(SILENCE, confirm).await??;
        ensure!(answer.is_ack(), "the broker did not confirm: {answer:?}");
        sqlx::query(
            "UPDATE outbox_events SET status = 'published', processed_at = now() WHERE id = $1",
        )
        .bind(id)
        .execute(&mut connection)
        .await?;
    }
    let took = began.elapsed();
    sqlx::query("DROP INDEX textbook")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(took)
}
