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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio_util::bytes::Bytes;

    use super::*;

    fn toxic(id: u64, kind: &str, attributes: Value) -> Toxic {
        let body = json!({ "name": id.to_string(), "type": kind, "attributes": attributes });
        Toxic::parse(body.to_string().as_bytes(), id).unwrap()
    }

    fn chain(toxics: &[Toxic], now: Instant) -> Chain {
        Chain::new(toxics, Chance::seeded(1), now)
    }

    fn data(bytes: &'static [u8]) -> Piece {
        Piece::Data(Bytes::from_static(bytes))
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn drain(chain: &mut Chain, now: Instant) -> Vec<Piece> {
        std::iter::from_fn(|| chain.pull(now)).collect()
    }

    #[test]
    fn chunks_are_delayed_side_by_side_and_the_end_comes_last() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "latency", json!({"latency": 100}))], start);
        for at in 0..50 {
            chain.push(data(b"x"), start + ms(at));
        }
        chain.push(Piece::End, start + ms(50));
        assert_eq!(drain(&mut chain, start + ms(99)), []);
        assert_eq!(chain.wakes(start + ms(99)), Some(start + ms(100)));
        assert_eq!(drain(&mut chain, start + ms(119)).len(), 20);
        let rest = drain(&mut chain, start + ms(150));
        assert_eq!((rest.len(), rest.last()), (31, Some(&Piece::End)));
    }

    #[test]
    fn a_removed_toxic_hands_on_what_it_held_ahead_of_what_comes_later() {
        let start = Instant::now();
        let toxics = [
            toxic(1, "latency", json!({"latency": 100})),
            toxic(2, "latency", json!({"latency": 1000})),
            toxic(3, "latency", json!({"latency": 0})),
        ];
        let mut chain = chain(&toxics, start);
        chain.push(data(b"a"), start);
        assert_eq!(drain(&mut chain, start + ms(100)), []);
        chain.push(data(b"b"), start + ms(100));
        chain.retune([&toxics[0], &toxics[2]], start + ms(110));
        assert_eq!(drain(&mut chain, start + ms(110)), [data(b"a")]);
        assert_eq!(drain(&mut chain, start + ms(200)), [data(b"b")]);
    }

    #[test]
    fn a_changed_latency_is_the_one_that_waiting_data_gets() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "latency", json!({"latency": 5000}))], start);
        chain.push(data(b"a"), start);
        chain.retune(
            &[toxic(1, "latency", json!({"latency": 20}))],
            start + ms(10),
        );
        assert_eq!(drain(&mut chain, start + ms(19)), []);
        assert_eq!(drain(&mut chain, start + ms(20)), [data(b"a")]);
    }

    #[test]
    fn bandwidth_paces_and_does_not_make_up_for_idle_time() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "bandwidth", json!({"rate": 1}))], start);
        let later = start + ms(60_000);
        chain.push(data(&[7; 250]), later);
        let mut sizes = Vec::new();
        for at in [99, 100, 200, 249, 250] {
            let out = drain(&mut chain, later + ms(at));
            sizes.extend(out.iter().map(|piece| match piece {
                Piece::Data(data) => (at, data.len()),
                other => panic!("{other:?}"),
            }));
        }
        assert_eq!(sizes, [(100, 100), (200, 100), (250, 50)]);
    }

    #[test]
    fn a_data_limit_counts_on_through_a_change_and_closes_once_delivered() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "limit_data", json!({"bytes": 100}))], start);
        chain.push(data(b"abc"), start);
        assert_eq!(drain(&mut chain, start), [data(b"abc")]);
        chain.retune(&[toxic(1, "limit_data", json!({"bytes": 5}))], start);
        chain.push(data(b"defgh"), start);
        assert_eq!(drain(&mut chain, start), [data(b"de"), Piece::Close]);
    }

    #[test]
    fn a_stream_that_lost_data_to_a_timeout_closes_when_the_toxic_goes() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "timeout", json!({"timeout": 50}))], start);
        chain.push(data(b"lost"), start);
        assert_eq!(drain(&mut chain, start + ms(49)), []);
        chain.retune([], start + ms(49));
        assert_eq!(drain(&mut chain, start + ms(49)), [Piece::Close]);
    }

    #[test]
    fn a_timeout_closes_when_its_time_has_come_and_once() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "timeout", json!({"timeout": 50}))], start);
        assert_eq!(chain.wakes(start), Some(start + ms(50)));
        assert_eq!(drain(&mut chain, start + ms(50)), [Piece::Close]);
    }

    #[test]
    fn a_reset_holds_data_back_and_loses_none_if_it_is_called_off() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "reset_peer", json!({"timeout": 50}))], start);
        chain.push(data(b"held"), start);
        assert_eq!(drain(&mut chain, start + ms(49)), []);
        assert!(!chain.resets(start + ms(49)) && chain.resets(start + ms(50)));
        chain.retune([], start + ms(49));
        assert_eq!(drain(&mut chain, start + ms(49)), [data(b"held")]);
    }

    #[test]
    fn a_blocked_chain_runs_out_of_room() {
        let start = Instant::now();
        let mut chain = chain(&[toxic(1, "bandwidth", json!({"rate": 0}))], start);
        let pushes = (0..1000).take_while(|_| {
            let room = chain.has_room();
            if room {
                chain.push(data(&[0; 1024]), start);
            }
            room
        });
        assert!(pushes.count() <= 64);
    }

    #[test]
    fn a_slicer_cuts_within_its_variation_and_loses_nothing() {
        let start = Instant::now();
        let slicer = json!({"average_size": 10, "size_variation": 3, "delay": 1000});
        let mut chain = chain(&[toxic(1, "slicer", slicer)], start);
        chain.push(data(&[9; 200]), start);
        let mut sizes = Vec::new();
        for at in 0..200 {
            for piece in drain(&mut chain, start + ms(at)) {
                let Piece::Data(data) = piece else {
                    panic!("{piece:?}")
                };
                sizes.push(data.len());
            }
        }
        let last = sizes.pop().unwrap();
        assert!(
            sizes.iter().all(|size| (7..=13).contains(size)),
            "{sizes:?}"
        );
        assert_eq!(sizes.iter().sum::<usize>() + last, 200);
    }
}
