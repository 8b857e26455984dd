use super::*;
use crate::{
    judge::{metrics::Order, verdict::Verdict},
    report::tests::run,
};

fn took(name: &str, gap: Took, detection: Option<Took>) -> RunSummary {
    let mut run = run(name, Verdict::Pass);
    run.metrics.recovery = Some(Recovery {
        detection,
        longest_gap: gap,
        downtime: Took::Ms(0),
        first_success: None,
        drain: Some(Took::Ms(500)),
    });
    run.metrics.order = Some(Order {
        received: 200,
        reordered: 1,
        extent: 3,
        n_reordering: 2,
    });
    run
}

#[test]
fn only_what_was_run_again_is_measured_together() {
    assert!(repeats(&[run("a", Verdict::Pass), run("b", Verdict::Pass)], None).is_none());
    let both = Repeats::of(&[
        run("b", Verdict::Pass),
        took("a", Took::Ms(1_000), None),
        took("a", Took::Ms(3_000), Some(Took::Ms(50))),
    ]);
    assert_eq!(both.len(), 1);
    assert_eq!((both[0].name.as_str(), both[0].runs), ("a", 2));
    let gap = both[0].metrics["longest_gap_ms"];
    assert_eq!((gap.mean, gap.measured, gap.censored), (2_000.0, 2, 0));
    assert_eq!(both[0].metrics["detection_ms"].measured, 1);
    assert_eq!(both[0].metrics["reordered_ratio"].mean, 0.005);
    assert!(!both[0].metrics.contains_key("first_success_ms"));
}

#[test]
fn what_did_not_end_and_what_was_not_there_is_never_blank() {
    let told = repeats(
        &[
            took("a", Took::Ms(1_000), None),
            took("a", Took::MoreThanMs(3_000), Some(Took::Ms(50))),
        ],
        Some(200),
    );
    let told = told.expect("a table");
    for cell in [
        "0.05 (1 of 2)",
        "> 2.00 (1 open)",
        "0.00±0.00",
        "-",
        "0.50±0.00",
        "3.0±0.0",
        "2.0±0.0",
    ] {
        assert!(told.contains(cell), "{cell} in {told}");
    }
}
