//! The history itself: complete and without contradictions. Whatever it lacks is the lab's fault, never a pass.

use crate::ask::{
    fault::{Fault, Server},
    scenario::Scenario,
};
use crate::history::{Event, FaultLife, History, Purpose};
use crate::judge::basis::{Unjudgeable, scenario};
use crate::judge::inquiry::Inquiry;
use crate::judge::ledger;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let mut inquiry = Inquiry::new("whole");
    let mut object = |what, example| inquiry.object(Verdict::Error, what, example);
    let scenario = scenario(history)?;
    if let Some(why) = history.cut_short() {
        object(
            "signs of being cut short",
            format!("the history was cut short: {why}"),
        );
    }
    if !matches!(history.events().next(), Some(Event::Begun { .. })) {
        object(
            "entries before the run began",
            "the first entry is not `begun`".to_owned(),
        );
    }
    for oddity in history.oddities() {
        object("contradictions", oddity.clone());
    }
    if let Some(fault) = history
        .faults()
        .keys()
        .find(|fault| **fault >= scenario.faults.len())
    {
        object(
            "faults that are not in the scenario",
            format!("fault {} is not in the scenario", fault + 1),
        );
    }
    if history.last().is_none() {
        object(
            "last snapshots missing",
            "there is no last snapshot".to_owned(),
        );
    }
    if let Some(example) = last_is_early(history) {
        object("last snapshots taken too early", example);
    }
    if let Some(example) = not_as_planned(history, scenario) {
        object("workloads that were not sent as planned", example);
    }
    if let Some(example) = unfenced(history) {
        object("ends without a fence", example);
    }
    let holes = ledger::holes(history);
    match has_forgotten(history, scenario) {
        true => inquiry.count(
            "holes in the ledger of a database that forgot what it had committed",
            holes.len(),
        ),
        false => {
            for hole in holes {
                inquiry.object(Verdict::Error, "holes in the ledger", hole);
            }
        }
    }
    Ok(inquiry.conclude(history.entries().len(), "entries"))
}

/// Whether Postgres was broken, and an operation that was accepted is not there in the end. Then the ledger, which had been told of
/// its commit, tells of a database that is no more: one that begins again behind what it has forgotten numbers other commits
/// alike. `durable` fails, and needs no ledger for that.
fn has_forgotten(history: &History, scenario: &Scenario) -> bool {
    let faults = Fault::all(scenario).unwrap_or_default();
    let broken = faults
        .iter()
        .any(|fault| fault.breaks_server() == Some(Server::Postgres));
    let Some(last) = history.last().filter(|_| broken) else {
        return false;
    };
    let shows = history
        .subject()
        .is_some_and(|subject| subject.shows.stored);
    let mut ops = history.ops().values().filter(|op| op.is_accepted());
    shows && ops.any(|op| last.stored(op.asked.id).is_none())
}

/// The last snapshot vouches for the end only if nothing was asked, answered or broken after it.
fn last_is_early(history: &History) -> Option<String> {
    let taken = |event: &Event| matches!(event, Event::Snapshot(snapshot) if snapshot.last);
    let position = history
        .entries()
        .iter()
        .rposition(|entry| taken(&entry.event))?;
    let op_after = history.ops().values().any(|op| op.invoked > position);
    let fault_after = |life: &FaultLife| life.applied.is_some_and(|at| at > position);
    let fault_after = history.faults().values().any(fault_after);
    (op_after || fault_after)
        .then(|| "clients or faults went on after the last snapshot".to_owned())
}

/// Every request of the plan was sent, and no other. Only faults that come in turn may end a workload, with the last turn.
fn not_as_planned(history: &History, scenario: &Scenario) -> Option<String> {
    let planned = history.events().find_map(|event| match event {
        Event::Planned { requests } => Some(*requests),
        _ => None,
    });
    let ended_after = history.events().find_map(|event| match event {
        Event::Driven { ended_after, .. } => *ended_after,
        _ => None,
    });
    let may_end = scenario.faults.iter().any(|fault| fault.turn.is_some());
    let ended_after = ended_after.filter(|_| may_end);
    let planned = planned.map(|planned| ended_after.map_or(planned, |ended| ended.min(planned)));
    let sent = history
        .ops()
        .values()
        .filter(|op| op.purpose == Purpose::Workload)
        .count() as u64;
    match planned {
        None => Some("the history does not say what was planned".to_owned()),
        Some(planned) if planned != sent => {
            Some(format!("{planned} requests were planned, {sent} were sent"))
        }
        Some(_) => None,
    }
}

