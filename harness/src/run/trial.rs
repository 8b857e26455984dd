//! One run of one scenario, from top to bottom: arrange, drive and break, watch, settle, look, judge.

use std::{collections::BTreeSet, path::Path, time::Duration};

use anyhow::{Context, Result};
use tokio::{sync::watch::channel, time::timeout};

use super::{
    arrange::{self, Arranged},
    client::Clients,
    disturb::Disturbance,
    gauge::Gauge,
    injector::Turns,
    live::{Live, hand::Hand, painter::paint},
    look,
    play::Play,
    reach::Reach,
    script,
    settle::Recovery,
    soak::{Left, Soak, Windows, footprint},
    trail::Ear,
    watch,
};
use crate::{
    ask::{fault::Fault, trial::Trial},
    history::{self, Event, Recorder, Subject},
    judge::summary::{RunSummary, judge},
    os::causes::Causes,
    servers::lab::Lab,
};

/// Arranging and all faults together, beside what the target may take to start and to recover; a run that takes longer has
/// hung.
const RUN_WITHIN: Duration = Duration::from_secs(160);

/// What a run has beside its story.
#[derive(Clone, Default)]
pub struct Beside<'b> {
    /// Hears all that passes.
    pub ear: Option<Ear>,
    /// It goes on for long, and is judged after each of these, too.
    pub windows: Option<&'b Windows<'b>>,
    /// It is watched, and perhaps played.
    pub live: Option<&'b Live>,
}

impl<'b> Beside<'b> {
    fn hand(&self) -> Option<(&'b Live, &'b Hand)> {
        self.live.and_then(|live| Some((live, live.hand.as_ref()?)))
    }
}

/// Runs a trial into `folder`, and judges what it left there.
pub async fn run(
    lab: &Lab,
    trial: &Trial,
    folder: &Path,
    beside: &Beside<'_>,
    told: &(dyn Fn(&str) + Sync),
) -> Result<RunSummary> {
    if let Some(live) = beside.live {
        live.begin(&trial.name, &trial.scenario.story);
    }
    let progress = |what: &str| {
        if let Some(live) = beside.live {
            live.stage(what);
        }
        told(what);
    };
    let summary = recorded(lab, trial, folder, beside, &progress).await?;
    if let Some(live) = beside.live {
        live.judged(&summary);
    }
    Ok(summary)
}

async fn recorded(
    lab: &Lab,
    trial: &Trial,
    folder: &Path,
    beside: &Beside<'_>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<RunSummary> {
    tokio::fs::create_dir_all(folder)
        .await
        .with_context(|| format!("making the run's folder {}", folder.display()))?;
    let path = folder.join("history.jsonl");
    let recorder = Recorder::create(&path)?;
    if let Some(live) = beside.live {
        recorder.heard_by(live.hearer());
    }
    recorder.record(Event::Begun {
        format: history::FORMAT,
        lab: env!("CARGO_PKG_VERSION").to_owned(),
        began_at_us: lab.shares_our_clock().then(|| recorder.began_at_us()),
        name: trial.name.clone(),
        seed: trial.seed,
        subject: Box::new(Subject::of(&trial.target)),
        scenario: Box::new(trial.scenario.clone()),
        environment: described(lab, trial),
    });
    let run = conduct(lab, trial, (folder, &recorder), beside, progress);
    let pace = &trial.target.pace;
    let recovers = pace.recovers_within.get();
    let mut within = RUN_WITHIN + pace.ready_within.get() + recovers;
    if let Some(windows) = beside.windows {
        within += windows.within(recovers);
    }
    if let Some((_, hand)) = beside.hand() {
        within += hand.span + hand.rests(recovers);
    }
    let ended = timeout(within, run)
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the run did not end within {within:?}")));
    if let Err(error) = ended {
        recorder.record(Event::LabError {
            message: Causes(&error).to_string(),
        });
    }
    recorder.finish()?;
    if let Some((_, hand)) = beside.hand() {
        hand.tell(folder, &trial.scenario)?;
    }
    progress("judging");
    Ok(judge(folder, trial.repeat_command.clone())?)
}

/// What it runs on, and what it is.
fn described(lab: &Lab, trial: &Trial) -> Vec<String> {
    let left_out = trial.left_out.iter();
    let left_out = left_out.map(|what| format!("left out of the story: {what}"));
    let mut lines = lab.describe();
    let settings = trial.scenario.system.postgres.iter();
    lines.extend(
        settings.map(|(name, value)| format!("postgres {name} = {value}, by the scenario")),
    );
    lines.push(arrange::staging(trial).describe());
    lines.extend(left_out);
    lines
}

