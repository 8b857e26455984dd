//! Canaries: one valid bid through each process of the API and on each auction, once everything is healed. That a system is
//! silent does not say that it works.

use std::collections::HashMap;

use crate::{
    history::{Asked, Key},
    judge::auction::bid::{Bid, asked},
    run::{
        auction::workload::{Plan, STARTING_PRICE},
        numbers::Numbers,
        plan::Canary,
    },
};

/// One canary an auction, more if there are more processes than auctions. Each beats everything that was ever asked for on
/// its auction.
pub fn flock(plan: &Plan, numbers: &Numbers, apis: &[usize]) -> Vec<Canary> {
    if apis.is_empty() || plan.open.is_empty() {
        return Vec::new();
    }
    let mut highest: HashMap<Key, i64> = HashMap::new();
    for step in &plan.steps {
        let highest = highest.entry(step.asked.key).or_default();
        *highest = (*highest).max(step.asked.amount());
    }
    let count = plan.open.len().max(apis.len());
    (0..count)
        .map(|number| {
            let key = plan.open[number % plan.open.len()];
            let operation = numbers.next(key);
            let highest = highest.entry(operation.key).or_insert(STARTING_PRICE);
            // Two on one auction go out at once: only the greater one must be taken, so both are far apart and both known.
            *highest += 1;
            Canary {
                asked: Asked {
                    content: asked("canary".to_owned(), *highest),
                    ..operation
                },
                api: apis[number % apis.len()],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ask::{auction::Own, id::Run, scenario::Workload};

    fn plan(auctions: u32) -> (Plan, Numbers) {
        let workload = Workload {
            keys: auctions,
            writes: "50 at once".to_owned(),
            hot_percent: 0,
            copies: 1,
            again: 0,
        };
        let numbers = Numbers::of(Run::of(1));
        let plan = Plan::new(&workload, &Own::default(), 1, &numbers).expect("a plan");
        (plan, numbers)
    }

    #[test]
    fn every_auction_and_every_process_has_its_canary() {
        for (auctions, apis) in [(8, vec![0, 1]), (1, vec![0, 2, 3])] {
            let (plan, numbers) = plan(auctions);
            let canaries = flock(&plan, &numbers, &apis);
            let keys: HashSet<_> = canaries.iter().map(|canary| canary.asked.key).collect();
            let asked: HashSet<_> = canaries.iter().map(|canary| canary.api).collect();
            assert_eq!(keys, plan.taking().collect());
            assert_eq!(asked, apis.into_iter().collect());
        }
    }

    #[test]
    fn a_canary_beats_every_bid_of_the_plan() {
        let (plan, numbers) = plan(3);
        for canary in flock(&plan, &numbers, &[0]) {
            let on_auction = |step: &&crate::run::plan::Step| step.asked.key == canary.asked.key;
            let bids = plan.steps.iter().filter(on_auction);
            assert!(bids.clone().all(|step| step.asked.id != canary.asked.id));
            assert!(
                bids.map(|step| step.asked.amount())
                    .all(|amount| amount < canary.asked.amount())
            );
        }
    }

    #[test]
    fn nobody_to_ask_means_no_canary() {
        let (plan, numbers) = plan(2);
        assert_eq!(flock(&plan, &numbers, &[]), []);
    }
}
