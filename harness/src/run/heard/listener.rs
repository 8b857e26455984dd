//! A listener: reads one place until dropped, through every outage of the broker.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use futures_util::StreamExt;
use lapin::{Connection, ConnectionProperties, message::Delivery, options::BasicAckOptions};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Gap, Noted, Sink,
    fence::FENCE,
    message::Message,
    place::{Closed, Lasting, Place},
    reading::Reading,
    seen::Seen,
};
use crate::ask::target::address::Property;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// How far a listener has come with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hearing {
    /// Nobody has declared it, or the broker is away: why, as it was last.
    NotYet(String),
    /// Everything that is routed there from now on will be heard.
    Listens,
    /// It never will.
    Never(String),
}

/// Reads one place.
pub(super) struct Listener {
    pub place: Arc<Place>,
    pub seen: Arc<Seen>,
    pub hearing: watch::Receiver<Hearing>,
    _task: AbortOnDropHandle<()>,
}

impl Listener {
    /// Begins to listen; a place that is there already is listened to when this returns.
    pub async fn start(amqp_url: String, place: Place, reading: Reading, sink: Sink) -> Self {
        let (hearing_in, mut hearing) = watch::channel(Hearing::NotYet("not tried".to_owned()));
        let (place, seen) = (Arc::new(place), Arc::new(Seen::default()));
        let session = Session {
            amqp_url,
            place: place.clone(),
            reading,
            seen: seen.clone(),
            sink,
            hearing: hearing_in,
            lasting: None,
            missed: None,
        };
        let task = AbortOnDropHandle::new(tokio::spawn(session.listen()));
        // The first try, however it ends, is one change.
        let _ = timeout(ANSWER_WITHIN, hearing.changed()).await;
        Self {
            place,
            seen,
            hearing,
            _task: task,
        }
    }

    /// Waits until the place is listened to.
    pub async fn ready(&self, within: Duration) -> Result<()> {
        let mut hearing = self.hearing.clone();
        let come = hearing.wait_for(|hearing| !matches!(hearing, Hearing::NotYet(_)));
        let come = timeout(within, come)
            .await
            .map(|come| come.map(|hearing| hearing.clone()));
        let place = &self.place;
        match come {
            Ok(Ok(Hearing::Listens)) => Ok(()),
            Ok(Ok(Hearing::Never(why))) => bail!("{place} cannot be listened to: {why}"),
            Ok(Ok(Hearing::NotYet(_)) | Err(_)) => bail!("the listener at {place} has ended"),
            Err(_) => {
                let last = match &*self.hearing.borrow() {
                    Hearing::NotYet(last) => last.clone(),
                    _ => String::new(),
                };
                let declared_by = match place.exchange() {
                    Some(name) => format!("exchanges = [\"{name} topic\"]"),
                    None => format!("queues = [\"{}\"]", place.queue()),
                };
                Err(anyhow!(last)).with_context(|| format!(
                    "{place} could not be listened to within {within:?}; the target is expected to declare it: is the name right? Where nobody does, [setup] {declared_by} has the lab do it"
                ))
            }
        }
    }
}

/// What a listener's task works on.
struct Session {
    amqp_url: String,
    place: Arc<Place>,
    reading: Reading,
    seen: Arc<Seen>,
    sink: Sink,
    hearing: watch::Sender<Hearing>,
    lasting: Option<Lasting>,
    /// Why messages may have gone by unheard since the connection was lost.
    missed: Option<String>,
}

impl Session {
    async fn listen(mut self) {
        let mut lost: Option<(Instant, String)> = None;
        loop {
            match self.subscribe().await {
                Ok((connection, consumer)) => {
                    if let Some((since, why)) = lost.take() {
                        (self.sink)(Noted::Gap(Gap {
                            place: self.place.to_string(),
                            why,
                            for_ms: since.elapsed().as_millis() as u64,
                            missed: self.missed.take(),
                        }));
                    }
                    self.hearing.send_replace(Hearing::Listens);
                    let why = self.read(consumer).await;
                    if self.lasting == Some(Lasting::Transient) {
                        self.missed =
                            Some("it is not durable, and ends with the broker".to_owned());
                    }
                    self.hearing.send_replace(Hearing::NotYet(why.clone()));
                    lost = Some((Instant::now(), why));
                    drop(connection);
                }
                Err(error) => {
                    let said = error.to_string();
                    match error {
                        Failed::Closed(Closed::Another(_)) => {
                            self.hearing.send_replace(Hearing::Never(said));
                            return;
                        }
                        Failed::Closed(Closed::NotThere) if lost.is_some() => {
                            let gone = "it was not there when the broker was back".to_owned();
                            self.missed = Some(gone);
                        }
                        _ => {}
                    }
                    self.hearing.send_replace(Hearing::NotYet(said));
                }
            }
            sleep(RETRY_AFTER).await;
        }
    }

    async fn subscribe(&mut self) -> Result<(Connection, lapin::Consumer), Failed> {
        let properties = ConnectionProperties::default().with_connection_name("lab witness".into());
        let connect = Connection::connect(&self.amqp_url, properties);
        let connection = within(async { Ok(connect.await?) }).await?;
        if self.lasting.is_none() {
            let looked = async {
                // What is not as expected closes the channel that asked.
                let channel = connection.create_channel().await?;
                self.place.look(&channel).await
            };
            self.lasting = Some(within(looked).await?);
        }
        let open = async {
            let channel = connection.create_channel().await?;
            self.place.open(&channel).await
        };
        let consumer = within(open).await?;
        Ok((connection, consumer))
    }

    /// Reads until the connection is lost, and says how that was.
    async fn read(&self, mut consumer: lapin::Consumer) -> String {
        loop {
            match consumer.next().await {
                Some(Ok(delivery)) => {
                    self.note(&delivery);
                    if let Err(error) = delivery.acker.ack(BasicAckOptions::default()).await {
                        return error.to_string();
                    }
                }
                Some(Err(error)) => return error.to_string(),
                None => return "the broker ended it".to_owned(),
            }
        }
    }

    fn note(&self, delivery: &Delivery) {
        let message = Message::from(delivery);
        if message.property(Property::Type) == Some(FENCE) {
            let name = message.property(Property::MessageId).unwrap_or_default();
            // In the history before anybody acts on it: what follows it there was done after it.
            if !self.seen.is_fenced(name) {
                (self.sink)(Noted::Fenced {
                    place: self.place.to_string(),
                });
            }
            self.seen.fence(name);
            return;
        }
        let heard = self.reading.of(&message);
        let digest = heard
            .first()
            .map(|one| one.digest.clone())
            .unwrap_or_default();
        // The broker repeats to the lab what the lab could not ack: its own doing, not the target's.
        if self.seen.came_before(&message, &digest) && message.redelivered {
            return;
        }
        (self.sink)(Noted::Came(message.clone()));
        for one in &heard {
            (self.sink)(Noted::Heard(one.clone()));
        }
        self.seen.take(&message, &heard);
    }
}

/// Why there is no subscription.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Closed(#[from] Closed),
    #[error("the broker did not answer within {ANSWER_WITHIN:?}")]
    Silent,
}

async fn within<T>(work: impl Future<Output = Result<T, Closed>>) -> Result<T, Failed> {
    match timeout(ANSWER_WITHIN, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Failed::Silent),
    }
}
