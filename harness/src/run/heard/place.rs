//! A place to listen: what the lab declares there, binds and reads, and by which message it reaches its own queue.

use std::fmt::{Display, Formatter};

use lapin::{
    Channel, ExchangeKind,
    options::{
        BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable},
};

use crate::ask::target::{exchange::Kind, witness::Witness};

/// What the lab's own queues are called, before their number.
const QUEUE: &str = "lab.witness";
/// Read ahead, and not acknowledged yet.
const IN_HAND: u16 = 1000;

/// A place, as the broker knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    witness: Witness,
    queue: String,
}

/// By what a queue is bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The key.
    pub key: String,
    /// The headers, for an exchange that compares them.
    pub arguments: FieldTable,
}

/// What a first look at a place says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// It is there again when the broker is.
    Durable,
    /// It ends with the broker.
    Transient,
}

/// Why a place cannot be listened to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    /// Nobody has declared it.
    #[error("it is not declared")]
    NotThere,
    /// Another place than the file says.
    #[error("{0}")]
    Another(String),
    /// The queue has another reader.
    #[error(
        "it has another reader, and the lab must be the only one: each would take the other's messages"
    )]
    Shared,
    #[error(transparent)]
    Broker(#[from] lapin::Error),
}

impl Place {
    /// The place number `at` of a run.
    pub fn new(witness: Witness, at: usize) -> Self {
        let queue = match &witness {
            Witness::Queue(name) => name.as_str().to_owned(),
            Witness::Exchange { .. } => format!("{QUEUE}.{}", at + 1),
        };
        Self { witness, queue }
    }

    /// The queue that is read: the lab's own on an exchange, else the target's.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The exchange, unless it is a queue that is read alone.
    pub fn exchange(&self) -> Option<&str> {
        match &self.witness {
            Witness::Exchange { name, .. } => Some(name.as_str()),
            Witness::Queue(_) => None,
        }
    }

    /// By what the lab's queue is bound: once for each of the file's keys.
    pub fn bindings(&self) -> Vec<Binding> {
        match &self.witness {
            Witness::Queue(_) => Vec::new(),
            Witness::Exchange { kind, keys, .. } => {
                keys.iter().flat_map(|key| bindings(*kind, key)).collect()
            }
        }
    }

    /// Exchange, key and headers of a message that comes to the queue.
    pub(super) fn way(&self) -> (&str, String, FieldTable) {
        let Witness::Exchange { name, kind, .. } = &self.witness else {
            // The default exchange routes by queue name.
            return ("", self.queue.clone(), FieldTable::default());
        };
        let bindings = self.bindings();
        let Some(Binding { key, mut arguments }) = bindings.into_iter().next() else {
            return (name.as_str(), String::new(), FieldTable::default());
        };
        let key = match kind {
            Kind::Topic => routed_by(&key),
            _ => key,
        };
        arguments = without_x(&arguments);
        (name.as_str(), key, arguments)
    }

    /// Looks whether the place is there, and is what the file says.
    pub(super) async fn look(&self, channel: &Channel) -> Result<Lasting, Closed> {
        self.find(channel).await?;
        let Witness::Exchange { name, kind, .. } = &self.witness else {
            return Ok(Lasting::Durable);
        };
        // It is there: declaring it can only compare.
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let kind = ExchangeKind::Custom(kind.name().to_owned());
        let compared = channel
            .exchange_declare(name.as_str().into(), kind, durable, FieldTable::default())
            .await;
        match compared {
            Err(error) => match difference(&error) {
                Some(found) if found.contains("'type'") => Err(Closed::Another(format!(
                    "{self}, says the file; the broker says otherwise: {found}. Write kind = \"…\" as the target declares it"
                ))),
                Some(found) if found.contains("'durable'") => Ok(Lasting::Transient),
                Some(_) => Ok(Lasting::Durable),
                None => Err(error.into()),
            },
            Ok(()) => Ok(Lasting::Durable),
        }
    }

    /// Whether the place is there. An error leaves the channel closed.
    async fn find(&self, channel: &Channel) -> Result<(), Closed> {
        let found = match self.exchange() {
            Some(name) => {
                let passive = ExchangeDeclareOptions {
                    passive: true,
                    ..Default::default()
                };
                let kind = ExchangeKind::Custom(String::new());
                let declare =
                    channel.exchange_declare(name.into(), kind, passive, FieldTable::default());
                declare.await
            }
            None => {
                let passive = QueueDeclareOptions {
                    passive: true,
                    ..Default::default()
                };
                let declare = channel.queue_declare(
                    self.queue.as_str().into(),
                    passive,
                    FieldTable::default(),
                );
                declare.await.map(drop)
            }
        };
        found.map_err(|error| match soft(&error) {
            Some(AMQPSoftError::NOTFOUND) => Closed::NotThere,
            _ => error.into(),
        })
    }

