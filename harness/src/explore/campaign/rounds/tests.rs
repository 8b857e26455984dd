use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::{explore::suite::Observer, history::Recorder, judge::proof::story::Story};

#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Observer for Said {
    fn stage(&self, _: &str, _: &str) {}
}

impl Watcher for Said {
    fn line(&self, line: &str) {
        self.0.lock().expect("nobody panics").push(line.to_owned());
    }

    fn over(&self, _: &str) {}
}

impl Said {
    fn has(&self, words: &str) -> bool {
        let said = self.0.lock().expect("nobody panics");
        said.iter().any(|line| line.contains(words))
    }
}

/// What becomes of runs that end as this says of each of them, from the first.
async fn log(said: &Said, end: fn(usize) -> Verdict) -> Result<Log> {
    log_of(usize::MAX, Path::new("nowhere"), said, end).await
}

/// The same, where after so many runs nothing can be drawn any more, and each leaves what is in a folder.
async fn log_of(
    draws: usize,
    folder: &Path,
    said: &Said,
    end: fn(usize) -> Verdict,
) -> Result<Log> {
    let target = Arc::new(Target::ours());
    let runs = AtomicUsize::new(0);
    let cannot = |_: &[fault::Fault]| {
        let over = runs.load(Relaxed) >= draws;
        over.then(|| "as asked".to_owned())
    };
    let stock = Stock::of(&target, |_| None);
    let rounds = Rounds {
        stock: &stock,
        target: &target,
        as_shipped: false,
        cannot: &cannot,
        manner: &Manner {
            runs: "nowhere".into(),
            keep: true,
            side_by_side: 1,
            stop: CancellationToken::new(),
        },
        seed: 7,
        budget: Duration::from_secs(60),
    };
    let perform = |trial: Trial| {
        let run = runs.fetch_add(1, Relaxed) + 1;
        let folder = folder.to_owned();
        async move {
            let verdict = end(run);
            let broken = RunSummary::broken(&trial, Vec::new(), &folder, String::new());
            RunSummary { verdict, ..broken }
        }
    };
    rounds.go(said, perform).await
}

#[tokio::test]
async fn a_run_in_which_the_lab_panics_is_one_that_broke_and_what_is_red_stays_red() {
    let said = Said::default();
    let log = log(&said, |run| match run {
        2 => panic!("as asked"),
        _ => Verdict::Fail,
    });
    let log = log.await.expect("a log");
    assert_eq!((log.red.len(), log.ended.broken), (ENOUGH, 1));
    assert!(log.broken[0].contains("as asked"), "{:?}", log.broken);
    assert!(said.has("explore/0002"), "it is said which run that was");
}

#[tokio::test]
async fn enough_that_is_red_ends_it_before_its_time_and_that_is_said() {
    let said = Said::default();
    let log = log(&said, |_| Verdict::Fail);
    let log = log.await.expect("a log");
    assert_eq!(log.ended.red, ENOUGH);
    assert_eq!(log.stopped.as_deref(), Some("8 runs are red"));
    assert!(said.has("nothing new is begun: 8 runs are red"));
}

#[tokio::test]
async fn a_lab_that_always_breaks_is_not_asked_for_ever() {
    let log = log(&Said::default(), |_| Verdict::Error).await;
    let log = log.expect("a log");
    assert_eq!(log.broken.len(), ENOUGH);
    assert!(log.stopped.is_some());
}

#[tokio::test]
async fn what_is_red_stays_red_where_nothing_more_can_be_drawn() {
    let said = Said::default();
    let log = log_of(2, Path::new("nowhere"), &said, |_| Verdict::Fail)
        .await
        .expect("a log");
    assert_eq!(log.ended.red, 2);
    assert!(said.has("nothing more can be drawn"));
    assert!(log.stopped.is_some());
}

#[tokio::test]
async fn where_nothing_can_be_drawn_there_is_nothing_to_tell() {
    let log = log_of(0, Path::new("nowhere"), &Said::default(), |_| Verdict::Pass).await;
    assert!(log.is_err());
}

#[tokio::test]
async fn what_bites_in_a_run_in_which_the_lab_breaks_covers_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::create(&folder.path().join("history.jsonl")).expect("a recorder");
    let bitten = Story::clean().history();
    let events = bitten.events();
    events.for_each(|event| recorder.record(event.clone()));
    recorder.finish().expect("everything written");
    let stock = Stock::of(&Target::ours(), |_| None);
    let covered = async |end: fn(usize) -> Verdict| {
        let log = log_of(usize::MAX, folder.path(), &Said::default(), end).await;
        log.expect("a log").coverage.told(&stock).cells.bitten
    };
    assert!(covered(|_| Verdict::Fail).await > 0);
    assert_eq!(covered(|_| Verdict::Error).await, 0);
}
