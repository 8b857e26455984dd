//! How long clients and events waited.

use std::collections::HashMap;

use super::{STEPS, Scale};
use crate::history::History;

/// Of what was asked for in one step, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// Half of them took no longer.
    pub p50_us: u64,
    /// 99 of 100 took no longer; with fewer than 100 it is the longest.
    pub p99_us: u64,
}

/// From a request to its answer, whatever the answer says: an outage is not made to look quick. Who was never answered waited, and
/// has no time of his own.
pub(super) fn answered(history: &History, scale: Scale) -> Vec<Option<Delays>> {
    let ops = history.ops().values().filter(|op| op.is_workload());
    let took = ops.filter_map(|op| Some((at(history, op.invoked), op.completed.as_ref()?.0)));
    of(
        took.map(|(asked, answered)| (asked, at(history, answered))),
        scale,
    )
}

/// From the first request for what was accepted to its first delivery, where one came.
pub(super) fn heard(history: &History, scale: Scale) -> Vec<Option<Delays>> {
    let mut asked = HashMap::new();
    let workload = history
        .ops_in_order()
        .into_iter()
        .filter(|op| op.is_workload());
    for op in workload {
        let (_, accepted) = asked.entry(op.asked.id).or_insert((op.invoked, false));
        *accepted |= op.is_accepted();
    }
    let waits = asked.into_iter().filter_map(|(id, (invoked, accepted))| {
        let heard = history.first_delivery(id).filter(|_| accepted)?;
        Some((at(history, invoked), at(history, heard)))
    });
    of(waits, scale)
}

fn at(history: &History, position: usize) -> u64 {
    history.entries()[position].at_us
}

fn of(waits: impl Iterator<Item = (u64, u64)>, scale: Scale) -> Vec<Option<Delays>> {
    let mut steps = vec![Vec::new(); STEPS];
    for (from, to) in waits {
        steps[scale.step(from)].push(to.saturating_sub(from));
    }
    let delays = steps.into_iter().map(|mut took| {
        took.sort_unstable();
        Some(Delays {
            p50_us: rank(&took, 50)?,
            p99_us: rank(&took, 99)?,
        })
    });
    delays.collect()
}

/// The nearest rank: the least that so many of a hundred do not exceed.
fn rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_a_value_that_was_measured() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(
            (rank(&hundred, 50), rank(&hundred, 99)),
            (Some(50), Some(99))
        );
        assert_eq!((rank(&[7, 9], 50), rank(&[7, 9], 99)), (Some(7), Some(9)));
        assert_eq!(rank(&[], 50), None);
    }

    #[test]
    fn waits_count_where_they_began() {
        let steps = of(
            [(10, 110), (11, 31), (500, 501)].into_iter(),
            Scale { length_us: 1_000 },
        );
        let at = |step: usize| steps[step].map(|delays| (delays.p50_us, delays.p99_us));
        assert_eq!(
            (at(1), at(50), at(2)),
            (Some((20, 100)), Some((1, 1)), None)
        );
    }
}
