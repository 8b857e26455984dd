//! The order in which a key's operations were first heard of.

use crate::{
    history::{History, Key},
    judge::{order::Orders, reorder::reordered},
};

/// So many keys are shown,
const KEYS: usize = 4;
/// and of each so many arrivals.
const ARRIVALS: usize = 200;

/// First deliveries of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    /// The key.
    pub key: Key,
    /// Their places, as they came.
    pub places: Vec<i64>,
    /// Which of them came behind a later one, by their index.
    pub late: Vec<usize>,
    /// Of how many these are.
    pub of: usize,
}

/// The keys in which something came late, those with most of it first. Of a longer one, what is around the first.
pub(super) fn of(history: &History) -> Vec<Strip> {
    let orders = Orders::of(history);
    let Ok(Orders(orders)) = orders.as_ref() else {
        return Vec::new();
    };
    let strips = orders.iter().filter_map(|(key, order)| {
        let places: Vec<i64> = order.iter().map(|(n, _)| *n).collect();
        let late: Vec<usize> = reordered(&places).iter().map(|late| late.index).collect();
        (!late.is_empty()).then_some(Strip {
            key: *key,
            of: places.len(),
            places,
            late,
        })
    });
    let mut strips: Vec<Strip> = strips.collect();
    strips.sort_by_key(|strip| std::cmp::Reverse(strip.late.len()));
    strips.truncate(KEYS);
    strips.into_iter().map(shortened).collect()
}

fn shortened(strip: Strip) -> Strip {
    let first = strip.late.first().copied().unwrap_or(0);
    let last = strip.of.saturating_sub(ARRIVALS);
    let from = first.saturating_sub(ARRIVALS / 2).min(last);
    let window = from..strip.of.min(from + ARRIVALS);
    let late = strip
        .late
        .into_iter()
        .filter(|index| window.contains(index));
    Strip {
        late: late.map(|index| index - from).collect(),
        places: strip.places[window.clone()].to_vec(),
        ..strip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_key_what_is_around_the_first_late_one_is_kept() {
        let strip = |late: Vec<usize>| {
            let long = Strip {
                key: Key::numbered(1),
                places: (1..=1_000).collect(),
                late,
                of: 1_000,
            };
            let short = shortened(long);
            (short.places[0], short.places.len(), short.late)
        };
        assert_eq!(strip(vec![3]), (1, 200, vec![3]));
        assert_eq!(strip(vec![500, 999]), (401, 200, vec![100]));
        assert_eq!(strip(vec![990]), (801, 200, vec![190]));
    }
}