async fn conduct(
    lab: &Lab,
    trial: &Trial,
    (folder, recorder): (&Path, &Recorder),
    beside: &Beside<'_>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    progress("arranging");
    let to_break = match beside.hand() {
        Some((_, hand)) => hand.all(&trial.scenario)?,
        None => Fault::all(&trial.scenario)?,
    };
    let ear = beside.ear.clone();
    let arranged = Arranged::of(lab, trial, to_break, (folder, recorder), ear).await?;
    let ended = perform(&arranged, trial, (folder, recorder), beside, progress).await;
    arranged.clear(lab, ended).await
}

/// Leaves what is asked for, drives the workload, breaks what is to be broken, waits for recovery, and looks for the last time.
async fn perform(
    arranged: &Arranged,
    trial: &Trial,
    (folder, recorder): (&Path, &Recorder),
    beside: &Beside<'_>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let (windows, hand) = (beside.windows, beside.hand());
    let faults: &[Fault] = match hand {
        Some(_) => &[],
        None => &arranged.faults,
    };
    let turns = &Turns::of(faults);
    let stage = &arranged.stage(recorder);
    if hand.is_none() {
        script::leave(folder, &trial.scenario, stage.adapter.plan())?;
    }
    if let Some(live) = beside.live {
        live.feeds(stage.adapter.feeds(stage.site.system));
        for (asked, fault) in trial.scenario.faults.iter().zip(faults) {
            live.knows(asked, fault.clone());
        }
    }
    let clients = Clients::new(
        stage.adapter.voice(),
        stage.site.system.apis(),
        stage.adapter.log(stage.site.recorder),
    )?;
    let (gauge_in, gauge) = channel(Gauge::default());
    let (heal_in, healed) = channel(Vec::new());
    let (good_in, good) = channel(BTreeSet::new());
    let wanted = trial.scenario.own.followers;
    let apis = stage.site.system.apis();
    let mut readers = stage
        .adapter
        .readers(wanted, apis, stage.site.recorder)
        .await?;
    let reach = Reach::of(stage.site.system, faults);
    let acts = async {
        progress("driving");
        let disturbance = Disturbance {
            stage,
            faults,
            turns,
            gauge: gauge.clone(),
            healed: heal_in,
            made_good: good,
        };
        let recovery = |is_last| Recovery {
            stage,
            scenario: &trial.scenario,
            clients: &clients,
            reach: &reach,
            is_last,
        };
        let soak = |recovery, disturbance| Soak {
            arranged,
            trial,
            folder,
            clients: &clients,
            recovery,
            disturbance,
            gauge: gauge.clone(),
        };
        let left = match (windows, hand) {
            (None, None) => {
                stage.adapter.begin(recorder).await?;
                let steps = stage.adapter.steps();
                let driven = clients.drive(steps, recorder, turns.all_over());
                let unknown = disturbance.beside(0..faults.len(), driven).await?;
                Left {
                    unknown,
                    ended: None,
                }
            }
            (Some(windows), _) => {
                let soak = soak(recovery(false), disturbance);
                soak.pass(windows, progress).await?
            }
            (None, Some((live, hand))) => {
                let soak = soak(recovery(false), disturbance);
                Play { soak, live, hand }.pass(progress).await?
            }
        };
        progress("recovering");
        recorder.record(Event::Healed);
        let ending = match left.ended {
            Some(ending) => ending,
            None => {
                let last = recovery(true);
                last.await_quiet(&left.unknown, gauge.clone()).await?
            }
        };
        let recovered = matches!(ending, Event::Recovered { .. });
        recorder.record(ending);
        if recovered && windows.is_some() {
            footprint::record(stage.site).await;
        }
        Ok::<_, anyhow::Error>(recovered)
    };
    let painted = async {
        match beside.live {
            Some(live) => paint(live, stage.site.system, gauge.clone()).await,
            None => std::future::pending().await,
        }
    };
    let recovered = tokio::select! {
        recovered = acts => recovered?,
        never = painted => match never {},
        never = watch::watch(stage, gauge_in, healed, good_in, windows.is_none()) => match never? {},
    };
    if recovered {
        progress("reading");
        look::read(stage, &reach, &mut readers).await?;
    }
    progress("coming to rest");
    let last = look::last_look(stage, &trial.scenario, recovered).await?;
    drop(readers);
    stage.site.recorder.record(Event::Snapshot(last));
    Ok(())
}
