//! What either side of an AMQP 0-9-1 connection still owes the other for, by the frames that have passed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use super::{
    frame::{BODY, Frame, GREETING, HEADER, HEARTBEAT, METHOD, REJECT},
    heard::Heard,
};

const CHANNEL_CLOSE: (u16, u16) = (20, 40);
const CHANNEL_CLOSE_OK: (u16, u16) = (20, 41);
const CONNECTION_BLOCKED: (u16, u16) = (10, 60);
const CONNECTION_UNBLOCKED: (u16, u16) = (10, 61);
const CONNECTION_CLOSE_OK: (u16, u16) = (10, 51);
const CONFIRM_SELECT: (u16, u16) = (85, 10);
const PUBLISH: (u16, u16) = (60, 40);
const RETURN: (u16, u16) = (60, 50);
const DELIVER: (u16, u16) = (60, 60);
const ACK: (u16, u16) = (60, 80);
const NACK: (u16, u16) = (60, 120);

/// One connection.
#[derive(Default)]
pub(super) struct Amqp {
    greeted: bool,
    /// What came was not AMQP.
    lost: bool,
    channels: HashMap<u16, Channel>,
    /// When a method was sent last that is answered by another.
    asked: Option<Instant>,
}

#[derive(Default)]
struct Channel {
    /// The number of the last publish, once confirms were asked for.
    confirming: Option<u64>,
    /// A publish whose content is still to come, in bytes; unknown before its header.
    publishing: Option<Option<u64>>,
    unconfirmed: BTreeMap<u64, Instant>,
    unacked: BTreeSet<u64>,
}

impl Amqp {
    /// Publishes that the broker has wholly got and not answered.
    pub fn unconfirmed(&self) -> u64 {
        let channels = self.channels.values();
        channels
            .map(|channel| channel.unconfirmed.len() as u64)
            .sum()
    }

    /// Deliveries that the client has got and not settled.
    pub fn unacked(&self) -> u64 {
        let channels = self.channels.values();
        channels.map(|channel| channel.unacked.len() as u64).sum()
    }

    /// Whole frames of the client.
    pub fn requests(&mut self, bytes: &[u8], at: Instant) -> Heard {
        let mut heard = Heard::default();
        let mut frames = bytes;
        if !self.greeted {
            let Some((_, behind)) = bytes.split_at_checked(GREETING) else {
                return heard;
            };
            frames = behind;
            self.greeted = true;
            self.asked = Some(at);
            heard.requests += 1;
        }
        self.each(frames, |amqp, frame| amqp.requested(frame, at, &mut heard));
        heard
    }

    /// Whole frames of the broker.
    pub fn replies(&mut self, bytes: &[u8], at: Instant) -> Heard {
        let mut heard = Heard::default();
        self.each(bytes, |amqp, frame| amqp.replied(frame, at, &mut heard));
        heard
    }

