use super::*;
use crate::ask::target::Target;

fn trial(name: &str) -> Trial {
    let text = "story = 'told'\n[workload]\nkeys = 1\nwrites = '1 at once'\n";
    Trial {
        name: name.to_owned(),
        target: Arc::new(Target::ours()),
        as_shipped: false,
        left_out: Vec::new(),
        scenario: toml::from_str(text).unwrap(),
        seed: 7,
        repeat_command: format!("lab run {name}"),
    }
}

fn manner(side_by_side: usize) -> Manner {
    Manner {
        runs: "runs".into(),
        keep: false,
        side_by_side,
        stop: CancellationToken::new(),
    }
}

fn judged(trial: &Trial, why: &str) -> RunSummary {
    RunSummary::broken(trial, Vec::new(), Path::new("runs/x"), why.to_owned())
}

#[tokio::test]
async fn one_trial_s_panic_discards_nobody_else_s_result() {
    let trials = ["a/one", "a/two", "a/three"].map(trial);
    let performed = side_by_side(&trials, &manner(2), |trial| async move {
        assert_ne!(trial.name, "a/two", "this one goes wrong");
        judged(&trial, "well")
    })
    .await;
    let said: Vec<_> = performed
        .iter()
        .map(|done| {
            done.as_ref()
                .unwrap()
                .as_ref()
                .map(|done| done.name.as_str())
        })
        .collect();
    assert_eq!((&said[0], &said[2]), (&Ok("a/one"), &Ok("a/three")));
    let panic = said[1].unwrap_err();
    assert!(panic.contains("panicked"), "{panic}");
}

#[tokio::test]
async fn what_was_known_before_an_interruption_is_known_after_it() {
    let trials = ["a/done", "a/under_way", "a/waiting"].map(trial);
    let manner = manner(1);
    let stop = manner.stop.clone();
    let performed = side_by_side(&trials, &manner, |trial| {
        let stop = stop.clone();
        async move {
            if trial.name == "a/under_way" {
                stop.cancel();
                return judged(&trial, "interrupted");
            }
            judged(&trial, "well")
        }
    })
    .await;
    let said: Vec<_> = performed
        .iter()
        .map(|done| Some(done.as_ref()?.as_ref().unwrap().reason.as_str()))
        .collect();
    assert_eq!(said, [Some("well"), Some("interrupted"), None]);
}

#[tokio::test]
async fn no_more_run_at_once_than_asked_for() {
    let trials = ["a/1", "a/2", "a/3", "a/4", "a/5"].map(trial);
    let at_once = Arc::new(Semaphore::new(2));
    let performed = side_by_side(&trials, &manner(2), |trial| {
        let at_once = at_once.clone();
        async move {
            let _place = at_once.try_acquire().expect("a third runs beside two");
            tokio::task::yield_now().await;
            judged(&trial, "well")
        }
    })
    .await;
    assert!(performed.iter().all(|done| matches!(done, Some(Ok(_)))));
}

#[test]
fn a_trial_that_broke_is_an_error_with_its_cause_and_the_way_to_repeat_it() {
    let broken = judged(&trial("a/one"), "no history");
    assert_eq!(
        (broken.name.as_str(), broken.verdict, broken.seed),
        ("a/one", Verdict::Error, 7)
    );
    assert_eq!(
        (broken.reason.as_str(), broken.repeat_command.as_str()),
        ("no history", "lab run a/one")
    );
}
