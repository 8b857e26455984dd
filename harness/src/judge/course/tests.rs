use super::*;
use crate::judge::{check::all, proof::story::Story};

fn course(story: &Story) -> Course {
    let history = story.history();
    Course::of(&history, &all(&history).findings)
}

#[test]
fn every_answer_and_every_delivery_has_its_step() {
    let course = course(&Story::clean());
    let accepted: u64 = course.answers.iter().map(|step| step.accepted).sum();
    let first: u64 = course.deliveries.iter().map(|step| step.first).sum();
    assert_eq!((accepted, first), (3, 3));
    assert_eq!(course.answers.len(), STEPS);
    assert!(course.answered.iter().flatten().count() > 0);
    assert!(course.heard.iter().flatten().count() > 0);
}

#[test]
fn a_copy_is_no_first_delivery() {
    let mut story = Story::clean();
    story.deliver_again(1);
    let again = course(&story)
        .deliveries
        .iter()
        .map(|step| step.again)
        .sum::<u64>();
    assert_eq!(again, 1);
}

#[test]
fn a_band_has_what_its_fault_did() {
    let course = course(&Story::clean());
    let [band] = course.bands.as_slice() else {
        panic!("{:?}", course.bands);
    };
    assert_eq!(band.bites.get("connections_cut"), Some(&4));
    assert!(band.applied_us < band.healed_us);
}

#[test]
fn in_a_clean_run_every_station_has_every_operation() {
    let ledger = course(&Story::clean()).ledger;
    for stage in &ledger {
        assert!(stage.because.is_empty(), "{stage:?}");
    }
    assert!(
        ledger.iter().any(|stage| stage.name == "applied"),
        "{ledger:?}"
    );
}

#[test]
fn nothing_is_beyond_the_last_step() {
    let scale = Scale { length_us: 1_000 };
    assert_eq!(
        [0, 9, 10, 999, 1_000, 2_000].map(|at| scale.step(at)),
        [0, 0, 1, 99, 99, 99]
    );
    assert_eq!(Scale { length_us: 0 }.step(0), 0);
}