    /// What a connection that ends leaves of a frame is passed over.
    fn each(&mut self, bytes: &[u8], mut take: impl FnMut(&mut Self, &Frame<'_>)) {
        let mut rest = bytes;
        while !self.lost {
            match Frame::first(rest) {
                Ok(Some(frame)) => {
                    take(self, &frame);
                    rest = &rest[frame.all.len()..];
                }
                Ok(None) => return,
                Err(_) => self.lost = true,
            }
        }
    }

    fn requested(&mut self, frame: &Frame<'_>, at: Instant, heard: &mut Heard) {
        match frame.kind {
            HEARTBEAT => heard.beats += 1,
            METHOD => self.method_of_client(frame, at, heard),
            HEADER => {
                let size = frame.number(4);
                let channel = self.channels.entry(frame.channel).or_default();
                if let (Some(to_come @ None), Some(size)) = (&mut channel.publishing, size) {
                    *to_come = Some(size);
                }
                channel.completes(at, heard);
            }
            BODY => {
                let channel = self.channels.entry(frame.channel).or_default();
                if let Some(Some(to_come)) = &mut channel.publishing {
                    *to_come = to_come.saturating_sub(frame.payload.len() as u64);
                }
                channel.completes(at, heard);
            }
            _ => {}
        }
    }

    fn method_of_client(&mut self, frame: &Frame<'_>, at: Instant, heard: &mut Heard) {
        let channel = self.channels.entry(frame.channel).or_default();
        match frame.method() {
            Some(PUBLISH) => {
                channel.publishing = Some(None);
                heard.publishes += 1;
                heard.mandatory += u64::from(frame.is_mandatory());
            }
            Some(method @ (ACK | REJECT | NACK)) => {
                heard.acks += 1;
                let (tag, multiple) = frame.settled(method);
                channel.settle(tag, multiple);
            }
            Some(CHANNEL_CLOSE_OK | CONNECTION_CLOSE_OK) => {
                self.channels.remove(&frame.channel);
            }
            Some(method) => {
                if method == CONFIRM_SELECT {
                    channel.confirming = Some(0);
                    heard.confirming += 1;
                }
                if method == CHANNEL_CLOSE {
                    *channel = Channel::default();
                }
                heard.requests += 1;
                self.asked = Some(at);
            }
            None => {}
        }
    }

    fn replied(&mut self, frame: &Frame<'_>, at: Instant, heard: &mut Heard) {
        match (frame.kind, frame.method()) {
            (HEARTBEAT, _) => heard.beats += 1,
            (METHOD, Some(DELIVER)) => {
                heard.deliveries += 1;
                // The consumer's tag, a short string, comes first.
                let tag = frame
                    .payload
                    .get(4)
                    .and_then(|len| frame.number(5 + usize::from(*len)));
                let channel = self.channels.entry(frame.channel).or_default();
                channel.unacked.extend(tag);
            }
            (METHOD, Some(RETURN)) => heard.returns += 1,
            (METHOD, Some(CONNECTION_BLOCKED)) => heard.blocks += 1,
            (METHOD, Some(CONNECTION_UNBLOCKED)) => {}
            (METHOD, Some(method @ (ACK | NACK))) => {
                heard.nacks += u64::from(method == NACK);
                let (tag, multiple) = frame.settled(method);
                let channel = self.channels.entry(frame.channel).or_default();
                heard.round_trips.extend(channel.confirm(tag, multiple, at));
            }
            (METHOD, Some(method)) => {
                if method == CHANNEL_CLOSE {
                    heard.closes += 1;
                    self.channels.remove(&frame.channel);
                }
                heard
                    .round_trips
                    .extend(self.asked.take().map(|asked| at - asked));
            }
            _ => {}
        }
    }
}

impl Channel {
    /// Counts a publish once its last byte has passed: only then has the broker something to answer.
    fn completes(&mut self, at: Instant, heard: &mut Heard) {
        if self.publishing != Some(Some(0)) {
            return;
        }
        self.publishing = None;
        heard.requests += 1;
        if let Some(last) = &mut self.confirming {
            *last += 1;
            self.unconfirmed.insert(*last, at);
        }
    }

    fn confirm(
        &mut self,
        tag: u64,
        multiple: bool,
        at: Instant,
    ) -> impl Iterator<Item = std::time::Duration> {
        let confirmed = if multiple && tag == 0 {
            // Zero means all.
            std::mem::take(&mut self.unconfirmed)
        } else if multiple {
            let later = self.unconfirmed.split_off(&tag.saturating_add(1));
            std::mem::replace(&mut self.unconfirmed, later)
        } else {
            self.unconfirmed.remove_entry(&tag).into_iter().collect()
        };
        confirmed.into_values().map(move |sent| at - sent)
    }

    fn settle(&mut self, tag: u64, multiple: bool) {
        if multiple {
            self.unacked.retain(|unacked| tag != 0 && *unacked > tag);
        } else {
            self.unacked.remove(&tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tap::frame::END;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind, 0, 1];
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload);
        frame.push(END);
        frame
    }

    fn method((class, method): (u16, u16), arguments: &[u8]) -> Vec<u8> {
        let mut payload = class.to_be_bytes().to_vec();
        payload.extend(method.to_be_bytes());
        payload.extend(arguments);
        frame(METHOD, &payload)
    }

    fn ack(tag: u64, multiple: bool) -> Vec<u8> {
        let mut arguments = tag.to_be_bytes().to_vec();
        arguments.push(u8::from(multiple));
        method(ACK, &arguments)
    }

    fn publish(body: &[u8]) -> Vec<u8> {
        let mut header = vec![0, 60, 0, 0];
        header.extend((body.len() as u64).to_be_bytes());
        let frames = [method(PUBLISH, b"\0\0\0\0\0"), frame(HEADER, &header)];
        let mut bytes = frames.concat();
        if !body.is_empty() {
            bytes.extend(frame(BODY, body));
        }
        bytes
    }

