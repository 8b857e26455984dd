use super::*;
use crate::history::{Asked, FaultPhase};
use crate::judge::proof::content::asked;
use crate::judge::proof::story::{Story, finding, reason, verdict};

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
        story.drop_events(|event| matches!(event, Event::Planned { .. } | Event::Driven { .. }));
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

fn errs(story: &Story, said: &str) {
    assert_eq!(reason(check, story), (Verdict::Error, said.to_owned()));
}

fn fault(fault: usize, phase: FaultPhase) -> Event {
    let detail = "cut".to_owned();
    Event::Fault {
        fault,
        phase,
        detail,
    }
}

#[test]
fn what_is_wrong_with_a_history_is_said() {
    let mut story = Story::clean();
    let first = Event::LedgerOpened { took_ms: 1 };
    story.drop_events(|event| matches!(event, Event::LedgerOpened { .. }));
    story.events.insert(0, first);
    errs(&story, "1 entries before the run began");
    let mut twice = Story::clean();
    let again = twice
        .events
        .iter()
        .find(|event| matches!(event, Event::Completed { .. }));
    let again = again.expect("an answer").clone();
    twice.push_before_end(again);
    errs(&twice, "1 contradictions");
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Snapshot(_)));
    errs(&story, "1 last snapshots missing");
}

#[test]
fn the_first_fault_that_is_not_in_the_scenario_is_named() {
    let mut story = Story::clean();
    story.events.insert(4, fault(1, FaultPhase::Asked));
    story.events.insert(5, fault(2, FaultPhase::Asked));
    errs(&story, "1 faults that are not in the scenario");
    assert_eq!(
        finding(check, &story).examples,
        ["fault 2 is not in the scenario"]
    );
}

/// A run under a power cut whose ledger was not closed.
fn with_a_hole(change: impl FnOnce(&mut Story)) -> (Verdict, String) {
    let mut story = Story::new();
    story.scenario(|scenario| {
        let cut = "process = 'postgres'\ndo = 'cut power'\nat = '0s'";
        scenario.faults = vec![toml::from_str(cut).expect("a fault")];
    });
    story.opens(1);
    story.place(1, 1, 10);
    let op = story.ask(2, 1, 20);
    story.times_out(op);
    story.finish();
    story.drop_events(|event| matches!(event, Event::LedgerClosed { .. }));
    change(&mut story);
    reason(check, &story)
}

#[test]
fn a_hole_is_excused_only_by_what_was_accepted_and_is_not_there() {
    let hole = (Verdict::Error, "1 holes in the ledger".to_owned());
    assert_eq!(
        with_a_hole(|_| ()),
        hole,
        "only what nobody knows of is not there"
    );
    let forget = |story: &mut Story| story.change_last(|tables| tables.stored.clear());
    assert_eq!(with_a_hole(forget).0, Verdict::Pass);
    let beside_another = |story: &mut Story| {
        forget(story);
        story.scenario(|scenario| {
            let latency = "edge = 'client -> api'\ndo = 'latency 60ms'\nat = '0s'";
            scenario
                .faults
                .push(toml::from_str(latency).expect("a fault"));
        });
    };
    assert_eq!(with_a_hole(beside_another).0, Verdict::Pass);
    let unseen = |story: &mut Story| {
        forget(story);
        story.subject(|subject| subject.shows.stored = false);
    };
    assert_eq!(with_a_hole(unseen), hole, "what is stored is not seen");
}

#[test]
fn the_last_of_the_last_snapshots_counts_and_no_other() {
    let mut early = Story::new();
    early.opens(1);
    early.tables.last = true;
    early.snapshot();
    early.tables.last = false;
    early.place(1, 1, 10);
    early.finish();
    errs(&early, "1 ends without a fence");
    let mut story = Story::clean();
    story.snapshot_early(|_| ());
    assert_eq!(verdict(check, &story), Verdict::Pass);
    _ = story.ask(9, 1, 900);
    story.drop_events(|event| matches!(event, Event::Planned { .. }));
    story.push_before_end(Event::Planned { requests: 4 });
    story.events.push(Event::Snapshot(Default::default()));
    story.events.push(Event::Ended);
    errs(&story, "1 last snapshots taken too early");
}

#[test]
fn a_fault_after_the_last_snapshot_is_an_error() {
    let mut story = Story::clean();
    story.another_fault("client -> api");
    story.push_before_end(fault(1, FaultPhase::Applied));
    errs(&story, "1 last snapshots taken too early");
}

#[test]
fn one_fault_that_comes_in_turn_may_end_a_workload_whatever_the_others_do() {
    let mut story = Story::clean();
    story.scenario(|scenario| scenario.faults[0].turn = Some(1));
    story.another_fault("client -> api");
    story.scenario(|scenario| scenario.faults[1].turn = None);
    story.drop_events(|event| matches!(event, Event::Planned { .. } | Event::Driven { .. }));
    story.push_before_end(Event::Planned { requests: 4 });
    let (held_back, ended_after) = (0, Some(3));
    story.push_before_end(Event::Driven {
        held_back,
        ended_after,
    });
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn what_the_lab_asks_for_itself_was_not_planned() {
    let mut story = Story::clean();
    let canary = Event::Invoked {
        op: 99,
        asked: Asked {
            id: Story::id(9),
            key: Story::key(1),
            content: asked("canary".to_owned(), 900),
        },
        via: "api 1".to_owned(),
        purpose: Purpose::Canary,
    };
    story.events.insert(6, canary);
    assert_eq!(verdict(check, &story), Verdict::Pass);
}

#[test]
fn a_last_look_before_the_fence_is_an_error() {
    let mut story = Story::clean();
    story.drop_events(|event| *event == Event::Fenced);
    story.push_before_end(Event::Fenced);
    errs(&story, "1 ends without a fence");
    assert_eq!(
        finding(check, &story).examples,
        ["the last look was taken before the fence"]
    );
}
