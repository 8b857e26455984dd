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

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let scenario = scenario(history)?;
    let mut inquiry = Inquiry::new("bite");
    if scenario.faults.is_empty() && scenario.bites.is_empty() {
        let example =
            "no fault, and nothing in [bites]: the scenario does not say what it tests".to_owned();
        inquiry.object(Verdict::Vacuous, "scenarios that test nothing", example);
    }
    let never = FaultLife::default();
    for (index, planned) in scenario.faults.iter().enumerate() {
        let life = history.faults().get(&index).unwrap_or(&never);
        fault(&mut inquiry, index + 1, life, planned.stays());
    }
    workload(&mut inquiry, history);
    conditions(&mut inquiry, history, scenario)?;
    let holds = match scenario.faults.len() {
        0 => "the workload bit".to_owned(),
        faults => format!("{faults} of {faults} faults and the workload bit"),
    };
    Ok(inquiry.conclude_with(holds))
}

fn fault(inquiry: &mut Inquiry, number: usize, life: &FaultLife, stays: bool) {
    let mut vacuous = |what, example| inquiry.object(Verdict::Vacuous, what, example);
    if let Some(why) = &life.failed {
        vacuous(
            "faults that failed",
            format!("fault {number} never came to be: {why}"),
        );
    } else if life.applied.is_none() {
        vacuous(
            "faults never applied",
            format!("fault {number} was never applied"),
        );
    } else {
        let inside = |(position, _, count): &&(usize, String, u64)| {
            life.covers_bite(*position) && *count > 0
        };
        if life.bites.iter().filter(inside).count() == 0 {
            let outside = life.bites.iter().filter(|(_, _, count)| *count > 0).count();
            let but = match outside {
                0 => String::new(),
                _ => format!("; its {outside} bites were recorded while it was not in place"),
            };
            vacuous(
                "faults that did not bite",
                format!("fault {number} was applied and did not bite{but}"),
            );
        }
        if life.healed.is_none() && !stays {
            let example = format!("fault {number} was applied and never healed");
            inquiry.object(Verdict::Error, "faults never healed", example);
        }
    }
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
mod tests {
    use super::*;
    use crate::history::{Event, FaultPhase};
    use crate::judge::proof::story::{Story, reason, verdict};

    fn without(drop: impl Fn(&Event) -> bool) -> Verdict {
        let mut story = Story::clean();
        story.drop_events(drop);
        verdict(check, &story)
    }

    #[test]
    fn a_fault_must_be_applied_bite_and_be_healed() {
        let phase = |wanted| move |event: &Event| matches!(event, Event::Fault { phase, .. } if *phase == wanted);
        assert_eq!(without(|_| false), Verdict::Pass);
        assert_eq!(without(phase(FaultPhase::Applied)), Verdict::Vacuous);
        assert_eq!(without(phase(FaultPhase::Healed)), Verdict::Error);
        assert_eq!(
            without(|event| matches!(event, Event::Bite { .. })),
            Verdict::Vacuous
        );
    }

    #[test]
    fn a_fault_that_is_meant_to_stay_need_not_be_healed_and_must_bite_all_the_same() {
        let mut story = Story::clean();
        let healed = |event: &Event| matches!(event, Event::Fault { phase, .. } if *phase == FaultPhase::Healed);
        story.drop_events(healed);
        assert_eq!(verdict(check, &story), Verdict::Error);
        story.scenario(|scenario| scenario.faults[0].lasts = Some("ever".to_owned()));
        assert_eq!(verdict(check, &story), Verdict::Pass);
        let history = story.history();
        assert!(history.in_fault(history.entries().len() - 1));
        story.drop_events(|event| matches!(event, Event::Bite { .. }));
        assert_eq!(verdict(check, &story), Verdict::Vacuous);
    }

    #[test]
    fn a_bite_after_the_heal_proves_nothing() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Bite { .. }));
        story.push_before_end(Event::Bite {
            fault: 0,
            what: "connections_cut".to_owned(),
            count: 1,
        });
        let said = "fault 1 was applied and did not bite; its 1 bites were recorded while it was not in place";
        assert_eq!(reason(check, &story), (Verdict::Vacuous, said.to_owned()));
    }

    #[test]
    fn a_condition_that_never_came_is_vacuous() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Fault { .. } | Event::Bite { .. }));
        story.push_before_end(Event::Fault {
            fault: 0,
            phase: FaultPhase::Failed,
            detail: "never 20 events processing".to_owned(),
        });
        story.bites("backlog_during_fault_peak", ">= 1");
        let said = "fault 1 never came to be: never 20 events processing".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Vacuous, said));
    }

    #[test]
    fn bites_are_compared() {
        let mut story = Story::clean();
        story.bites("deliveries_again", ">= 1");
        let said =
            "deliveries_again is 0, and must be >= 1 for the run to mean anything".to_owned();
        assert_eq!(reason(check, &story), (Verdict::Vacuous, said));
        story.deliver_again(1);
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.bites("no_such_fact", ">= 1");
        let error = check(&story.history());
        assert!(matches!(
            error,
            Err(Unjudgeable::Fact(said)) if said.starts_with("there is no fact")
        ));
    }

    #[test]
    fn a_workload_of_unknowns_is_unknown_and_an_empty_one_vacuous() {
        let mut story = Story::new();
        story.opens(1);
        story.place(1, 1, 10);
        let op = story.ask(2, 1, 20);
        story.times_out(op);
        let mut mostly = story.clone();
        story.finish();
        assert_eq!(verdict(check, &story), Verdict::Pass);
        _ = mostly.ask(3, 1, 30);
        mostly.finish();
        assert_eq!(verdict(check, &mostly), Verdict::Unknown);
        let mut idle = Story::new();
        idle.finish();
        assert_eq!(verdict(check, &idle), Verdict::Vacuous);
    }

    #[test]
    fn without_faults_something_else_must_bite() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Fault { .. } | Event::Bite { .. }));
        story.scenario(|scenario| scenario.faults.clear());
        assert_eq!(verdict(check, &story), Verdict::Vacuous);
        story.bites("accepted", ">= 3");
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }
}
