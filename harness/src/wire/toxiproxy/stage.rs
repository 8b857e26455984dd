//! One toxic at work on one direction of one connection: a bounded queue, and the rule by which it lets pieces go.
//!
//! Pure: time is an argument and chance a seeded generator, so that every rule is tested without a socket or a clock.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;
use tokio_util::bytes::Bytes;

use super::{
    chance::Chance,
    toxic::{Kind, Toxic},
};

/// Room of a stage in bytes: enough to keep a link busy, little enough that a sender feels a slow receiver.
const ROOM: usize = 64 * 1024;
/// Room of a delay line in bytes, as much as the genuine one has. It bounds the throughput of a delayed stream to this much
/// per latency.
const DELAY_LINE: usize = 32 * 1024 * 1024;
/// Room of every stage in pieces, for senders of single bytes.
const PIECES: usize = 4096;
/// What a bandwidth limit lets go at once, in milliseconds' worth of its rate.
const QUANTUM_MS: u64 = 100;
/// How much lost time a paced stage may make up for when it was woken late or its receiver was slow.
const CATCH_UP: Duration = Duration::from_millis(200);

/// What flows along a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes, never none.
    Data(Bytes),
    /// The sender has finished (FIN).
    End,
    /// A toxic has decided that the connection closes once what went before is delivered.
    Close,
}

#[derive(Debug)]
struct Held {
    piece: Piece,
    entered: Instant,
    due: Instant,
}

/// One toxic's hold on one stream; without a toxic, the outlet in front of the socket.
#[derive(Debug)]
pub(super) struct Stage {
    toxic: Option<Toxic>,
    /// Drawn for each connection when the toxic meets it, and at each change of the toxic: it strikes where this is below
    /// its toxicity.
    luck: f32,
    /// When the toxic met this stream or was last changed, or data last came in.
    since: Instant,
    /// When the first piece came in.
    met: Option<Instant>,
    queue: VecDeque<Held>,
    bytes: usize,
    /// Until when a pacing toxic keeps the line busy.
    busy_until: Instant,
    /// Bytes that a data limit has let go.
    passed: u64,
    /// The end of the stream has left here; nothing comes after it.
    ended: bool,
}

impl Stage {
    /// The end of every chain.
    pub(super) fn outlet(now: Instant) -> Self {
        Self::new(None, 0.0, now)
    }

    /// A toxic that meets a stream now.
    pub(super) fn of(toxic: &Toxic, chance: &mut Chance, now: Instant) -> Self {
        Self::new(Some(toxic.clone()), chance.share(), now)
    }

    fn new(toxic: Option<Toxic>, luck: f32, now: Instant) -> Self {
        Self {
            toxic,
            luck,
            since: now,
            met: None,
            queue: VecDeque::new(),
            bytes: 0,
            busy_until: now,
            passed: 0,
            ended: false,
        }
    }

    /// The toxic's identity.
    pub(super) fn id(&self) -> Option<u64> {
        self.toxic.as_ref().map(|toxic| toxic.id)
    }

    /// What is in force here: nothing for the outlet, or where the draw spared this connection.
    fn force(&self) -> Option<&Kind> {
        let toxic = self.toxic.as_ref()?;
        (self.luck < toxic.toxicity).then_some(&toxic.kind)
    }

    /// Whether more data may enter.
    pub(super) fn has_room(&self) -> bool {
        let room = match self.force() {
            Some(Kind::Latency { .. }) => DELAY_LINE,
            _ => ROOM,
        };
        self.bytes < room && self.queue.len() < PIECES
    }

    /// Takes a piece in.
    pub(super) fn accept(&mut self, piece: Piece, chance: &mut Chance, now: Instant) {
        self.met.get_or_insert(now);
        if let Piece::Data(data) = &piece {
            self.bytes += data.len();
            self.since = now;
        }
        let delay = self.delay(&piece, chance);
        self.queue.push_back(Held {
            piece,
            entered: now,
            due: later(now, delay),
        });
    }

    fn delay(&self, piece: &Piece, chance: &mut Chance) -> Duration {
        match (self.force(), piece) {
            (Some(&Kind::Latency { latency, jitter }), Piece::Data(_)) => {
                Duration::from_millis(chance.around(latency, jitter))
            }
            (Some(&Kind::SlowClose { delay }), Piece::End | Piece::Close) => {
                Duration::from_millis(delay)
            }
            _ => Duration::ZERO,
        }
    }

    /// Lets the next piece go, if it is time; data only if there is `room` for it beyond.
    pub(super) fn release(
        &mut self,
        room: bool,
        chance: &mut Chance,
        now: Instant,
    ) -> Option<Piece> {
        if self.ended {
            return None;
        }
        let piece = match self.force().cloned() {
            Some(Kind::ResetPeer { .. }) => None,
            Some(Kind::Timeout { timeout }) => self.swallow(timeout, now),
            Some(Kind::LimitData { bytes }) => self.limit(bytes, room),
            kind => self.head(kind, room, chance, now),
        }?;
        self.ended = !matches!(piece, Piece::Data(_));
        Some(piece)
    }

    fn head(
        &mut self,
        kind: Option<Kind>,
        room: bool,
        chance: &mut Chance,
        now: Instant,
    ) -> Option<Piece> {
        if self.wakes()? > now {
            return None;
        }
        let head = self.queue.front()?;
        let Piece::Data(data) = &head.piece else {
            return self.pop();
        };
        if !room {
            return None;
        }
        let (len, free) = (data.len() as u64, self.line_free(head.entered));
        match kind {
            Some(Kind::Bandwidth { rate }) => {
                let part = quantum(len, rate);
                Some(self.pace(part, free + transit(part, rate), now))
            }
            Some(Kind::Slicer {
                average_size,
                size_variation,
                delay,
            }) => {
                let part = len.min(chance.around(average_size, size_variation).max(1));
                Some(self.pace(part, later(free, Duration::from_micros(delay)), now))
            }
            _ => self.pop(),
        }
    }