/// What the witness saw is all that was published only if the lab's own last message came behind it, and the tables are the
/// last ones only if they were read after that.
fn unfenced(history: &History) -> Option<String> {
    let position = |wanted: fn(&Event) -> bool| history.events().position(wanted);
    let Some(fenced) = position(|event| *event == Event::Fenced) else {
        return Some("the witness never saw the lab's last message".to_owned());
    };
    let last = position(|event| matches!(event, Event::Snapshot(snapshot) if snapshot.last));
    if last.is_some_and(|last| last < fenced) {
        return Some("the last look was taken before the fence".to_owned());
    }
    history
        .deliveries()
        .find(|(position, _)| *position > fenced)
        .map(|_| "messages came after the fence, when nobody was left to publish".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Asked;
    use crate::judge::proof::content::asked;
    use crate::judge::proof::story::{Story, verdict};

    #[test]
    fn a_history_without_its_end_is_an_error() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Ended));
        assert_eq!(verdict(check, &story), Verdict::Error);
    }

    #[test]
    fn an_answer_without_a_question_is_an_error() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Invoked { op: 1, .. }));
        assert_eq!(verdict(check, &story), Verdict::Error);
    }

    #[test]
    fn a_question_without_an_answer_is_legal() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Completed { op: 1, .. }));
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn a_ledger_with_a_hole_is_an_error_and_a_run_without_one_is_sampled() {
        let ledger = |wrong: fn(&Event) -> bool| {
            let mut story = Story::clean();
            story.drop_events(wrong);
            verdict(check, &story)
        };
        assert_eq!(
            ledger(|event| matches!(event, Event::LedgerClosed { .. })),
            Verdict::Error
        );
        assert_eq!(
            ledger(|event| matches!(event, Event::LedgerOpened { .. })),
            Verdict::Error
        );
        let wrote = |event: &Event| matches!(event, Event::Committed(commit) if commit.changes[0].table == Story::STORED);
        assert_eq!(ledger(wrote), Verdict::Error);
        let mut story = Story::clean();
        story.sampled("the server has wal_level = replica");
        assert_eq!(verdict(check, &story), Verdict::Pass);
    }

    #[test]
    fn a_ledger_of_a_database_that_forgot_is_no_fault_of_the_labs() {
        let forgotten = |fault: &str| {
            let mut story = Story::clean();
            story.scenario(|scenario| {
                let fault = format!("process = 'postgres'\ndo = '{fault}'\nat = '0s'");
                scenario.faults = vec![toml::from_str(&fault).expect("a fault")];
            });
            story.change_last(|tables| tables.stored.retain(|row| row.id != Story::id(2)));
            verdict(check, &story)
        };
        assert_eq!(forgotten("cut power"), Verdict::Pass);
        assert_eq!(forgotten("refuse events"), Verdict::Error);
    }

    #[test]
    fn a_bid_after_the_last_snapshot_is_an_error() {
        let mut story = Story::clean();
        let asked = Asked {
            id: Story::id(9),
            key: Story::key(1),
            content: asked("late".to_owned(), 900),
        };
        story.push_before_end(Event::Invoked {
            op: 99,
            asked,
            via: "api 1".to_owned(),
            purpose: Purpose::Canary,
        });
        assert_eq!(verdict(check, &story), Verdict::Error);
    }

    #[test]
    fn a_request_of_the_plan_that_was_never_sent_is_an_error() {
        let mut story = Story::clean();
        story.drop_events(|event| matches!(event, Event::Planned { .. }));
        assert_eq!(verdict(check, &story), Verdict::Error);
        story.push_before_end(Event::Planned { requests: 4 });
        assert_eq!(verdict(check, &story), Verdict::Error);
    }

    #[test]
    fn a_workload_that_ended_early_is_an_error_unless_the_last_turn_ended_it() {
        let ended_early = |turn: Option<u32>| {
            let mut story = Story::clean();
            story.scenario(|scenario| scenario.faults[0].turn = turn);
            story
                .drop_events(|event| matches!(event, Event::Planned { .. } | Event::Driven { .. }));
            story.push_before_end(Event::Planned { requests: 4 });
            story.push_before_end(Event::Driven {
                held_back: 0,
                ended_after: Some(3),
            });
            verdict(check, &story)
        };
        assert_eq!(ended_early(None), Verdict::Error);
        assert_eq!(ended_early(Some(1)), Verdict::Pass);
    }

    #[test]
    fn an_end_without_a_fence_or_with_messages_behind_it_is_an_error() {
        let mut story = Story::clean();
        story.drop_events(|event| *event == Event::Fenced);
        assert_eq!(verdict(check, &story), Verdict::Error);
        let mut story = Story::clean();
        story.deliver_at_the_end(1);
        assert_eq!(verdict(check, &story), Verdict::Error);
    }
}
