//! A run means something only if its faults and its workload bit. What did not bite is vacuous, never a pass.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::ask::scenario::Scenario;
use crate::history::{FaultLife, History};
use crate::judge::basis::{Unjudgeable, scenario};
use crate::judge::facts::{FactError, Facts};
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

/// More unknown answers than this, in percent, and the run shows little of either kind.
const MOST_UNKNOWN_PERCENT: usize = 50;
/// Where faults may miss, fewer than this, in percent, and something keeps them from biting.
const LEAST_BITTEN_PERCENT: usize = 50;
/// How many faults bit, among the counts.
pub(crate) const BIT: &str = "faults that bit";

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let scenario = scenario(history)?;
    let mut inquiry = Inquiry::new("bite");
    if scenario.faults.is_empty() && scenario.bites.is_empty() {
        let example =
            "no fault, and nothing in [bites]: the scenario does not say what it tests".to_owned();
        inquiry.object(Verdict::Vacuous, "scenarios that test nothing", example);
    }
    let bit = faults(&mut inquiry, history, scenario);
    workload(&mut inquiry, history);
    conditions(&mut inquiry, history, scenario)?;
    let holds = match scenario.faults.len() {
        0 => "the workload bit".to_owned(),
        faults => format!("{bit} of {faults} faults and the workload bit"),
    };
    Ok(inquiry.conclude_with(holds))
}

/// Says of each fault what it owes, and how many bit.
fn faults(inquiry: &mut Inquiry, history: &History, scenario: &Scenario) -> usize {
    let never = FaultLife::default();
    let mut bit = 0;
    for (index, planned) in scenario.faults.iter().enumerate() {
        let life = history.faults().get(&index).unwrap_or(&never);
        match missed(index + 1, life) {
            None => bit += 1,
            Some((what, _)) if planned.may_miss => inquiry.count(what, 1),
            Some((what, example)) => inquiry.object(Verdict::Vacuous, what, example),
        }
        let in_place = life.failed.is_none() && life.applied.is_some();
        if in_place && life.healed.is_none() && !planned.stays() {
            let example = format!("fault {} was applied and never healed", index + 1);
            inquiry.object(Verdict::Error, "faults never healed", example);
        }
    }
    inquiry.count(BIT, bit);
    let planned = scenario.faults.len();
    let some_may_miss = scenario.faults.iter().any(|fault| fault.may_miss);
    if some_may_miss && bit * 100 < planned * LEAST_BITTEN_PERCENT {
        let example = format!("of {planned} faults {bit} met something");
        inquiry.object(Verdict::Vacuous, "runs in which few faults bit", example);
    }
    bit
}

/// Why a fault did nothing; none if it bit.
fn missed(number: usize, life: &FaultLife) -> Option<(&'static str, String)> {
    if let Some(why) = &life.failed {
        let example = format!("fault {number} never came to be: {why}");
        return Some(("faults that failed", example));
    }
    if life.applied.is_none() {
        let example = format!("fault {number} was never applied");
        return Some(("faults never applied", example));
    }
    if life.bit() {
        return None;
    }
    let outside = life.bites.iter().filter(|(_, _, count)| *count > 0).count();
    let but = match outside {
        0 => String::new(),
        _ => format!("; its {outside} bites were recorded while it was not in place"),
    };
    let example = format!("fault {number} was applied and did not bite{but}");
    Some(("faults that did not bite", example))
}

fn workload(inquiry: &mut Inquiry, history: &History) {
    let workload = || history.ops().values().filter(|op| op.is_workload());
    let asked = workload().count();
    let accepted = workload().filter(|op| op.is_accepted()).count();
    inquiry.count("requests", asked);
    inquiry.count("accepted requests", accepted);
    inquiry.count(
        "unknown requests",
        workload().filter(|op| op.is_unknown()).count(),
    );
    if accepted == 0 {
        let example = format!("of {asked} requests none was accepted");
        inquiry.object(
            Verdict::Vacuous,
            "workloads without an accepted request",
            example,
        );
    }
    // Who does not know asks again, perhaps many times: what is unknown is an operation of which nobody ever learnt.
    let ids: BTreeSet<Uuid> = workload().map(|op| op.asked.id).collect();
    let unknown = |id: &&Uuid| history.ops_of(**id).all(|(_, op)| op.is_unknown());
    let unknown = ids.iter().filter(unknown).count();
    if unknown * 100 > ids.len() * MOST_UNKNOWN_PERCENT {
        let example = format!(
            "of {unknown} of {} operations nobody knows the outcome",
            ids.len()
        );
        inquiry.object(Verdict::Unknown, "workloads mostly unknown", example);
    }
}

fn conditions(
    inquiry: &mut Inquiry,
    history: &History,
    scenario: &Scenario,
) -> Result<(), Unjudgeable> {
    let facts = Facts::of(history);
    let in_place = |fault: usize| {
        history
            .faults()
            .get(&fault)
            .is_some_and(|life| life.applied.is_some())
    };
    let all_in_place = (0..scenario.faults.len()).all(in_place);
    for (name, condition) in &scenario.bites {
        let value = match facts.get(name, scenario.faults.len()) {
            // What is measured during a fault is not, where there was none: the fault says why.
            Err(FactError::Unmeasured(_)) if !all_in_place => continue,
            value => value?,
        };
        inquiry.count(name, usize::try_from(value).unwrap_or(usize::MAX));
        if !condition.holds(value) {
            let example =
                format!("{name} is {value}, and must be {condition} for the run to mean anything");
            inquiry.object(Verdict::Vacuous, "conditions in [bites] not met", example);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
