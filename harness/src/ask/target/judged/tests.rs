use super::*;
use crate::ask::target::tests::{BY_SQL, LEAST};

fn of(text: &str) -> Vec<Judgement> {
    judged(&Target::read(text).expect("a target"))
}

fn judgement(text: &str, check: &str) -> String {
    let all = of(text);
    let found = all.iter().find(|judgement| judgement.check == check);
    found.expect(check).to_string()
}

#[test]
fn write_witness_and_process_are_enough_for_what_matters_most() {
    let all = of(LEAST);
    let made = all.iter().filter(|one| one.judged == Judged::Yes);
    let made: Vec<&str> = made.map(|one| one.check).collect();
    for check in [
        "loss",
        "phantom",
        "integrity",
        "persistent",
        "order",
        "recovery",
        "survival",
    ] {
        assert!(made.contains(&check), "{check}");
    }
    let not = all
        .iter()
        .filter(|one| matches!(one.judged, Judged::Not(_)));
    let not: Vec<&str> = not.map(|one| one.check).collect();
    assert_eq!(
        not,
        [
            "identity",
            "stage",
            "marks",
            "atomic",
            "stuck",
            "given up",
            "durable",
            "refusal",
            "rolled back",
            "http_truth",
            "unknown",
            "applied",
            "dedup",
            "order of effects"
        ]
    );
}

#[test]
fn what_is_not_judged_says_what_would_make_it_judged() {
    assert_eq!(
        judgement(&format!("{LEAST}\n[outbox]\ntable = 'outbox'"), "marks"),
        "not judged: marks, because [outbox] has no sent"
    );
    assert_eq!(
        judgement(LEAST, "dedup"),
        "not judged: dedup, because no process plays consumer"
    );
    assert_eq!(
        judgement(BY_SQL, "identity"),
        "not judged: identity, because [message] has no dedup_by"
    );
    assert_eq!(
        judgement(LEAST, "durable"),
        "not judged: durable, because [look] has no business"
    );
}

#[test]
fn a_row_that_is_gone_shows_nothing_without_the_servers_log() {
    let gone =
        format!("{LEAST}\n[look]\nbusiness = 'o'\n[outbox]\ntable = 'outbox'\nsent = 'gone'");
    for check in ["stage", "marks", "atomic"] {
        let said = judgement(&gone, check);
        assert!(
            said.starts_with("judged: ") && said.contains("server's log"),
            "{said}"
        );
    }
}

#[test]
fn what_is_not_promised_is_counted() {
    let none = LEAST.replace(
        "[write]",
        "promise = { order = 'none', outage = 'gives up after 1m' }\n[write]",
    );
    assert_eq!(
        judgement(&none, "order"),
        "counted, not judged: order (first deliveries of a key come in the order of its writes), because promise.order = \"none\""
    );
    assert!(judgement(&none, "loss in an outage").ends_with("it gives up after 60s"));
    let overlapping = LEAST.replace("[witness]", "serial = 'none'\n[witness]");
    assert!(judgement(&overlapping, "order").contains("where the lab may read"));
}
