//! Messages, each of which the broker has only when it says so.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Result, bail};
use futures_util::future::join_all;
use lapin::{
    Channel, Confirmation, Connection, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    broker::{self, ANSWER_WITHIN, EXCHANGE},
    bug::{Bug, fires},
    event::Event,
    outbox::Held,
    within,
};

/// How long a confirm may take.
const CONFIRM_WITHIN: Duration = Duration::from_secs(1);
/// Between two looks at a broker that takes nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// A channel that confirms.
pub struct Publisher {
    connection: Connection,
    channel: Channel,
    /// There was another one before.
    again: bool,
    was_blocked: AtomicBool,
}

impl Publisher {
    /// The first one.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_again(url, false).await
    }

    /// The first one, or one more.
    pub async fn open_again(url: &str, again: bool) -> Result<Self> {
        let (connection, channel) = broker::connect(url, "zoo-outbox relay").await?;
        if !(again && fires(Bug::ConfirmsForgotten)) {
            let confirms = channel.confirm_select(ConfirmSelectOptions::default());
            within(ANSWER_WITHIN, confirms).await??;
        }
        Ok(Self {
            connection,
            channel,
            again,
            was_blocked: AtomicBool::new(false),
        })
    }

    /// Publishes rows of different customers, and waits until the broker has all of them.
    pub async fn publish(&self, rows: &[Held], enough: Instant) -> Result<()> {
        while self.is_blocked() {
            if Instant::now() >= enough {
                bail!("the broker takes nothing");
            }
            sleep(PAUSE).await;
        }
        let mut sent = Vec::with_capacity(rows.len());
        for row in rows {
            sent.push(self.send(&row.event).await?);
        }
        if fires(Bug::MarkBeforeConfirm) {
            return Ok(());
        }
        self.have_arrived(sent).await
    }

    /// Hands a message over.
    async fn send(&self, event: &Event) -> Result<PublisherConfirm> {
        let options = BasicPublishOptions {
            mandatory: !fires(Bug::NoMandatory),
            ..BasicPublishOptions::default()
        };
        let body = event.body()?;
        let exchange = EXCHANGE.into();
        let sent =
            self.channel
                .basic_publish(exchange, "".into(), options, &body, event.properties());
        Ok(within(ANSWER_WITHIN, sent).await??)
    }

    /// Sends a message that is in no outbox.
    pub async fn send_alone(&self, event: &Event) {
        let sent = async { self.have_arrived(vec![self.send(event).await?]).await };
        if let Err(error) = sent.await {
            eprintln!("zoo-outbox api: a message is lost: {error:#}");
        }
    }

    /// Waits until the broker has all of them. What it returns is handed out with whichever confirm comes next, so that with
    /// a return none of them is known to have arrived.
    async fn have_arrived(&self, sent: Vec<PublisherConfirm>) -> Result<()> {
        let mut sent = sent;
        if self.again && fires(Bug::TagsOffByOne) {
            sent.pop();
        }
        for confirmed in join_all(sent.into_iter().map(|confirm| self.confirmed(confirm))).await {
            match confirmed? {
                Confirmation::Ack(None) => {}
                Confirmation::Ack(Some(_)) if fires(Bug::ReturnIsAck) => {}
                Confirmation::Ack(Some(_)) if fires(Bug::ReturnConfirmsWindow) => break,
                Confirmation::Ack(Some(_)) => bail!("the broker returned a message"),
                Confirmation::Nack(_) if fires(Bug::NackIsAck) => {}
                Confirmation::Nack(_) => bail!("the broker refused a message"),
                Confirmation::NotRequested if fires(Bug::ConfirmsForgotten) => {}
                Confirmation::NotRequested => bail!("the broker confirms nothing"),
            }
        }
        Ok(())
    }

    async fn confirmed(&self, confirm: PublisherConfirm) -> Result<Confirmation> {
        if fires(Bug::NoConfirmTimeout) {
            return Ok(confirm.await?);
        }
        let mut confirm = std::pin::pin!(confirm.into_future());
        loop {
            match timeout(CONFIRM_WITHIN, &mut confirm).await {
                Ok(Err(_)) if fires(Bug::LostConfirmCounts) => return Ok(Confirmation::Ack(None)),
                Ok(said) => return Ok(said?),
                Err(_) if self.is_blocked() => {}
                Err(_) if fires(Bug::LateConfirmCounts) => return Ok(Confirmation::Ack(None)),
                Err(_) => bail!("no confirm within {CONFIRM_WITHIN:?}"),
            }
        }
    }

    /// Whether the broker has said that it takes nothing.
    pub fn is_blocked(&self) -> bool {
        let status = self.connection.status();
        if status.blocked() && status.connected() {
            self.was_blocked.store(true, Relaxed);
            return true;
        }
        self.was_blocked.load(Relaxed) && fires(Bug::StuckAfterBlocked)
    }

    /// Hangs up.
    pub async fn close(&self) {
        broker::hang_up(&self.connection).await;
    }
}
