//! Confirmed publishing: windows of messages go out one behind the other, and each message's fate is learnt.
//!
//! lapin hands a returned message to whichever confirm resolves next, so that a confirm says nothing of its own message
//! alone. What can be relied on: a return arrives before its own message's confirm, and returns are handed out in order,
//! one a confirm. Hence a confirm that carries nothing found no return waiting, its own included: its message was
//! returned only if a confirm that resolved earlier, on whatever message, carries it. And once a return was seen
//! anywhere, only the whole pipe, answered to the last confirm, tells which messages are gone.

mod flight;

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, future::join_all, stream::BoxStream};
use lapin::{
    BasicProperties, Channel, ConnectionStatus, Event, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    broker::{Broker, Link, Outage, answer},
    events::{self, BidPlaced},
};
use flight::{Answers, Flight};

/// Publish futures polled together: enough to fill the socket, few enough to be polled cheaply.
const SLICE: usize = 64;
/// AMQP's delivery mode of what outlives a restart of the broker.
pub(crate) const PERSISTENT: u8 = 2;

/// An event ready to go out.
#[derive(Debug)]
pub(crate) struct Message {
    /// AMQP `message_id`, the same on every retry.
    pub id: Uuid,
    body: Vec<u8>,
    properties: BasicProperties,
}

impl Message {
    /// Encodes an event and its headers.
    pub fn new(id: Uuid, event: &BidPlaced, traceparent: Option<&str>) -> Self {
        let mut headers = FieldTable::default();
        let text = |value: &str| AMQPValue::LongString(value.into());
        headers.insert("bid_id".into(), text(&event.bid_id));
        headers.insert("auction_id".into(), text(&event.auction_id));
        headers.insert("sequence".into(), AMQPValue::LongLongInt(event.sequence));
        if let Some(traceparent) = traceparent {
            headers.insert("traceparent".into(), text(traceparent));
        }
        let placed_at = event
            .timestamp
            .as_ref()
            .map_or(0, |timestamp| timestamp.seconds.max(0) as u64);
        Self {
            id,
            body: events::to_wire(event),
            properties: BasicProperties::default()
                .with_content_type(events::CONTENT_TYPE.into())
                .with_type(events::BID_PLACED.into())
                .with_message_id(id.to_string().into())
                .with_timestamp(placed_at)
                .with_delivery_mode(PERSISTENT)
                .with_headers(headers),
        }
    }
}

/// What became of one message of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The broker has taken responsibility for it.
    Confirmed,
    /// No queue is bound where it went.
    Returned,
    /// The broker would not take it.
    Nacked,
    /// The connection ended first. It may have arrived, and goes out again.
    Unknown,
}

/// The only owner of a channel in confirm mode. Sharing one channel among tasks can swap delivery tags.
pub(crate) struct Publisher {
    link: Link,
    channel: Channel,
    exchange: ShortString,
    patience: Patience,
    /// Windows whose fates are not known yet, oldest first.
    flights: VecDeque<Flight>,
    answers: Answers,
}

impl Publisher {
    /// Connects, declares the topology and switches confirms on. The connection is given up when nothing moved for
    /// `patience`: a slow link is not an outage, and neither is a broker that has said that it takes nothing now (a memory or
    /// disk alarm): that one is waited for until it does, or until `stop`.
    pub async fn connect(
        broker: &Broker,
        role: &str,
        patience: Duration,
        stop: CancellationToken,
    ) -> Result<Self, Outage> {
        let (link, channel) = broker.open(role).await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        answer("switching confirms on", confirms).await?;
        Ok(Self {
            exchange: broker.exchange.as_str().into(),
            patience: Patience {
                within: patience,
                connection: link.connection.status().clone(),
                stop,
            },
            link,
            channel,
            flights: VecDeque::new(),
            answers: Answers::default(),
        })
    }

    /// Why this publisher is of no more use, if it is not.
    pub fn outage(&mut self) -> Option<Outage> {
        self.answers.outage.take()
    }

    /// The broker's alarms as they come and go: why it takes nothing now, or that it does again.
    pub fn alarms(&self) -> BoxStream<'static, Option<String>> {
        let events = self.link.connection.events_listener();
        let alarms = events.filter_map(async |event| match event {
            Event::ConnectionBlocked(why) => Some(Some(why)),
            Event::ConnectionUnblocked => Some(None),
            _ => None,
        });
        alarms.boxed()
    }

    /// Sends a window of messages in order. Whatever happens, [`fates`](Self::fates) tells their fates.
    pub async fn send(&mut self, window: Vec<Message>) {
        let mut flight = Flight::of(window.iter().map(|message| message.id));
        let mut rest = window.into_iter();
        while rest.len() > 0 && !self.answers.is_over() {
            let slice = rest.by_ref().take(SLICE);
            let publishes = join_all(slice.map(|message| self.publish(message)));
            match self.patience.wait(publishes).await {
                Ok(sent) => sent
                    .into_iter()
                    .for_each(|confirm| flight.sent(confirm, &mut self.answers)),
                Err(_) => {
                    // Confirms of this slice may still come, and take with them what was returned.
                    self.answers.unheard = true;
                    self.answers.give_up(self.patience.lost("taking a window"));
                }
            }
        }
        flight.seal(&mut self.answers);
        self.flights.push_back(flight);
    }

    /// Waits until the fate of each message of the oldest window is known, and says them in the window's order. Can be
    /// dropped at any time and called again.
    ///
    /// After an outage nothing is waited for: what was not answered is [`Fate::Unknown`].
    pub async fn fates(&mut self) -> Vec<Fate> {
        let Some(oldest) = self.flights.front_mut() else {
            return Vec::new();
        };
        oldest.answered(&mut self.answers, &self.patience).await;
        for younger in self.flights.iter_mut().skip(1) {
            younger.harvest(&mut self.answers);
        }
        if self.answers.has_returns() {
            for younger in self.flights.iter_mut().skip(1) {
                younger.answered(&mut self.answers, &self.patience).await;
            }
        }
        let oldest = self.flights.pop_front();
        oldest.map_or_else(Vec::new, |flight| flight.fates(&self.answers))
    }

    async fn publish(&self, message: Message) -> lapin::Result<PublisherConfirm> {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        self.channel
            .basic_publish(
                self.exchange.clone(),
                ShortString::default(),
                mandatory,
                &message.body,
                message.properties,
            )
            .await
    }

    /// Closes politely.
    pub async fn close(self) {
        self.link.close().await;
    }
}

/// How long nothing may move.
struct Patience {
    within: Duration,
    connection: ConnectionStatus,
    stop: CancellationToken,
}

/// Nothing moved.
struct Lost;

impl Patience {
    /// Waits for `what`; while the broker has blocked the connection, and nobody wants to stop, as long as that takes.
    async fn wait<T>(&self, what: impl Future<Output = T>) -> Result<T, Lost> {
        let mut what = std::pin::pin!(what);
        loop {
            // What an alarm has held up takes its time when the alarm is over.
            let asked_for = self.is_asked_for();
            match timeout(self.within, &mut what).await {
                Ok(done) => return Ok(done),
                Err(_) if self.stop.is_cancelled() => return Err(Lost),
                Err(_) if asked_for || self.is_asked_for() => {}
                Err(_) => return Err(Lost),
            }
        }
    }

    fn is_asked_for(&self) -> bool {
        self.connection.blocked() && self.connection.connected()
    }

    fn lost(&self, doing: &'static str) -> Outage {
        if self.connection.blocked() {
            Outage::Blocked
        } else {
            Outage::Silent(self.within, doing)
        }
    }
}
