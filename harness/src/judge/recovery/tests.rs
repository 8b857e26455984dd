use super::*;
use crate::history::FaultPhase;
use crate::judge::proof::story::{Story, finding, reason, verdict};

#[test]
fn within_the_budget_passes_and_beyond_it_fails() {
    let within = |budget: &str| {
        let mut story = Story::clean();
        story.recovered_within(budget);
        verdict(check, &story)
    };
    assert_eq!(within("120ms"), Verdict::Pass);
    assert_eq!(within("119ms"), Verdict::Fail);
}

#[test]
fn what_a_fault_held_up_is_owed_from_its_own_heal() {
    let mut story = Story::clean();
    story.linger_before_caught_up(200);
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.recovered_within("150ms");
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn a_heal_that_nobody_followed_up_is_an_error() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::CaughtUp { .. }));
    assert_eq!(verdict(check, &story), Verdict::Error);
}

#[test]
fn what_is_owed_at_the_end_fails() {
    let mut story = Story::clean();
    let what = "3 messages waited in the consumer's queue".to_owned();
    story.push_before_end(Event::Owed { what });
    assert_eq!(verdict(check, &story), Verdict::Fail);
}

#[test]
fn not_recovered_fails_with_what_was_missing() {
    let mut story = Story::clean();
    story.not_recovered();
    let said = "not recovered after >= 15000 ms: 1 row pending".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Fail, said));
}

#[test]
fn who_was_late_is_told_what_would_allow_it() {
    let mut story = Story::clean();
    story.not_recovered_but(QUIET_BUT_LATE);
    let (_, said) = reason(check, &story);
    assert!(said.ends_with("of 15000 ms allowed"), "{said}");
    story.subject(|subject| subject.rules = Rules::None);
    let (_, said) = reason(check, &story);
    assert_eq!(
        said,
        "quiet, but late: only after 15000 ms, of 15000 ms allowed; [pace] recovers_within = \"15s\" would allow it"
    );
}

#[test]
fn silence_and_contradiction_are_errors() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Recovered { .. }));
    assert_eq!(verdict(check, &story), Verdict::Error);
    story.push_before_end(Event::Recovered { after_ms: 1 });
    story.push_before_end(Event::Recovered { after_ms: 1 });
    assert_eq!(verdict(check, &story), Verdict::Error);
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Healed));
    assert_eq!(verdict(check, &story), Verdict::Error);
}

#[test]
fn a_budget_that_is_no_duration_is_unjudgeable() {
    let mut story = Story::clean();
    story.recovered_within("soon");
    assert!(matches!(
        check(&story.history()),
        Err(Unjudgeable::Duration { .. })
    ));
}

fn phase(fault: usize, phase: FaultPhase) -> Event {
    let detail = "cut".to_owned();
    Event::Fault {
        fault,
        phase,
        detail,
    }
}

/// Where the first such event is.
fn first(story: &Story, wanted: impl Fn(&Event) -> bool) -> usize {
    story.events.iter().position(wanted).expect("such an event")
}

fn caught_up(event: &Event) -> bool {
    matches!(event, Event::CaughtUp { .. })
}

#[test]
fn how_long_it_took_is_counted() {
    let counts = finding(check, &Story::clean()).counts;
    assert_eq!(counts["recovery_ms"], 120);
    let story = Story::clean();
    let healed = first(&story, |event| *event == phase(0, FaultPhase::Healed));
    let took = first(&story, caught_up) - healed;
    assert_eq!(counts["fault_1_made_good_ms"], took as u64);
}

#[test]
fn the_budget_of_a_fault_is_kept_to_the_millisecond() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Recovered { .. }));
    story.push_before_end(Event::Recovered { after_ms: 1 });
    story.linger_before_caught_up(200);
    let took = finding(check, &story).counts["fault_1_made_good_ms"];
    story.recovered_within(&format!("{took}ms"));
    assert_eq!(verdict(check, &story), Verdict::Pass);
    story.recovered_within(&format!("{}ms", took - 1));
    let found = finding(check, &story);
    assert_eq!(found.verdict, Verdict::Fail);
    assert!(
        found.examples[0].starts_with("what fault 1 had held up"),
        "{:?}",
        found.examples
    );
}

