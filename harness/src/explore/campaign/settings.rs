//! Settings that are drawn: those of the lab's own target, within what it takes and what a run can wait for.

use std::{collections::BTreeMap, ops::RangeInclusive};

use proptest::{
    option::weighted,
    strategy::{BoxedStrategy, Just, Strategy},
};

use crate::ask::target::Target;

/// A setting and what is drawn of it: the least that is legal, or near it, up to what is shipped.
const DRAWN: [(&str, RangeInclusive<u64>); 7] = [
    ("OUTBOX_WINDOW", 1..=500),
    ("OUTBOX_POLL_MS", 100..=1_000),
    ("OUTBOX_RETRY_BASE_MS", 20..=500),
    ("OUTBOX_RETRY_MAX_MS", 500..=5_000),
    ("OUTBOX_PREFETCH", 1..=1_000),
    ("OUTBOX_APPLY_BATCH", 1..=500),
    ("OUTBOX_API_CONNECTIONS", 2..=16),
];
/// A lease, and how long confirms are waited for: no more than half of it.
const LEASE: (&str, RangeInclusive<u64>) = ("OUTBOX_LEASE_MS", 2_000..=10_000);
const CONFIRMED_WITHIN: (&str, RangeInclusive<u64>) = ("OUTBOX_CONFIRM_TIMEOUT_MS", 500..=4_000);
/// How often a setting is not as shipped.
const OFTEN: f64 = 0.15;

/// Settings of a target; most of them as shipped, and of targets that do not say what is legal all of them.
pub(super) fn settings(target: &Target) -> BoxedStrategy<BTreeMap<String, String>> {
    if !target.is_ours() {
        return Just(BTreeMap::new()).boxed();
    }
    let each: Vec<_> = DRAWN
        .into_iter()
        .map(|(name, range)| weighted(OFTEN, range).prop_map(move |value| Some((name, value?))))
        .collect();
    let leases = weighted(OFTEN, (LEASE.1, CONFIRMED_WITHIN.1));
    (each, leases)
        .prop_map(|(each, leases)| {
            let leases = leases.map(|(lease, confirmed)| {
                [
                    (LEASE.0, lease),
                    (CONFIRMED_WITHIN.0, confirmed.min(lease / 2)),
                ]
            });
            let all = each
                .into_iter()
                .flatten()
                .chain(leases.into_iter().flatten());
            all.map(|(name, value)| (name.to_owned(), value.to_string()))
                .collect()
        })
        .boxed()
}
