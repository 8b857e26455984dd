//! Carries a connection's bytes, whole messages at a time, so that one that is watched for can be held before any of it has
//! gone on.

use std::sync::{PoisonError, atomic::Ordering::Relaxed};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::Mutex,
};

use super::{
    Passed,
    connection::Connection,
    message::{Seen, Unit},
    trigger::{At, Fate},
};
use crate::{
    ask::toxic::Direction,
    wire::forward::{Ending, both_ways},
};

pub(super) const CHUNK: usize = 32 * 1024;
/// A simple query's type.
const QUERY: u8 = b'Q';

/// Where each side is written to. The lab may answer in the server's place, between two of its messages.
pub(super) struct Ends<'c> {
    server: Mutex<WriteHalf<'c>>,
    client: Mutex<WriteHalf<'c>>,
}

impl<'c> Ends<'c> {
    pub fn of(&self, way: Direction) -> &Mutex<WriteHalf<'c>> {
        match way {
            Direction::Requests => &self.server,
            Direction::Replies => &self.client,
        }
    }
}

/// The first bytes, which nothing holds back.
#[derive(Default)]
struct Ready {
    bytes: usize,
    /// How many messages among them ask for something.
    requests: u64,
}

impl Ready {
    fn add(&mut self, unit: &Unit) {
        self.bytes += unit.length;
        self.requests += unit.requests;
    }
}

impl Connection<'_> {
    /// Carries it to its end.
    pub async fn carry(&self, client: &mut TcpStream, upstream: &mut TcpStream) -> Ending {
        let (from_client, to_client) = client.split();
        let (from_upstream, to_upstream) = upstream.split();
        let ends = Ends {
            server: Mutex::new(to_upstream),
            client: Mutex::new(to_client),
        };
        both_ways(
            self.pump(Direction::Requests, from_client, &ends),
            self.pump(Direction::Replies, from_upstream, &ends),
        )
        .await
    }

    async fn pump(&self, way: Direction, mut from: ReadHalf<'_>, ends: &Ends<'_>) -> Ending {
        let mut bytes = BytesMut::with_capacity(CHUNK);
        loop {
            bytes.reserve(CHUNK);
            let read = from.read_buf(&mut bytes).await;
            if let Ok(1..) = read {
                match self.units(way, &mut bytes, &mut from, ends).await {
                    None => continue,
                    Some(ending) => return ending,
                }
            }
            // What is no whole message is passed on all the same: it was sent.
            let left = self.pass(way, &bytes, 0, ends).await;
            self.ends(way);
            return match (read, left) {
                (Ok(_), Ok(())) => finish(ends.of(way)).await,
                _ => Ending::Reset,
            };
        }
    }

    /// Passes on every message that is whole. An ending is one that somebody asked for, or that the other side has made.
    async fn units(
        &self,
        way: Direction,
        bytes: &mut BytesMut,
        from: &mut ReadHalf<'_>,
        ends: &Ends<'_>,
    ) -> Option<Ending> {
        let mut ready = Ready::default();
        while let Some(unit) = self.next(way, &bytes[ready.bytes..]) {
            let simple = way == Direction::Requests && bytes[ready.bytes] == QUERY;
            let Some((fate, after)) = self.meet(&unit.seen, simple).await else {
                self.tell(&unit.seen, false);
                if unit.own {
                    if let Err(ending) = self.go_on(way, bytes, &mut ready, ends).await {
                        return Some(ending);
                    }
                    bytes.advance(unit.length);
                } else {
                    ready.add(&unit);
                }
                continue;
            };
            if after {
                ready.add(&unit);
            }
            if let Err(ending) = self.go_on(way, bytes, &mut ready, ends).await {
                return Some(ending);
            }
            self.tell(&unit.seen, true);
            let held = if after { 0 } else { unit.length };
            match self.suffer(fate, way, bytes, held, from, ends).await {
                Ok(0) => {}
                Ok(passes) => {
                    ready = Ready {
                        bytes: passes,
                        requests: unit.requests,
                    };
                }
                Err(ending) => return Some(ending),
            }
        }
        self.go_on(way, bytes, &mut ready, ends).await.err()
    }

    fn next(&self, way: Direction, bytes: &[u8]) -> Option<Unit> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let seen_before = !messages.is_opaque();
        let unit = messages.next(way, bytes);
        if seen_before && messages.is_opaque() {
            self.wire.counts.opaque.fetch_add(1, Relaxed);
        }
        unit
    }

    async fn meet(&self, seen: &[Seen], simple: bool) -> Option<(Fate, bool)> {
        for seen in seen {
            let at = At {
                tap: std::ptr::from_ref(self.wire) as usize,
                connection: self.number,
                process: &self.wire.place.process,
                simple,
            };
            let fate = self.wire.triggers.meet(seen, at).await;
            if fate.is_some() {
                return fate;
            }
        }
        None
    }

    fn tell(&self, seen: &[Seen], struck: bool) {
        let Some(audience) = &self.wire.place.told else {
            return;
        };
        for seen in seen {
            (audience.told)(&Passed {
                edge: &self.wire.place.edge,
                process: &self.wire.place.process,
                connection: self.number,
                seen,
                struck,
            });
        }
    }

    /// What is ready goes on.
    async fn go_on(
        &self,
        way: Direction,
        bytes: &mut BytesMut,
        ready: &mut Ready,
        ends: &Ends<'_>,
    ) -> Result<(), Ending> {
        let Ready {
            bytes: count,
            requests,
        } = std::mem::take(ready);
        let passed = self.pass(way, &bytes[..count], requests, ends).await;
        bytes.advance(count);
        passed
    }

    pub(super) async fn pass(
        &self,
        way: Direction,
        bytes: &[u8],
        requests: u64,
        ends: &Ends<'_>,
    ) -> Result<(), Ending> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut to = ends.of(way).lock().await;
        let written = match way {
            Direction::Requests => {
                let _open = self.wire.gate.read().await;
                self.asks(bytes, requests);
                to.write_all(bytes).await
            }
            Direction::Replies if self.answered.load(Relaxed) => return Ok(()),
            Direction::Replies => {
                self.has_replied();
                self.answers(bytes);
                to.write_all(bytes).await
            }
        };
        let count = match way {
            Direction::Requests => &self.wire.counts.bytes_requests,
            Direction::Replies => &self.wire.counts.bytes_replies,
        };
        if written.is_err() {
            match way {
                Direction::Requests => self.upstream_ended(),
                Direction::Replies => {
                    self.is_over();
                }
            }
            return Err(Ending::Reset);
        }
        count.fetch_add(bytes.len() as u64, Relaxed);
        Ok(())
    }

    /// One side says no more.
    fn ends(&self, way: Direction) {
        match way {
            Direction::Requests => {
                self.gave_up();
                self.is_over();
            }
            Direction::Replies => self.upstream_ended(),
        }
    }
}

async fn finish(to: &Mutex<WriteHalf<'_>>) -> Ending {
    match to.lock().await.shutdown().await {
        Ok(()) => Ending::Drained,
        Err(_) => Ending::Reset,
    }
}
