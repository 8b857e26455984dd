use super::*;
use crate::{
    ask::scenario::Fault,
    history::{Entry, Purpose},
    judge::{check::all, proof::story::Story},
};

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
    let stations = course(&Story::clean()).stations;
    for station in &stations {
        assert_eq!(
            (station.count, &station.because[..]),
            (3, &[][..]),
            "{station:?}"
        );
    }
    assert!(
        stations.iter().any(|station| station.name == "applied"),
        "{stations:?}"
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

/// What became of those that did not come to a station.
fn others(story: &Story, name: &str) -> Vec<(usize, String)> {
    let mut stations = course(story).stations.into_iter();
    let station = stations.find(|station| station.name == name);
    station.expect("a station").because
}

#[test]
fn what_did_not_come_to_a_station_is_told_by_what_became_of_it() {
    let mut refused = Story::new();
    refused.opens(1);
    let op = refused.ask(9, 1, 900);
    refused.refuse(op, 422, "too_low");
    refused.place(1, 1, 100);
    refused.finish();
    assert_eq!(others(&refused, "stored"), [(1, "refused".to_owned())]);

    let mut unreadable = Story::clean();
    unreadable.change_last(|tables| tables.outbox[1].item = Err("no operation".to_owned()));
    let said = "in a row that cannot be read".to_owned();
    assert_eq!(
        others(&unreadable, "in the outbox, or sent and deleted"),
        [(1, said)]
    );

    let mut unapplied = Story::clean();
    unapplied.change_last(|tables| tables.effects[2].times = 0);
    let said = "without effect in the end".to_owned();
    assert_eq!(others(&unapplied, "applied"), [(1, said)]);
}

#[test]
fn the_way_is_kept_of_what_a_counterexample_names() {
    let mut lost = Story::clean();
    lost.lose_delivery(2);
    let trails = course(&lost).trails;
    let named: Vec<Uuid> = trails.iter().map(|(id, _)| *id).collect();
    assert_eq!(named, [Story::id(2)]);
    assert!(!trails[0].1.is_empty());
    assert!(course(&Story::clean()).trails.is_empty());
}

#[test]
fn only_keys_in_which_something_came_late_have_a_strip() {
    assert!(course(&Story::clean()).strips.is_empty());
    let mut late = Story::clean();
    late.swap_deliveries(1, 2);
    let strips = course(&late).strips;
    assert_eq!(strips.len(), 1);
    assert_eq!(
        (&strips[0].places[..], &strips[0].late[..]),
        (&[2, 1, 3][..], &[1][..])
    );
}

#[test]
fn what_retention_deleted_was_in_the_outbox() {
    let mut purged = Story::clean();
    purged.delete_sent(2);
    assert_eq!(others(&purged, "in the outbox, or sent and deleted"), []);
    assert_eq!(others(&purged, "publish seen"), []);
}

#[test]
fn a_message_that_was_swallowed_was_not_seen_to_arrive() {
    let mut swallowed = Story::clean();
    swallowed.scenario(|scenario| {
        let fault = &mut scenario.faults[0];
        fault.action = "swallow".to_owned();
        fault.at = None;
        fault.when = Some(toml::from_str::<Fault>(SWALLOWED).unwrap().when.unwrap());
    });
    swallowed.strike("confirm", 2);
    let said = "sent by the outbox's word".to_owned();
    assert_eq!(others(&swallowed, "confirm seen"), [(1, said)]);
}

const SWALLOWED: &str = "do = 'swallow'\nwhen = { event = 'confirm' }\n";

#[test]
fn what_the_lab_asks_for_itself_is_nowhere() {
    let mut canary = Story::clean();
    for event in &mut canary.events {
        if let Event::Invoked { op: 2, purpose, .. } = event {
            *purpose = Purpose::Canary;
        }
    }
    let course = course(&canary);
    assert!(
        course.stations.iter().all(|station| station.count == 2),
        "{:?}",
        course.stations
    );
    let first: u64 = course.deliveries.iter().map(|step| step.first).sum();
    let accepted: u64 = course.answers.iter().map(|step| step.accepted).sum();
    assert_eq!((first, accepted), (2, 2));
}

#[test]
fn a_sample_of_the_backlog_holds_until_the_next() {
    let at = |at_us, rows| Entry {
        at_us,
        event: Event::Backlog {
            rows,
            processing: 0,
        },
    };
    let history = History::new(vec![at(0, 5), at(300_000, 7), at(5_000_000, 9)], None);
    let steps = backlog(
        &history,
        Scale {
            length_us: 10_000_000,
        },
    );
    assert_eq!(steps[..4], [Some(5), Some(5), Some(5), Some(7)]);
    assert_eq!(
        (steps[4], steps[49], steps[50], steps[51]),
        (None, None, Some(9), None)
    );
}
