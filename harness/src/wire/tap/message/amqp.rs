//! AMQP 0-9-1: methods with their content, confirms and settlements with what they are about.

mod channel;
mod content;

use std::collections::HashMap;

use amq_protocol::{
    frame::AMQPFrame,
    protocol::{AMQPClass, basic, channel as channels, confirm, connection},
};

use super::{Ids, Opaque, Seen, Taken, Unit};
use crate::{
    ask::{toxic::Direction, wire::Event},
    wire::tap::frame::{Frame, GREETING},
};
use channel::{Channel, Content};

/// One connection.
#[derive(Default)]
pub(super) struct Connection {
    greeted: bool,
    channels: HashMap<u16, Channel>,
}

impl Connection {
    pub fn next(&mut self, way: Direction, bytes: &[u8], ids: Ids) -> Taken {
        if self.greeted || way == Direction::Replies {
            return self.take(bytes, way, ids);
        }
        let Some(greeting) = bytes.get(..GREETING) else {
            return Ok(None);
        };
        if !greeting.starts_with(b"AMQP") {
            return Err(Opaque);
        }
        self.greeted = true;
        let seen = Seen::of(Event::Handshake, "greeting", Vec::new());
        Ok(Some(Unit::of(GREETING, Some(seen))))
    }

    /// A frame, or a method with all the frames of its content. Frames of other channels may stand between those, and are
    /// part of the unit then.
    fn take(&mut self, bytes: &[u8], way: Direction, ids: Ids) -> Taken {
        let Some(first) = Frame::first(bytes)? else {
            return Ok(None);
        };
        let Some(length) = content::ends(bytes, &first)? else {
            return Ok(None);
        };
        let mut seen = Vec::new();
        let mut from = 0;
        while let Some(frame) = Frame::first(&bytes[from..length])? {
            from += frame.all.len();
            seen.extend(self.passes(&frame, way, ids));
        }
        Ok(Some(Unit {
            seen,
            ..Unit::of(length, None)
        }))
    }

    fn passes(&mut self, frame: &Frame<'_>, way: Direction, ids: Ids) -> Option<Seen> {
        let parsed = frame.parsed()?;
        if let AMQPFrame::Method(number, class) = parsed {
            return match way {
                Direction::Requests => self.asks(number, class, ids),
                Direction::Replies => self.answers(number, class, ids),
            };
        }
        let beat = match way {
            Direction::Requests => Event::Heartbeat,
            Direction::Replies => Event::HeartbeatReply,
        };
        match parsed {
            AMQPFrame::Heartbeat => Some(Seen::of(beat, "", Vec::new())),
            AMQPFrame::Header(number, header) => {
                let channel = self.channels.entry(number).or_default();
                channel.header(
                    way,
                    header.body_size,
                    &header.properties,
                    frame.payload,
                    ids,
                )
            }
            AMQPFrame::Body(number, body) => {
                let channel = self.channels.entry(number).or_default();
                channel.body(way, &body, ids)
            }
            _ => None,
        }
    }

    fn asks(&mut self, number: u16, class: AMQPClass, ids: Ids) -> Option<Seen> {
        use basic::AMQPMethod as Basic;
        let channel = self.channels.entry(number).or_default();
        let (event, text) = match class {
            AMQPClass::Basic(Basic::Publish(publish)) => {
                let said = format!("{}/{}", publish.exchange, publish.routing_key);
                channel.begins(Direction::Requests, Content::of(Event::Publish, said, None));
                return None;
            }
            AMQPClass::Basic(Basic::Ack(ack)) => {
                return Some(channel.settled(Event::Ack, ack.delivery_tag, ack.multiple));
            }
            AMQPClass::Basic(Basic::Nack(nack)) => {
                return Some(channel.settled(Event::Reject, nack.delivery_tag, nack.multiple));
            }
            AMQPClass::Basic(Basic::Reject(reject)) => {
                return Some(channel.settled(Event::Reject, reject.delivery_tag, false));
            }
            AMQPClass::Confirm(confirm::AMQPMethod::Select(_)) => {
                channel.confirms();
                (Event::Ask, "confirm.select".to_owned())
            }
            AMQPClass::Channel(channels::AMQPMethod::CloseOk(_)) => {
                self.channels.remove(&number);
                (Event::Answer, "channel.close-ok".to_owned())
            }
            AMQPClass::Channel(channels::AMQPMethod::Close(close)) => {
                *channel = Channel::default();
                (Event::Close, format!("channel: {}", close.reply_text))
            }
            AMQPClass::Connection(connection::AMQPMethod::Close(close)) => {
                (Event::Close, format!("connection: {}", close.reply_text))
            }
            AMQPClass::Connection(method) => match method {
                connection::AMQPMethod::StartOk(_) => (Event::Handshake, "start-ok".to_owned()),
                connection::AMQPMethod::TuneOk(_) => (Event::Handshake, "tune-ok".to_owned()),
                connection::AMQPMethod::Open(_) => (Event::Handshake, "open".to_owned()),
                _ => return None,
            },
            other => (Event::Ask, name(&other)),
        };
        let found = ids.within(text.as_bytes());
        Some(Seen::of(event, text, found))
    }