    /// When time alone will let something go. `None`: only more input, more room or a change can.
    pub(super) fn wakes(&self) -> Option<Instant> {
        match self.force() {
            _ if self.ended => None,
            Some(&Kind::ResetPeer { timeout }) => self.strikes(timeout),
            Some(&Kind::Timeout { timeout }) => (timeout > 0).then(|| self.after(timeout)),
            kind => {
                let head = self.queue.front()?;
                match (kind, &head.piece) {
                    (Some(Kind::Bandwidth { rate: 0 }), Piece::Data(_)) => None,
                    (Some(&Kind::Bandwidth { rate }), Piece::Data(data)) => {
                        let part = quantum(data.len() as u64, rate);
                        Some(self.line_free(head.entered) + transit(part, rate))
                    }
                    (Some(Kind::Slicer { .. }), Piece::Data(_)) => {
                        Some(self.line_free(head.entered))
                    }
                    _ => Some(head.due),
                }
            }
        }
    }

    /// Whether the connection is to be reset by now.
    pub(super) fn resets(&self, now: Instant) -> bool {
        match self.force() {
            Some(&Kind::ResetPeer { timeout }) => {
                self.strikes(timeout).is_some_and(|moment| now >= moment)
            }
            _ => false,
        }
    }

    /// When a reset comes that waits so many milliseconds from the first piece on.
    fn strikes(&self, timeout: u64) -> Option<Instant> {
        let met = self.met?;
        Some(later(met, Duration::from_millis(timeout)))
    }

    /// Takes over a changed toxic; what waits here is judged by the new rule.
    pub(super) fn retune(&mut self, toxic: &Toxic, chance: &mut Chance, now: Instant) {
        if self.toxic.as_ref() == Some(toxic) {
            return;
        }
        let swallowed = matches!(self.force(), Some(Kind::Timeout { .. }));
        self.toxic = Some(toxic.clone());
        self.luck = chance.share();
        self.since = now;
        if swallowed && !matches!(self.force(), Some(Kind::Timeout { .. })) {
            self.accept(Piece::Close, chance, now);
        }
        let mut waiting = std::mem::take(&mut self.queue);
        for held in &mut waiting {
            held.due = later(held.entered, self.delay(&held.piece, chance));
        }
        self.queue = waiting;
    }

    /// The toxic is gone: what waited here goes on at once, and a stream that lost data closes.
    pub(super) fn dissolve(mut self) -> impl Iterator<Item = Piece> {
        let swallowed = matches!(self.force(), Some(Kind::Timeout { .. }));
        let waiting = std::mem::take(&mut self.queue);
        let close = swallowed.then_some(Piece::Close);
        waiting.into_iter().map(|held| held.piece).chain(close)
    }

    fn swallow(&mut self, timeout: u64, now: Instant) -> Option<Piece> {
        while let Some(piece) = self.pop() {
            if !matches!(piece, Piece::Data(_)) {
                return Some(piece);
            }
        }
        (timeout > 0 && now >= self.after(timeout)).then_some(Piece::Close)
    }

    fn limit(&mut self, limit: u64, room: bool) -> Option<Piece> {
        let Piece::Data(data) = &self.queue.front()?.piece else {
            return self.pop();
        };
        let left = limit.saturating_sub(self.passed);
        let len = data.len() as u64;
        if left == 0 {
            return Some(Piece::Close);
        }
        if !room {
            return None;
        }
        self.passed += len.min(left);
        if len < left {
            return self.pop();
        }
        let last = self.cut(left);
        // Nothing behind the limit is ever delivered, so it need not be kept.
        self.queue.clear();
        self.bytes = 0;
        let due = self.since;
        self.queue.push_back(Held {
            piece: Piece::Close,
            entered: due,
            due,
        });
        Some(last)
    }

    /// So many milliseconds after data last came in, or the toxic met this stream.
    fn after(&self, millis: u64) -> Instant {
        later(self.since, Duration::from_millis(millis))
    }

    fn line_free(&self, entered: Instant) -> Instant {
        self.busy_until.max(entered)
    }

    fn pace(&mut self, part: u64, due: Instant, now: Instant) -> Piece {
        let oldest = now.checked_sub(CATCH_UP).unwrap_or(now);
        self.busy_until = due.max(oldest);
        self.cut(part)
    }

    fn cut(&mut self, part: u64) -> Piece {
        let whole = match self.queue.front_mut() {
            Some(Held {
                piece: Piece::Data(data),
                ..
            }) if (part as usize) < data.len() => {
                self.bytes -= part as usize;
                return Piece::Data(data.split_to(part as usize));
            }
            _ => self.pop(),
        };
        // Callers look at the head first; an empty queue has nothing to cut.
        whole.unwrap_or(Piece::Close)
    }

    fn pop(&mut self) -> Option<Piece> {
        let piece = self.queue.pop_front()?.piece;
        if let Piece::Data(data) = &piece {
            self.bytes -= data.len();
        }
        Some(piece)
    }
}

/// A moment that far ahead; a span beyond the clock's range counts as a year.
fn later(from: Instant, span: Duration) -> Instant {
    let year = Duration::from_secs(365 * 24 * 3600);
    from + span.min(year)
}

/// What a bandwidth limit lets go at once.
fn quantum(bytes: u64, rate: u64) -> u64 {
    bytes.min(rate.saturating_mul(QUANTUM_MS))
}

/// How long so many bytes take at a rate in thousands of bytes a second.
fn transit(bytes: u64, rate: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1000) / rate.max(1))
}