#[test]
fn a_microsecond_short_of_a_millisecond_is_none() {
    let took = |us: u64| {
        let mut story = Story::clean();
        let at = first(&story, caught_up);
        let before = finding(check, &story).counts["fault_1_made_good_ms"];
        story.time_passes_before(at, us);
        finding(check, &story).counts["fault_1_made_good_ms"] - before
    };
    assert_eq!(took(999_999), 999);
    assert_eq!(took(1_000_000), 1_000);
}

/// A run whose second fault was applied and healed so many entries before, or after, the first one's damage was made good.
fn beside_another(applied: Option<isize>, healed: Option<isize>) -> u64 {
    let mut story = Story::clean();
    story.another_fault("client -> api");
    story.linger_before_caught_up(100);
    let at = first(&story, caught_up);
    story.events.splice(
        at + 1..at + 1,
        std::iter::repeat_n(
            Event::Backlog {
                rows: 0,
                processing: 0,
            },
            100,
        ),
    );
    let place = |from: isize| at.checked_add_signed(from).expect("within the run");
    // Replaced, so that no entry moves.
    if let Some(applied) = applied {
        story.events[place(applied)] = phase(1, FaultPhase::Applied);
    }
    if let Some(healed) = healed {
        story.events[place(healed)] = phase(1, FaultPhase::Healed);
        story.events[place(90)] = Event::CaughtUp {
            fault: 1,
            after_ms: 0,
        };
    }
    finding(check, &story).counts["fault_1_made_good_ms"]
}

#[test]
fn another_fault_that_was_in_place_meanwhile_gives_time_until_its_heal() {
    let alone = beside_another(Some(10), Some(20));
    assert!(alone > 100, "{alone}");
    assert_eq!(beside_another(Some(-60), Some(-40)), 40);
    assert_eq!(
        beside_another(Some(-60), Some(40)),
        alone,
        "it was not healed before"
    );
    assert_eq!(
        beside_another(Some(-60), None),
        alone,
        "it was never healed"
    );
    assert_eq!(
        beside_another(None, Some(-40)),
        alone,
        "it was never in place"
    );
    assert_eq!(
        beside_another(Some(10), Some(-40)),
        alone,
        "it was not in place before"
    );
}

#[test]
fn each_fault_has_its_own_follow_up() {
    let mut story = Story::clean();
    story.another_fault("client -> api");
    story.events.insert(4, phase(1, FaultPhase::Applied));
    story.events.insert(5, phase(1, FaultPhase::Healed));
    let found = finding(check, &story);
    assert_eq!(found.verdict, Verdict::Error);
    let said = "the history does not say when the damage of fault 2 was made good";
    assert_eq!(found.examples, [said]);
}

#[test]
fn a_fault_that_is_meant_to_stay_is_not_followed_up() {
    let mut story = Story::clean();
    story.drop_events(caught_up);
    story.scenario(|scenario| scenario.faults[0].lasts = Some("ever".to_owned()));
    assert_eq!(verdict(check, &story), Verdict::Pass);
    // One that is not in the scenario is.
    story.push_before_end(phase(7, FaultPhase::Applied));
    story.push_before_end(phase(7, FaultPhase::Healed));
    assert_eq!(verdict(check, &story), Verdict::Error);
}

#[test]
fn a_run_that_says_nothing_of_its_recovery_is_told_so() {
    let mut story = Story::clean();
    story.drop_events(|event| matches!(event, Event::Recovered { .. }));
    let said = "the history does not say whether the system recovered".to_owned();
    assert_eq!(reason(check, &story), (Verdict::Error, said));
}
