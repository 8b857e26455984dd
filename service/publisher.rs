//! Confirmed publishing: a window of messages goes out pipelined, and each one's fate is known before the next window.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    broker::{Broker, Outage, answer},
    events::{self, BidPlaced},
};

/// Publish futures polled together: enough to fill the socket, few enough to be polled cheaply.
const SLICE: usize = 64;
const PERSISTENT: u8 = 2;

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

/// A window's fates, in the order of its messages, and the outage that cut it short, if one did.
#[derive(Debug)]
pub(crate) struct Published {
    pub fates: Vec<Fate>,
    pub outage: Option<Outage>,
}

/// The only owner of a channel in confirm mode. Sharing one channel among tasks can swap delivery tags.
pub(crate) struct Publisher {
    connection: Connection,
    channel: Channel,
    exchange: ShortString,
    /// How long nothing may move before the connection is given up.
    patience: Duration,
}

impl Publisher {
    /// Connects, declares the topology and switches confirms on. A window fails when
    /// nothing of it moved for `patience`: a slow link is not an outage.
    pub async fn connect(broker: &Broker, role: &str, patience: Duration) -> Result<Self, Outage> {
        let (connection, channel) = broker.open(role).await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        answer("switching confirms on", confirms).await?;
        Ok(Self {
            connection,
            channel,
            exchange: broker.exchange.as_str().into(),
            patience,
        })
    }

    /// Publishes a window of messages in order and waits until each one's fate is known.
    ///
    /// The window is empty again when this returns. That is what makes returns safe: lapin hands a returned message to
    /// whichever confirm resolves next, so only the whole window tells, by message id, which ones were returned.
    /// After an outage the publisher is of no more use.
    pub async fn publish(&self, window: &[Message]) -> Published {
        if self.connection.status().blocked() {
            return Published {
                fates: vec![Fate::Unknown; window.len()],
                outage: Some(Outage::Blocked),
            };
        }
        let mut outage = None;
        let sent = self.send_all(window, &mut outage).await;
        let mut answers = Vec::with_capacity(window.len());
        for confirm in sent {
            answers.push(self.confirmed(confirm, &mut outage).await);
        }
        answers.resize_with(window.len(), || None);
        Published {
            fates: decide(window, answers),
            outage,
        }
    }

    /// Sends slice by slice until all is written or nothing moves any more.
    async fn send_all(
        &self,
        window: &[Message],
        outage: &mut Option<Outage>,
    ) -> Vec<lapin::Result<PublisherConfirm>> {
        let mut sent = Vec::with_capacity(window.len());
        for slice in window.chunks(SLICE) {
            let publishes = join_all(slice.iter().map(|message| self.send(message)));
            match timeout(self.patience, publishes).await {
                Ok(results) => sent.extend(results),
                Err(_) => {
                    *outage = Some(Outage::Silent(self.patience, "taking a window"));
                    break;
                }
            }
        }
        sent
    }

    /// One confirm. Also polled after an outage, though not waited for: each resolved confirm may carry a return.
    async fn confirmed(
        &self,
        confirm: lapin::Result<PublisherConfirm>,
        outage: &mut Option<Outage>,
    ) -> Option<Confirmation> {
        let patience = if outage.is_some() {
            Duration::ZERO
        } else {
            self.patience
        };
        let answer = match confirm {
            Ok(confirm) => timeout(patience, confirm).await,
            Err(lost) => Ok(Err(lost)),
        };
        let problem = match answer {
            Ok(Ok(Confirmation::NotRequested)) => Outage::NoConfirms,
            Ok(Ok(confirmation)) => return Some(confirmation),
            Ok(Err(lost)) => Outage::Lost(lost),
            Err(_) => Outage::Silent(self.patience, "confirming a window"),
        };
        outage.get_or_insert(problem);
        None
    }

    async fn send(&self, message: &Message) -> lapin::Result<PublisherConfirm> {
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
                message.properties.clone(),
            )
            .await
    }

    /// Closes politely; the broker would notice anyway.
    pub async fn close(self) {
        let _ = answer("closing", self.connection.close(200, "done".into())).await;
    }
}

/// Matches a window with its answers. Returns count by message id, never by the confirm that carried them.
fn decide(window: &[Message], answers: Vec<Option<Confirmation>>) -> Vec<Fate> {
    let complete = answers.iter().all(Option::is_some);
    let returned: HashSet<String> = answers.iter().flatten().filter_map(returned_id).collect();
    window
        .iter()
        .zip(answers)
        .map(|(message, answer)| {
            if returned.contains(&message.id.to_string()) {
                return Fate::Returned;
            }
            match answer {
                Some(Confirmation::Ack(None)) => Fate::Confirmed,
                // Somebody else's return came with this confirm. Were an answer still missing, this message's own
                // return might be waiting for it.
                Some(Confirmation::Ack(Some(_))) if complete => Fate::Confirmed,
                Some(Confirmation::Nack(_)) => Fate::Nacked,
                Some(Confirmation::Ack(Some(_)) | Confirmation::NotRequested) | None => {
                    Fate::Unknown
                }
            }
        })
        .collect()
}

fn returned_id(confirmation: &Confirmation) -> Option<String> {
    let (Confirmation::Ack(returned) | Confirmation::Nack(returned)) = confirmation else {
        return None;
    };
    let id = returned
        .as_ref()?
        .delivery
        .properties
        .message_id()
        .clone()?;
    Some(id.to_string())
}
