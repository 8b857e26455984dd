//! One direction of one connection: reads the source, runs the data through its chain of toxics, writes the rest.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{ReadHalf, WriteHalf},
    select,
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::bytes::{Buf, Bytes};

use super::{
    chain::Chain,
    chance::Chance,
    stage::Piece,
    toxic::{Stream, Toxic},
};
use crate::wire::forward::Ending;

/// What is read at once.
const CHUNK: usize = 32 * 1024;

/// A direction and the toxics that may come to lie on it.
pub(super) struct Pump {
    stream: Stream,
    toxics: watch::Receiver<Vec<Toxic>>,
    chain: Chain,
}

/// What woke the pump.
enum Event {
    Toxics,
    ProxyGone,
    Wrote(io::Result<usize>),
    Read(io::Result<usize>),
    Time,
}

impl Pump {
    pub(super) fn new(
        stream: Stream,
        mut toxics: watch::Receiver<Vec<Toxic>>,
        chance: Chance,
    ) -> Self {
        let chain = {
            let all = toxics.borrow_and_update();
            let mine = all.iter().filter(|toxic| toxic.stream == stream);
            Chain::new(mine, chance, Instant::now())
        };
        Self {
            stream,
            toxics,
            chain,
        }
    }

    /// Carries bytes until the stream ends, one of its toxics ends it, or a socket fails.
    pub(super) async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Ending {
        let mut buffer = vec![0; CHUNK];
        let mut out = Bytes::new();
        let mut reading = true;
        loop {
            self.follow_toxics();
            let now = Instant::now();
            if self.chain.resets(now) {
                return Ending::Reset;
            }
            if out.is_empty() {
                match self.chain.pull(now) {
                    Some(Piece::Data(data)) => out = data,
                    Some(Piece::End) => return finish(&mut to).await,
                    Some(Piece::Close) => return Ending::Closed,
                    None => {}
                }
            }
            let wakes = self.chain.wakes(now);
            let event = select! {
                biased;
                changed = self.toxics.changed() => changed.map_or(Event::ProxyGone, |()| Event::Toxics),
                written = to.write(&out), if !out.is_empty() => Event::Wrote(written),
                read = from.read(&mut buffer), if reading && self.chain.has_room() => Event::Read(read),
                () = sleep_until(wakes.unwrap_or(now)), if wakes.is_some() => Event::Time,
            };
            match event {
                Event::Toxics => self.retune(),
                Event::ProxyGone => return Ending::Closed,
                Event::Wrote(Ok(0)) => return Ending::Closed,
                Event::Wrote(Ok(count)) => out.advance(count),
                Event::Read(Ok(0)) => {
                    reading = false;
                    self.chain.push(Piece::End, Instant::now());
                }
                Event::Read(Ok(count)) => {
                    // Bytes sent after a change was answered must meet that change, even when both arrive at once.
                    self.follow_toxics();
                    let data = Bytes::copy_from_slice(&buffer[..count]);
                    self.chain.push(Piece::Data(data), Instant::now());
                }
                // A peer that broke off is no peer that finished: the other side learns the same.
                Event::Wrote(Err(_)) | Event::Read(Err(_)) => return Ending::Reset,
                Event::Time => {}
            }
        }
    }

    fn follow_toxics(&mut self) {
        if self.toxics.has_changed().unwrap_or(false) {
            self.retune();
        }
    }

    fn retune(&mut self) {
        let all = self.toxics.borrow_and_update();
        let mine = all.iter().filter(|toxic| toxic.stream == self.stream);
        self.chain.retune(mine, Instant::now());
    }
}

async fn finish(to: &mut WriteHalf<'_>) -> Ending {
    match to.shutdown().await {
        Ok(()) => Ending::Drained,
        Err(_) => Ending::Reset,
    }
}
