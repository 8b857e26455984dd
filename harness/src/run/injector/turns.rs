//! Faults that come one after the other: when a turn begins, and when it is over.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::Injector;
use crate::ask::fault::Fault;

/// What is not made good by then is the judge's to say: the next turn does not wait for ever.
const MADE_GOOD_WITHIN: Duration = Duration::from_secs(30);

/// The turns of a run's faults.
pub struct Turns {
    of: Vec<Option<u32>>,
    over: watch::Sender<Vec<bool>>,
}

impl Turns {
    /// Of these faults, none of which has begun.
    pub fn of(faults: &[Fault]) -> Self {
        Self {
            of: faults.iter().map(|fault| fault.turn).collect(),
            over: watch::Sender::new(vec![false; faults.len()]),
        }
    }

    /// Waits until every turn is over; for ever where no fault has one.
    pub async fn all_over(&self) {
        match self.of.iter().flatten().max() {
            Some(last) => self.before(last.saturating_add(1)).await,
            None => std::future::pending().await,
        }
    }

    async fn before(&self, turn: u32) {
        let earlier = |own: &Option<u32>| own.is_some_and(|own| own < turn);
        let all = |over: &Vec<bool>| {
            self.of
                .iter()
                .zip(over)
                .all(|(own, over)| *over || !earlier(own))
        };
        // The sender lives as long as this.
        let _ = self.over.subscribe().wait_for(all).await;
    }

    pub(super) fn is_over(&self, index: usize) {
        self.over.send_modify(|over| over[index] = true);
    }
}

impl Injector<'_> {
    /// Waits for a turn. Says when it began; nothing if the workload was over before.
    pub(super) async fn turn_of(&self, turn: u32) -> Option<Instant> {
        let mut over = self.workload_over.clone();
        tokio::select! {
            biased;
            () = self.turns.before(turn) => Some(Instant::now()),
            _ = over.wait_for(|over| *over) => None,
        }
    }

    /// A fault's part in its turn is over when what it had held up is made good, if it was healed at all.
    pub(super) async fn turn_ends(&self, index: usize) {
        let healed = self.healed.borrow().iter().any(|heal| heal.fault == index);
        if healed {
            let mut made_good = self.made_good.clone();
            let good = made_good.wait_for(|good| good.contains(&index));
            let _ = timeout(MADE_GOOD_WITHIN, good).await;
        }
        self.turns.is_over(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::scenario::Scenario;

    fn turns(all: &[u32]) -> Turns {
        let faults = all.iter().map(|turn| {
            format!("[[fault]]\nedge = 'api -> postgres'\ndo = 'reset'\nwhen = {{ event = 'commit' }}\nturn = {turn}\n")
        });
        let text = "story = ''\nworkload = { keys = 1, writes = '1 at once' }\n".to_owned();
        let scenario: Scenario = toml::from_str(&(text + &faults.collect::<String>())).unwrap();
        Turns::of(&Fault::all(&scenario).unwrap())
    }

    fn is_ready(waits: impl Future<Output = ()>) -> bool {
        let mut waits = std::pin::pin!(waits);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        waits.as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn a_turn_begins_when_all_earlier_ones_are_over_and_the_end_is_that_of_the_last() {
        let turns = turns(&[1, 1, 2]);
        assert!(is_ready(turns.before(1)) && !is_ready(turns.before(2)));
        turns.is_over(0);
        assert!(!is_ready(turns.before(2)));
        turns.is_over(1);
        assert!(is_ready(turns.before(2)) && !is_ready(turns.all_over()));
        turns.is_over(2);
        assert!(is_ready(turns.all_over()));
    }

    #[test]
    fn without_turns_a_workload_has_no_end_but_its_own() {
        assert!(!is_ready(turns(&[]).all_over()));
    }
}
