//! What clients ask of a target that a file describes: operations of keys, the same ones for the same seed.

use anyhow::Result;
use proptest::{
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::Index,
};

use crate::{
    ask::{
        scenario::{Scenario, Workload},
        target::{
            Target,
            write::{How, Sql},
        },
    },
    run::{numbers::Numbers, plan::Step, rng::Draws},
};

/// So many writes are counted one by one.
const HANDFUL: usize = 20;

/// One operation before its number is drawn.
#[derive(Debug, Clone)]
struct Intent {
    key: u16,
    again: bool,
    pick: Index,
    rolled_back: bool,
}

/// The operations of a workload in the order of their times: those of its plan, or drawn, each with the next number of its key
/// and no more of them a second than the target takes.
pub fn steps(
    scenario: &Scenario,
    target: &Target,
    numbers: &Numbers,
    seed: u64,
) -> Result<Vec<Step>> {
    let workload = &scenario.workload;
    if let Some(plan) = &scenario.plan {
        let planned = plan.operations.iter();
        return Ok(planned
            .map(|operation| Step::of(operation, numbers))
            .collect());
    }
    let pace = scenario.pace()?.at_most(target.pace.drains.per_second());
    let rollback = match &target.write.how {
        // Of a handful the story says how many there are.
        How::Sql(Sql { rollback, .. }) if pace.writes() > HANDFUL => u32::from(*rollback),
        How::Sql(_) | How::Http(_) => 0,
    };
    let intents = proptest::collection::vec(intent(workload, rollback), pace.writes());
    let intents = Draws::of(seed)
        .next(&intents)
        .expect("the strategy filters nothing, so it cannot fail");
    let mut steps: Vec<Step> = Vec::with_capacity(intents.len());
    for (index, intent) in intents.into_iter().enumerate() {
        let again = (intent.again && !steps.is_empty()).then(|| intent.pick.index(steps.len()));
        // What was rolled back is not asked for again: it is to be heard of by nobody.
        let again = again.filter(|earlier| !steps[*earlier].rolled_back);
        let asked = match again {
            Some(earlier) => steps[earlier].asked.clone(),
            None => numbers.next(intent.key),
        };
        steps.push(Step {
            due: pace.due(index),
            asked,
            copies: workload.copies.max(1),
            rolled_back: again.is_none() && intent.rolled_back,
        });
    }
    Ok(steps)
}

fn intent(workload: &Workload, rollback: u32) -> impl Strategy<Value = Intent> + use<> {
    let keys = u16::try_from(workload.keys.max(1)).unwrap_or(u16::MAX);
    let hot = workload.hot_percent.min(100);
    let key = prop_oneof![hot => Just(0), 100 - hot => 0..keys];
    let again = workload.again;
    let percent = |share: u32| (0..100u32).prop_map(move |drawn| drawn < share);
    (key, percent(again), any::<Index>(), percent(rollback)).prop_map(
        |(key, again, pick, rolled_back)| Intent {
            key,
            again,
            pick,
            rolled_back,
        },
    )
}
