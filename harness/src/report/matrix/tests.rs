use super::*;
use crate::judge::verdict::Finding;
use crate::report::{NotRun, tests::run as any};

fn run(name: &str, verdict: Verdict, found: &[(&str, Verdict)]) -> RunSummary {
    let finding = |(checker, verdict): &(&str, Verdict)| Finding {
        verdict: *verdict,
        ..Finding::error(checker, "as it was found")
    };
    RunSummary {
        reason: "as it was found".to_owned(),
        findings: found.iter().map(finding).collect(),
        ..any(name, verdict)
    }
}

fn not_run(name: &str, why: &str) -> NotRun {
    NotRun {
        name: name.to_owned(),
        why: why.to_owned(),
    }
}

/// Every kind of cell, the runs of the second in no order.
fn accounts() -> [Account; 3] {
    use Verdict::{Error, Fail, Pass, Unknown, Vacuous};
    let once = Account {
        target: "once".to_owned(),
        version: Some("1.2 | with a bar".to_owned()),
        backend: Some("native"),
        servers: vec!["postgres 15".to_owned(), "rabbitmq 3.10".to_owned()],
        runs: vec![
            run("a/pass", Pass, &[("loss", Pass)]),
            run(
                "b/fail",
                Fail,
                &[("marks", Fail), ("loss", Fail), ("bite", Vacuous)],
            ),
            run("b/vacuous", Vacuous, &[("bite", Vacuous)]),
            run("b/unknown", Unknown, &[("loss", Unknown)]),
            run("c/error", Error, &[("lab", Error), ("loss", Fail)]),
        ],
        not_run: vec![not_run("c/consumer", "no process plays the consumer")],
        ..Account::default()
    };
    let often = Account {
        target: "often".to_owned(),
        backend: Some("docker"),
        runs: vec![
            run("c/error", Pass, &[]),
            run("b/fail", Fail, &[("loss", Fail)]),
            run("a/pass", Pass, &[]),
            run("b/fail", Fail, &[("order", Fail)]),
            run("c/error", Pass, &[]),
            run("b/fail", Vacuous, &[("bite", Vacuous)]),
            run("a/pass", Pass, &[]),
        ],
        not_run: vec![
            not_run("c/consumer", "no process plays the consumer"),
            not_run("b/unknown", "it needs 2 of relay"),
            not_run("b/vacuous", "it needs 2 of relay"),
        ],
        ..Account::default()
    };
    let missing = "it could not be set up: there is no Python";
    let never = Account {
        target: "never".to_owned(),
        not_set_up: Some("there is no Python".to_owned()),
        not_run: [
            "a/pass",
            "b/fail",
            "b/vacuous",
            "b/unknown",
            "c/error",
            "c/consumer",
        ]
        .map(|name| not_run(name, missing))
        .to_vec(),
        ..Account::default()
    };
    [once, often, never]
}

const GOLDEN: &str = "\
| Story | once 1.2 \\| with a bar | often | never |
| --- | --- | --- | --- |
| `a/pass` | pass | pass | – (1) |
| `b/fail` | fail (loss, marks) | fail 2 of 3 (loss, order); vacuous 1 of 3 | – (1) |
| `b/unknown` | unknown | – (2) | – (1) |
| `b/vacuous` | vacuous | – (2) | – (1) |
| `c/consumer` | – (3) | – (3) | – (1) |
| `c/error` | error | pass | – (1) |

1. not run, because it could not be set up: there is no Python
2. not run, because it needs 2 of relay
3. not run, because no process plays the consumer

- once 1.2 | with a bar: backend native, postgres 15, rabbitmq 3.10
- often: backend docker
- never: nothing was started
";

#[test]
fn every_kind_of_cell_has_its_words_and_reasons_are_numbered() {
    assert_eq!(matrix(&accounts()), GOLDEN);
}

#[test]
fn equal_results_make_equal_tables_in_whatever_order_they_came() {
    let mut accounts = accounts();
    for account in &mut accounts {
        account.runs.reverse();
        account.not_run.reverse();
        account.runs.iter_mut().for_each(|run| run.duration_ms += 1);
    }
    assert_eq!(matrix(&accounts), GOLDEN);
}

#[test]
fn a_story_that_no_target_can_be_put_through_stays_a_row() {
    let account = Account {
        target: "shop".to_owned(),
        backend: Some("native"),
        not_run: vec![not_run("a/b", "nothing\nfits")],
        ..Account::default()
    };
    let text = matrix(&[account]);
    assert!(text.contains("| `a/b` | – (1) |"), "{text}");
    assert!(
        text.contains("\n1. not run, because nothing fits\n"),
        "{text}"
    );
}