    /// Declares and binds the lab's queue where there is one, and reads.
    pub(super) async fn open(&self, channel: &Channel) -> Result<lapin::Consumer, Closed> {
        self.find(channel).await?;
        if let Some(exchange) = self.exchange() {
            self.declare(channel).await?;
            for Binding { key, arguments } in self.bindings() {
                channel
                    .queue_bind(
                        self.queue.as_str().into(),
                        exchange.into(),
                        key.into(),
                        QueueBindOptions::default(),
                        arguments,
                    )
                    .await?;
            }
        }
        channel
            .basic_qos(IN_HAND, BasicQosOptions::default())
            .await?;
        let alone = BasicConsumeOptions {
            exclusive: true,
            ..Default::default()
        };
        let consume = channel.basic_consume(
            self.queue.as_str().into(),
            "".into(),
            alone,
            FieldTable::default(),
        );
        consume.await.map_err(|error| match soft(&error) {
            Some(AMQPSoftError::ACCESSREFUSED) => Closed::Shared,
            _ => error.into(),
        })
    }

    async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let mut quorum = FieldTable::default();
        quorum.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let declare = channel.queue_declare(self.queue.as_str().into(), durable, quorum);
        declare.await.map(drop)
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.witness.fmt(f)
    }
}

fn soft(error: &lapin::Error) -> Option<AMQPSoftError> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

/// In what a declaration differs from what is there, in the broker's words.
fn difference(error: &lapin::Error) -> Option<String> {
    (soft(error) == Some(AMQPSoftError::PRECONDITIONFAILED)).then(|| error.to_string())
}

fn bindings(kind: Kind, key: &str) -> Vec<Binding> {
    let plain = Binding {
        key: key.to_owned(),
        arguments: FieldTable::default(),
    };
    let Some((name, value)) = key.split_once('=').filter(|_| kind == Kind::Headers) else {
        return vec![plain];
    };
    let matched = values(value.trim()).into_iter().map(|value| {
        let mut arguments = FieldTable::default();
        arguments.insert("x-match".into(), AMQPValue::LongString("all".into()));
        arguments.insert(name.trim().into(), value);
        Binding {
            key: String::new(),
            arguments,
        }
    });
    matched.collect()
}

/// A file has text; what publishers set may be of another type, and the broker compares types, too.
fn values(text: &str) -> Vec<AMQPValue> {
    let mut values = vec![AMQPValue::LongString(text.into())];
    if let Ok(number) = text.parse() {
        values.push(AMQPValue::LongLongInt(number));
    }
    if let Ok(truth) = text.parse() {
        values.push(AMQPValue::Boolean(truth));
    }
    values
}

fn without_x(arguments: &FieldTable) -> FieldTable {
    let mut headers = FieldTable::default();
    for (name, value) in arguments.inner() {
        if !name.as_str().starts_with("x-") {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers
}

/// A key that a pattern matches.
fn routed_by(pattern: &str) -> String {
    let words = pattern.split('.').map(|word| match word {
        "#" | "*" => "lab",
        word => word,
    });
    words.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::exchange::Name;

    fn exchange(kind: Kind, keys: &[&str]) -> Place {
        let witness = Witness::Exchange {
            name: Name::try_from("shop.events".to_owned()).expect("a name"),
            kind,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        Place::new(witness, 1)
    }

    #[test]
    fn a_message_of_the_labs_comes_to_its_queue_by_whatever_binds_it() {
        let key = |kind, keys: &[&str]| exchange(kind, keys).way().1;
        assert_eq!(key(Kind::Topic, &["#"]), "lab");
        assert_eq!(key(Kind::Topic, &["order.*.eu.#", "x"]), "order.lab.eu.lab");
        assert_eq!(key(Kind::Direct, &["order.placed"]), "order.placed");
        assert_eq!(key(Kind::Fanout, &[""]), "");
        let place = exchange(Kind::Headers, &["type=order"]);
        let (name, key, headers) = place.way();
        assert_eq!((name, key.as_str()), ("shop.events", ""));
        let expected = AMQPValue::LongString("order".into());
        assert_eq!(headers.inner().get("type"), Some(&expected));
        assert_eq!(headers.inner().len(), 1);
        let queue = Witness::Queue(Name::try_from("entity".to_owned()).expect("a name"));
        assert_eq!(Place::new(queue, 0).way().1, "entity");
    }

    #[test]
    fn a_header_is_looked_for_as_whatever_it_may_be() {
        let kinds = |key: &str| exchange(Kind::Headers, &[key]).bindings().len();
        assert_eq!(
            (kinds("type=order"), kinds("version=3"), kinds("last=true")),
            (1, 2, 2)
        );
        assert_eq!(exchange(Kind::Headers, &["a=b", "c=d"]).bindings().len(), 2);
    }

    #[test]
    fn the_labs_queues_have_numbers_and_a_targets_has_its_name() {
        assert_eq!(exchange(Kind::Topic, &["#"]).queue(), "lab.witness.2");
    }
}
