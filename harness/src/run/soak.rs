//! A run that goes on for long on one arrangement: load and faults in windows. Between two of them everything comes to rest, and
//! what was recorded until then is judged as if the run had ended there; processes and servers go on as they are.

pub(super) mod footprint;
mod until_now;

use std::{ops::Range, path::Path, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{
    arrange::{Arranged, LEDGER_WITHIN},
    client::{Clients, Due, Load, requests},
    disturb::Disturbance,
    gauge::Gauge,
    look::{self, FENCE_WITHIN},
    settle::Recovery,
};
use crate::{
    ask::{scenario::Scenario, trial::Trial},
    history::{Asked, Event},
    judge::{
        summary::{RunSummary, judge},
        verdict::{Finding, Verdict},
    },
};
use until_now::UntilNow;

/// How a run is divided.
pub struct Windows<'w> {
    /// How many there are.
    pub count: u32,
    /// For how long load goes on in one.
    pub length: Duration,
    /// How long judging may take for each window that has gone by: all until then is read once more.
    pub rest_within: Duration,
    /// Is told of each that was judged.
    pub judged: &'w (dyn Fn(&Window) + Sync),
}

impl Windows<'_> {
    fn judged_within(&self, number: u32) -> Duration {
        self.rest_within * number
    }

    /// How long all of them may take, each with so much for its recovery.
    pub(super) fn within(&self, recovers: Duration) -> Duration {
        let judged: Duration = (1..=self.count)
            .map(|number| self.judged_within(number))
            .sum();
        judged + (self.length + recovers) * self.count
    }
}

/// What came of one.
#[derive(Debug, Clone)]
pub struct Window {
    /// From 1.
    pub number: u32,
    /// What was asked for since the run began.
    pub requests: u64,
    /// Milliseconds until everything was at rest.
    pub rest_ms: u64,
    /// What everything until then is judged to be.
    pub summary: RunSummary,
}

impl Window {
    /// What is against it. A fault that met nothing is not: there are others.
    pub fn against(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.summary.findings.iter();
        findings.filter(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::Error))
    }
}

/// What the last window has left to do.
pub(super) struct Left {
    /// What no client knows the fate of.
    pub unknown: Vec<Asked>,
    /// How the run ended, if it did before the last window was over.
    pub ended: Option<Event>,
}

/// What windows are made with.
pub(super) struct Soak<'r> {
    pub arranged: &'r Arranged,
    pub trial: &'r Trial,
    /// Where the run's history is.
    pub folder: &'r Path,
    pub clients: &'r Clients,
    pub recovery: Recovery<'r>,
    pub disturbance: Disturbance<'r>,
    pub gauge: watch::Receiver<Gauge>,
}

impl Soak<'_> {
    /// Drives and breaks, window by window, and brings everything to rest after each but the last.
    pub async fn pass(
        &self,
        windows: &Windows<'_>,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Left> {
        let stage = self.recovery.stage;
        let recorder = stage.site.recorder;
        let steps = stage.adapter.steps();
        let planned = requests(steps);
        recorder.record(Event::Planned { requests: planned });
        stage.adapter.begin(recorder).await?;
        let mut load = Load::default();
        let mut ended = None;
        for number in 1..=windows.count {
            progress(&format!("window {number} of {}", windows.count));
            let (from, to) = (windows.length * (number - 1), windows.length * number);
            let due = |at| steps.partition_point(|step| step.due < at);
            let part = match number == windows.count {
                true => &steps[due(from)..],
                false => &steps[due(from)..due(to)],
            };
            let due = Due::of(part, from, std::future::pending());
            let sent = self.clients.send(due, &mut load);
            let faults = share(self.arranged.faults.len(), number, windows.count);
            self.disturbance.beside(faults.clone(), sent).await?;
            if number == windows.count {
                break;
            }
            progress(&format!("rest {number} of {}", windows.count));
            let ending = self.recovery.await_quiet(&load.unknown, self.gauge.clone());
            let ending = ending.await?;
            let Event::Recovered { after_ms } = ending else {
                ended = Some(ending);
                break;
            };
            load.unknown.clear();
            footprint::record(stage.site).await;
            let so_far: Vec<usize> = (0..faults.end).collect();
            let scenario = self.trial.scenario.with_faults(&so_far);
            let within = windows.judged_within(number);
            let window = self.judged(number, scenario, &load, after_ms, within);
            let window = window.await?;
            (windows.judged)(&window);
            if window.against().next().is_some() {
                recorder.record(Event::Owed {
                    what: format!("window {number} was not as it should be"),
                });
                break;
            }
        }
        recorder.record(load.driven(planned));
        Ok(Left {
            unknown: load.unknown,
            ended,
        })
    }

    /// Judges what is recorded until a rest that took so long to come, of a story as far as it went.
    pub async fn judged(
        &self,
        number: u32,
        scenario: Scenario,
        load: &Load,
        rest_ms: u64,
        within: Duration,
    ) -> Result<Window> {
        let ending = Event::Recovered { after_ms: rest_ms };
        let judged = timeout(within, self.until_now(number, scenario, load, ending)).await;
        let late = || format!("judging window {number} took longer than {within:?}");
        Ok(Window {
            number,
            requests: load.sent,
            rest_ms,
            summary: judged.with_context(late)??,
        })
    }

    /// What was found green is not kept.
    async fn until_now(
        &self,
        number: u32,
        scenario: Scenario,
        load: &Load,
        ending: Event,
    ) -> Result<RunSummary> {
        let stage = self.recovery.stage;
        let heard = stage.adapter.hear_all(FENCE_WITHIN).await;
        heard.context("a message of the lab's own did not come out of the exchange")?;
        let deadline = Instant::now() + LEDGER_WITHIN;
        let read = self.arranged.up_to_now(deadline).await?;
        let last = look::at_rest(stage).await?;
        let until_now = UntilNow {
            scenario,
            requests: load.sent,
            held_back: load.held_back,
            ending,
            last,
            commits: read.map(|read| read.commits),
            at_us: read.map_or_else(|| stage.site.recorder.now_us(), |read| read.at_us),
        };
        stage.site.recorder.flush();
        let history = self.folder.join("history.jsonl");
        let folder = self.folder.join(format!("window-{number:03}"));
        let again = self.trial.repeat_command.clone();
        spawn_blocking(move || {
            until_now.write(&history, &folder)?;
            let summary = judge(&folder, again)?;
            if !matches!(summary.verdict, Verdict::Fail | Verdict::Error) {
                std::fs::remove_dir_all(&folder).context("removing a window's history")?;
            }
            Ok(summary)
        })
        .await?
    }
}

/// Which faults are a window's: about as many as any other's.
fn share(faults: usize, number: u32, windows: u32) -> Range<usize> {
    let (number, windows) = (number as usize, windows as usize);
    faults * (number - 1) / windows..faults * number / windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_of_one_window() {
        let shares = |faults| (1..=4).flat_map(move |number| share(faults, number, 4));
        for faults in [0, 1, 4, 9] {
            assert!(shares(faults).eq(0..faults));
        }
        assert_eq!(share(9, 4, 4), 6..9);
    }
}
