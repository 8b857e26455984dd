//! What is done to a message that is held.

use std::{
    sync::{PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::ReadHalf,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    connection::Connection,
    pump::{CHUNK, Ends},
    refusal,
    trigger::Fate,
};
use crate::{
    ask::toxic::Direction,
    ask::wire::{Answer, Deed},
    wire::forward::Ending,
};

/// How long a message is held for somebody who strikes at this moment.
const HELD_WITHIN: Duration = Duration::from_secs(30);
/// How long a client may take to agree that its connection is closed.
const AGREES_WITHIN: Duration = Duration::from_secs(5);

impl Connection<'_> {
    /// The first `held` bytes are the message. Says how many bytes go on with what follows, or how the connection ends.
    pub(super) async fn suffer(
        &self,
        fate: Fate,
        way: Direction,
        bytes: &mut BytesMut,
        held: usize,
        from: &mut ReadHalf<'_>,
        ends: &Ends<'_>,
    ) -> Result<usize, Ending> {
        let (deed, over) = match fate {
            Fate::Held(released) => {
                // Let go, or forgotten by who was told: it goes on.
                let _ = timeout(HELD_WITHIN, released).await;
                return Ok(held);
            }
            Fate::Deed(deed, over) => (deed, over),
        };
        match deed {
            Deed::Delay(span) => sleep(span).await,
            Deed::Stall => over.cancelled().await,
            Deed::Reset => return Err(self.severed(Ending::Reset)),
            Deed::Close => return Err(self.severed(Ending::Closed)),
            Deed::CutAfter(count) => {
                return Err(self.cut_at(count.min(held), way, bytes, ends).await);
            }
            Deed::CutInHalf => return Err(self.cut_at(held / 2, way, bytes, ends).await),
            Deed::Swallow => {
                swallow(from, &over).await;
                return Err(self.severed(Ending::Closed));
            }
            Deed::Answer(Answer::Nack) => refusal::nack(&mut bytes[..held]),
            Deed::Answer(Answer::Close) => return Err(self.close(way, from, ends).await),
            Deed::Answer(Answer::Error(state)) => return Ok(self.fail(&state, bytes, held)),
        }
        Ok(held)
    }

    /// So many bytes go on, and nothing behind them.
    async fn cut_at(&self, count: usize, way: Direction, bytes: &[u8], ends: &Ends<'_>) -> Ending {
        match self.pass(way, &bytes[..count], 0, ends).await {
            Ok(()) => self.severed(Ending::Closed),
            Err(ending) => ending,
        }
    }

    fn severed(&self, ending: Ending) -> Ending {
        self.upstream_ended();
        ending
    }

    /// In place of the query, the server gets one that fails as it is asked to.
    fn fail(&self, state: &str, bytes: &mut BytesMut, held: usize) -> usize {
        let rest = bytes.split_off(held);
        let commit = refusal::is_commit(bytes);
        let query = refusal::query(state, commit);
        if commit {
            let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            messages.rolled_back();
        }
        bytes.clear();
        bytes.extend_from_slice(&query);
        bytes.unsplit(rest);
        query.len()
    }

    /// Closes an AMQP connection as an operator does: the client is told and agrees, and the server loses it.
    async fn close(&self, way: Direction, from: &mut ReadHalf<'_>, ends: &Ends<'_>) -> Ending {
        let said = {
            let mut client = ends.of(Direction::Replies).lock().await;
            self.answered.store(true, Relaxed);
            client.write_all(&refusal::closed()).await
        };
        if said.is_ok() && way == Direction::Requests {
            let never = CancellationToken::new();
            let _ = timeout(AGREES_WITHIN, swallow(from, &never)).await;
        } else if said.is_ok() {
            // The client's side is read by the other direction: it ends the connection, or this does.
            sleep(AGREES_WITHIN).await;
        }
        self.severed(Ending::Closed)
    }
}

/// Reads and forgets until the fault ends, or who sends does.
async fn swallow(from: &mut ReadHalf<'_>, over: &CancellationToken) {
    let mut forgotten = vec![0; CHUNK];
    loop {
        tokio::select! {
            () = over.cancelled() => return,
            read = from.read(&mut forgotten) => if !matches!(read, Ok(1..)) { return },
        }
    }
}
