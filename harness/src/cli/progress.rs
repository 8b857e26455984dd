//! Progress: a bar and the runs under way on a terminal, plain lines elsewhere. All of it on stderr.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::{Arc, Mutex},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::tell;
use crate::{
    explore::suite::{Observer, Watcher},
    judge::summary::RunSummary,
    judge::verdict::Verdict,
    os::terminal,
    report::ROOM_FOR_BITES,
    run::live::Live,
};

/// Whether stdout takes colours.
pub(super) fn coloured() -> bool {
    std::io::stdout().is_terminal() && terminal::takes_codes(std::env::var_os)
}

/// What is shown while runs go on.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    under_way: Mutex<BTreeMap<String, String>>,
}

impl Progress {
    /// Shows `runs` runs; and how long the rest takes where there are several; 0 where nobody knows how many.
    pub fn new(runs: usize) -> Self {
        let bar = terminal::watched().then(|| {
            let bar = ProgressBar::new(runs as u64);
            let style = ProgressStyle::with_template(match runs {
                0 | 1 => "{bar:24} {pos}/{len} {elapsed} {wide_msg}",
                _ => "{bar:24} {pos}/{len} {elapsed}, {eta} left  {wide_msg}",
            });
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            // A hidden bar hides the lines printed above it, too.
            bar: bar.filter(|bar| !bar.is_hidden()),
            under_way: Mutex::default(),
        }
    }

    /// A line for the reader.
    pub fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => tell(line),
        }
    }

    /// What is being done now.
    pub fn step(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => tell(what),
        }
    }

    /// Nothing more comes.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Of what there is to do one more is done.
    pub fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// A run is over, one more of those that there are.
    pub fn ended(&self, name: &str) {
        self.show(name, None);
        self.advance();
    }

    fn show(&self, name: &str, stage: Option<&str>) {
        let Some(bar) = &self.bar else { return };
        let mut under_way = self
            .under_way
            .lock()
            .expect("never poisoned: no code panics under this lock");
        match stage {
            Some(stage) => under_way.insert(name.to_owned(), stage.to_owned()),
            None => under_way.remove(name),
        };
        let line: Vec<String> = under_way
            .iter()
            .map(|(name, stage)| format!("{name}: {stage}"))
            .collect();
        bar.set_message(line.join(" · "));
    }
}

impl Observer for Progress {
    fn stage(&self, name: &str, stage: &str) {
        self.show(name, Some(stage));
    }

    fn judged(&self, summary: &RunSummary) {
        self.ended(&summary.name);
        let bites = summary.bites.join(", ");
        let seconds = summary.duration_ms as f64 / 1000.0;
        let line = format!(
            "{:8} {:34} {seconds:5.1} s  {bites}",
            summary.verdict.to_string(),
            summary.name
        );
        // Where the table has no room for what bit, it is said here alone.
        let line = terminal::fitted(&line, ROOM_FOR_BITES);
        match summary.verdict {
            Verdict::Pass => self.line(&line),
            _ => self.line(&format!("{line}\n         {}", summary.reason)),
        }
    }
}

impl Watcher for Progress {
    fn line(&self, line: &str) {
        Self::line(self, line);
    }

    /// The bar stays where it is, for nobody knows how many there will be.
    fn over(&self, name: &str) {
        self.show(name, None);
    }
}

/// The progress of runs that are shown in a browser, too.
pub(super) struct Watched {
    pub progress: Arc<Progress>,
    pub live: Arc<Live>,
}

impl Observer for Watched {
    fn stage(&self, name: &str, stage: &str) {
        self.progress.stage(name, stage);
    }

    fn judged(&self, summary: &RunSummary) {
        self.progress.judged(summary);
    }

    fn live(&self) -> Option<&Live> {
        Some(&self.live)
    }
}

/// The progress of a control: it has no verdict on anybody.
pub(super) struct Control(pub Arc<Progress>);

impl Observer for Control {
    fn stage(&self, name: &str, stage: &str) {
        self.0.stage(name, stage);
    }

    fn judged(&self, summary: &RunSummary) {
        self.0.show(&summary.name, None);
        let seconds = summary.duration_ms as f64 / 1000.0;
        let line = format!("{:8} {:34} {seconds:5.1} s", "control", "nothing breaks");
        self.0.line(&line);
    }
}
