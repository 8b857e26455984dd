//! The toxics of one stream of one connection, in the order they were added, and the data that waits in them.
//!
//! Pure like its stages. The pump that owns it reads when there is room, writes what comes out, and sleeps no longer
//! than it is told.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{
    chance::Chance,
    stage::{Piece, Stage},
    toxic::Toxic,
};

/// A stream's way through its toxics. The last stage is always the outlet.
#[derive(Debug)]
pub(super) struct Chain {
    stages: Vec<Stage>,
    chance: Chance,
}

impl Chain {
    /// A stream through `toxics`, which it meets now.
    pub(super) fn new<'a>(
        toxics: impl IntoIterator<Item = &'a Toxic>,
        mut chance: Chance,
        now: Instant,
    ) -> Self {
        let mut stages: Vec<Stage> = toxics
            .into_iter()
            .map(|toxic| Stage::of(toxic, &mut chance, now))
            .collect();
        stages.push(Stage::outlet(now));
        Self { stages, chance }
    }

    /// Whether the source may be read.
    pub(super) fn has_room(&self) -> bool {
        self.stages.first().is_some_and(Stage::has_room)
    }

    /// Takes in what came from the source.
    pub(super) fn push(&mut self, piece: Piece, now: Instant) {
        if let Some(first) = self.stages.first_mut() {
            first.accept(piece, &mut self.chance, now);
        }
    }

    /// Gives what is to be written next, moving along whatever is due.
    pub(super) fn pull(&mut self, now: Instant) -> Option<Piece> {
        self.advance(now);
        let outlet = self.stages.last_mut()?;
        let piece = outlet.release(true, &mut self.chance, now);
        if piece.is_some() {
            // The outlet has room again; what waits for it must not wait for a timer.
            self.advance(now);
        }
        piece
    }

    fn advance(&mut self, now: Instant) {
        let mut moved = true;
        while moved {
            moved = false;
            for at in 0..self.stages.len().saturating_sub(1) {
                let (before, beyond) = self.stages.split_at_mut(at + 1);
                let (here, next) = (&mut before[at], &mut beyond[0]);
                while let Some(piece) = here.release(next.has_room(), &mut self.chance, now) {
                    next.accept(piece, &mut self.chance, now);
                    moved = true;
                }
            }
        }
    }

    /// The next moment, after `now`, at which time alone lets something go.
    pub(super) fn wakes(&self, now: Instant) -> Option<Instant> {
        let moments = self.stages.iter().filter_map(Stage::wakes);
        moments.filter(|moment| *moment > now).min()
    }

    /// Whether a toxic wants the connection reset by now.
    pub(super) fn resets(&self, now: Instant) -> bool {
        self.stages.iter().any(|stage| stage.resets(now))
    }

    /// Makes `toxics` the ones in force. Data that waits keeps its order and loses nothing: what a removed toxic held
    /// goes on to the next.
    pub(super) fn retune<'a>(&mut self, toxics: impl IntoIterator<Item = &'a Toxic>, now: Instant) {
        let toxics: Vec<&Toxic> = toxics.into_iter().collect();
        let mut old = std::mem::take(&mut self.stages);
        let mut kept: VecDeque<Stage> = old.pop().into_iter().collect();
        for mut stage in old.into_iter().rev() {
            match toxics.iter().find(|toxic| Some(toxic.id) == stage.id()) {
                Some(toxic) => {
                    stage.retune(toxic, &mut self.chance, now);
                    kept.push_front(stage);
                }
                None => {
                    for piece in stage.dissolve() {
                        kept[0].accept(piece, &mut self.chance, now);
                    }
                }
            }
        }
        for toxic in toxics {
            if !kept.iter().any(|stage| stage.id() == Some(toxic.id)) {
                let fresh = Stage::of(toxic, &mut self.chance, now);
                kept.insert(kept.len() - 1, fresh);
            }
        }
        self.stages = kept.into();
    }
}