    fn confirming() -> Amqp {
        let mut amqp = Amqp::default();
        let now = Instant::now();
        amqp.requests(b"AMQP\0\0\x09\x01", now);
        amqp.requests(&method(CONFIRM_SELECT, &[0]), now);
        amqp.replies(&method((85, 11), &[]), now);
        amqp
    }

    #[test]
    fn a_publish_is_owed_an_answer_from_its_last_byte_to_its_confirm() {
        let mut amqp = confirming();
        let now = Instant::now();
        let (first, rest) = (publish(b"one"), [publish(b""), publish(b"three")].concat());
        let (head, body) = first.split_at(first.len() - frame(BODY, b"one").len());
        let heard = amqp.requests(head, now);
        assert_eq!((heard.requests, amqp.unconfirmed()), (0, 0));
        assert_eq!(amqp.requests(body, now).requests, 1);
        assert_eq!(amqp.requests(&rest, now).requests, 2);
        assert_eq!(amqp.unconfirmed(), 3);
        let later = now + std::time::Duration::from_millis(30);
        assert_eq!(amqp.replies(&ack(2, false), later).round_trips.len(), 1);
        assert_eq!(amqp.unconfirmed(), 2);
        let heard = amqp.replies(&ack(3, true), later);
        assert_eq!(heard.round_trips, [later - now; 2]);
        assert_eq!(amqp.unconfirmed(), 0);
    }

    #[test]
    fn a_publish_that_nobody_confirms_is_owed_nothing() {
        let mut amqp = Amqp::default();
        amqp.requests(b"AMQP\0\0\x09\x01", Instant::now());
        assert_eq!(amqp.requests(&publish(b"x"), Instant::now()).requests, 1);
        assert_eq!(amqp.unconfirmed(), 0);
    }

    #[test]
    fn it_is_counted_who_asks_for_confirms_and_for_what_is_routed_nowhere() {
        let mut amqp = Amqp::default();
        let now = Instant::now();
        amqp.requests(b"AMQP\0\0\x09\x01", now);
        let heard = amqp.requests(&method(CONFIRM_SELECT, &[0]), now);
        assert_eq!((heard.confirming, heard.publishes), (1, 0));
        let to_a_queue = |bits: u8| {
            let arguments = [&b"\0\0\0\x06orders"[..], &[bits]].concat();
            method(PUBLISH, &arguments)
        };
        let heard = amqp.requests(&[to_a_queue(0), to_a_queue(1)].concat(), now);
        assert_eq!((heard.publishes, heard.mandatory), (2, 1));
    }

    #[test]
    fn heartbeats_are_told_from_everything_else() {
        let mut amqp = confirming();
        let heard = amqp.requests(&frame(HEARTBEAT, b""), Instant::now());
        assert_eq!((heard.beats, heard.requests, heard.acks), (1, 0, 0));
        let heard = amqp.replies(&frame(HEARTBEAT, b""), Instant::now());
        assert_eq!((heard.beats, heard.round_trips.len()), (1, 0));
    }

    #[test]
    fn a_delivery_is_in_hand_until_it_is_settled() {
        let mut amqp = confirming();
        let deliver = |tag: u64| {
            let tag = tag.to_be_bytes();
            method(
                DELIVER,
                &[&b"\x03tag"[..], &tag[..], &b"\0\0\0"[..]].concat(),
            )
        };
        let now = Instant::now();
        let three = [deliver(1), deliver(2), deliver(3)].concat();
        assert_eq!(amqp.replies(&three, now).deliveries, 3);
        assert_eq!(amqp.unacked(), 3);
        assert_eq!(amqp.requests(&ack(2, true), now).acks, 1);
        assert_eq!(amqp.unacked(), 1);
        amqp.requests(
            &method(REJECT, &[&3u64.to_be_bytes()[..], &[1]].concat()),
            now,
        );
        assert_eq!(amqp.unacked(), 0);
    }

    #[test]
    fn what_is_no_amqp_counts_as_nothing() {
        let mut amqp = confirming();
        let heard = amqp.requests(&[0xFF; 64], Instant::now());
        assert_eq!((heard.requests, heard.beats), (0, 0));
        assert_eq!(amqp.requests(&publish(b"x"), Instant::now()).requests, 0);
    }
}
