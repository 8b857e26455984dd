//! Reordering as RFC 4737 defines it.

/// A delivery behind a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late {
    /// Its place in its key.
    pub(crate) n: i64,
    /// Its number among the arrivals, from 0.
    pub(crate) index: usize,
    /// How many arrivals too late (RFC 4737, section 4.2: back to the earliest arrival with a greater place).
    pub(crate) extent: usize,
    /// The place that came before it and should not have.
    pub(crate) behind: i64,
}

/// The singleton rule of RFC 4737, section 3: an arrival at or beyond the next expected place is in order and moves
/// the expectation past itself; any other is reordered. So one early arrival does not make all after it reordered
/// twice, and what never arrives makes nothing reordered.
pub(crate) fn reordered(order: &[i64]) -> Vec<Late> {
    let mut next_expected = i64::MIN;
    let mut late = Vec::new();
    // The places of arrivals that were in order, with their index: increasing in both, so that the earliest greater
    // one is found by bisection. A reordered arrival is never the earliest: the one it is behind is greater.
    let mut in_order: Vec<(i64, usize)> = Vec::new();
    for (index, n) in order.iter().copied().enumerate() {
        if n >= next_expected {
            next_expected = n.saturating_add(1);
            in_order.push((n, index));
            continue;
        }
        let first_greater = in_order.partition_point(|(earlier, _)| *earlier <= n);
        // The same place twice (two operations claim one) has none greater: it is late by the arrivals since its twin.
        let (behind, since) = in_order[first_greater.min(in_order.len() - 1)];
        late.push(Late {
            n,
            index,
            extent: index - since,
            behind,
        });
    }
    late
}