    fn answers(&mut self, number: u16, class: AMQPClass, ids: Ids) -> Option<Seen> {
        use basic::AMQPMethod as Basic;
        let channel = self.channels.entry(number).or_default();
        let (event, text) = match class {
            AMQPClass::Basic(Basic::Ack(ack)) => {
                return Some(channel.confirmed(Event::Confirm, ack.delivery_tag, ack.multiple));
            }
            AMQPClass::Basic(Basic::Nack(nack)) => {
                return Some(channel.confirmed(Event::Nack, nack.delivery_tag, nack.multiple));
            }
            AMQPClass::Basic(Basic::Return(returned)) => {
                let said = format!(
                    "{}/{}: {}",
                    returned.exchange, returned.routing_key, returned.reply_text
                );
                channel.begins(Direction::Replies, Content::of(Event::Return, said, None));
                return None;
            }
            AMQPClass::Basic(Basic::Deliver(deliver)) => {
                let said = format!("{}/{}", deliver.exchange, deliver.routing_key);
                let tag = Some(deliver.delivery_tag);
                channel.begins(Direction::Replies, Content::of(Event::Deliver, said, tag));
                return None;
            }
            AMQPClass::Channel(channels::AMQPMethod::Close(close)) => {
                self.channels.remove(&number);
                (Event::Closed, format!("channel: {}", close.reply_text))
            }
            AMQPClass::Connection(method) => match method {
                connection::AMQPMethod::Start(_) => (Event::HandshakeReply, "start".to_owned()),
                connection::AMQPMethod::Tune(_) => (Event::HandshakeReply, "tune".to_owned()),
                connection::AMQPMethod::OpenOk(_) => (Event::HandshakeReply, "open-ok".to_owned()),
                connection::AMQPMethod::Blocked(blocked) => {
                    (Event::Blocked, blocked.reason.to_string())
                }
                connection::AMQPMethod::Unblocked(_) => (Event::Unblocked, String::new()),
                connection::AMQPMethod::Close(close) => {
                    (Event::Closed, format!("connection: {}", close.reply_text))
                }
                _ => return None,
            },
            other => (Event::Answer, name(&other)),
        };
        let found = ids.within(text.as_bytes());
        Some(Seen::of(event, text, found))
    }
}

/// Class and method, as in `queue.declare`, and what it is about where that has a name.
fn name(class: &AMQPClass) -> String {
    use amq_protocol::protocol::{exchange, queue};
    match class {
        AMQPClass::Queue(queue::AMQPMethod::Declare(declare)) => {
            format!("queue.declare {}", declare.queue)
        }
        AMQPClass::Queue(queue::AMQPMethod::Bind(bind)) => {
            format!("queue.bind {} to {}", bind.queue, bind.exchange)
        }
        AMQPClass::Exchange(exchange::AMQPMethod::Declare(declare)) => {
            format!("exchange.declare {}", declare.exchange)
        }
        AMQPClass::Basic(basic::AMQPMethod::Consume(consume)) => {
            format!("basic.consume {}", consume.queue)
        }
        other => bare_name(other),
    }
}

/// As in `channel.open-ok`: the words by which the protocol's own types are called.
fn bare_name(class: &AMQPClass) -> String {
    let shown = format!("{class:?}");
    let words: Vec<String> = shown.split('(').take(2).map(kebab).collect();
    words.join(".")
}

fn kebab(word: &str) -> String {
    let mut text = String::new();
    for sign in word.chars().take_while(char::is_ascii_alphanumeric) {
        if sign.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(sign.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests;
