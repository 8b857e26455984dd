//! Puts dead letters back into the consumer's queue: those that the broker gave up for having been returned too often, or
//! all. A dead letter is acked only after the broker has confirmed its copy, so that whatever ends this in between leaves
//! it in one of the two queues, or in both; the consumer counts it once.

use lapin::{
    BasicProperties, Channel, Confirmation, PublisherConfirm,
    message::Delivery,
    options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{
    broker::{Broker, Outage, answer, text_of, waiting},
    publisher::PERSISTENT,
};

/// Copies on their way at once, and acks: a channel has some 32 of them under way to a quorum queue, the others wait in it,
/// and are lost when it closes. The next letter that is taken waits for those before it.
const WINDOW: u32 = 16;
/// Why a quorum queue dead-letters what was returned too often.
const DELIVERY_LIMIT: &str = "delivery_limit";

/// What became of the dead letters that were there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Redriven {
    /// They are in the consumer's queue again.
    pub put_back: u64,
    /// They were rejected for what they are, and stay.
    pub left: u64,
}

/// Why it ended early. What had been put back before stays there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error(transparent)]
    Outage(#[from] Outage),
    #[error(
        "{queue} does not take what is put back (is it there, is there room?); {put_back} were put back before"
    )]
    NotTaken { queue: String, put_back: u64 },
}

/// Looks at each message that is in the dead-letter queue now, once: what comes back meanwhile is not seen again.
pub(crate) async fn redrive(broker: &Broker, all: bool) -> Result<Redriven, Stopped> {
    let link = broker.connect("redrive").await?;
    let open = || answer("opening a channel", link.connection.create_channel());
    let (letters, copies) = (open().await?, open().await?);
    let confirms = copies.confirm_select(ConfirmSelectOptions::default());
    answer("switching confirms on", confirms).await?;
    let work = Redrive {
        dead: broker.dead_letter_queue().into(),
        queue: broker.queue.as_str().into(),
        all,
        letters,
        copies,
    };
    let redriven = work.run().await;
    // What is held unacked goes back to its queue.
    link.close().await;
    redriven
}

struct Redrive {
    dead: ShortString,
    queue: ShortString,
    all: bool,
    /// Dead letters come in here; what stays is held until the end, so that it is not met again.
    letters: Channel,
    copies: Channel,
}

impl Redrive {
    async fn run(&self) -> Result<Redriven, Stopped> {
        let mut unseen = waiting(&self.letters, self.dead.as_str()).await?;
        let mut redriven = Redriven::default();
        while unseen > 0 {
            let mut window: Vec<(u64, PublisherConfirm)> = Vec::new();
            for _ in 0..unseen.min(WINDOW) {
                let Some(letter) = self.take().await? else {
                    // Somebody else takes them, too.
                    unseen = 0;
                    break;
                };
                unseen -= 1;
                if self.all || was_given_up(&letter) {
                    window.push((letter.delivery_tag, self.copy(&letter).await?));
                } else {
                    redriven.left += 1;
                }
            }
            redriven.put_back += self.ack_what_was_taken(window, redriven.put_back).await?;
        }
        // For the last acks; what comes is held, and goes back with the rest.
        self.take().await?;
        Ok(redriven)
    }

    async fn take(&self) -> Result<Option<Delivery>, Outage> {
        let get = self
            .letters
            .basic_get(self.dead.clone(), BasicGetOptions::default());
        let taken = answer("taking a dead letter", get).await?;
        Ok(taken.map(|letter| letter.delivery))
    }

    async fn copy(&self, letter: &Delivery) -> Result<PublisherConfirm, Outage> {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        // The default exchange routes by queue name.
        let publish = self.copies.basic_publish(
            ShortString::default(),
            self.queue.clone(),
            mandatory,
            &letter.data,
            as_new(&letter.properties),
        );
        answer("putting a dead letter back", publish).await
    }

    /// Acks a window of dead letters if each copy was taken. One that was not may have cost another its good name (a
    /// return is handed out with whichever confirm comes next): then none is acked.
    async fn ack_what_was_taken(
        &self,
        window: Vec<(u64, PublisherConfirm)>,
        put_back: u64,
    ) -> Result<u64, Stopped> {
        let mut tags = Vec::with_capacity(window.len());
        for (tag, confirm) in window {
            match answer("confirming a copy", confirm).await? {
                Confirmation::Ack(None) => tags.push(tag),
                _ => {
                    return Err(Stopped::NotTaken {
                        queue: self.queue.to_string(),
                        put_back,
                    });
                }
            }
        }
        for tag in &tags {
            let ack = self.letters.basic_ack(*tag, BasicAckOptions::default());
            answer("acking a dead letter", ack).await?;
        }
        Ok(tags.len() as u64)
    }
}

/// A message as it was before it died.
fn as_new(properties: &BasicProperties) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        let of_its_death = [
            "x-death",
            "x-first-death-",
            "x-last-death-",
            "x-delivery-count",
        ];
        if !of_its_death.iter().any(|of| name.as_str().starts_with(of)) {
            headers.insert(name.clone(), value.clone());
        }
    }
    properties
        .clone()
        .with_headers(headers)
        .with_delivery_mode(PERSISTENT)
}

/// Whether it died of having been returned too often, and not of what it is.
fn was_given_up(letter: &Delivery) -> bool {
    let headers = letter.properties.headers().as_ref().map(FieldTable::inner);
    let header = |name: &str| headers.and_then(|headers| headers.get(name));
    // The last death is the first entry.
    let reason = match header("x-death") {
        Some(AMQPValue::FieldArray(deaths)) => match deaths.as_slice().first() {
            Some(AMQPValue::FieldTable(death)) => death.inner().get("reason"),
            _ => None,
        },
        _ => None,
    };
    reason.and_then(text_of) == Some(DELIVERY_LIMIT)
}
