//! One target of a command line, and what becomes of it.

use std::{path::Path, sync::Arc};

use anyhow::{Result, bail};
use tokio_util::sync::CancellationToken;

use super::{
    Args, controls,
    selection::{Chosen, On, Selection},
};
use crate::{
    ask::target::Target,
    ask::trial::Trial,
    cli::{
        Interrupted, NO_LAB,
        again::Again,
        installed::installed,
        named,
        named::Named,
        on_lab::on_lab,
        progress::{Control, Progress, Watched},
        say, tell, unless_interrupted,
    },
    explore::control,
    explore::suite::{self, Ended, Manner},
    judge::verdict::Verdict,
    os::causes::Causes,
    report::{Account, Followed, LivePage, NotRun},
    run::live::Live,
    servers::lab::Lab,
};

/// A target, and what it will be put through.
pub(super) struct Candidate {
    /// What asks for it again.
    by: String,
    named: Named,
    target: Arc<Target>,
    selection: Selection,
    /// Whether it is one of several.
    beside_others: bool,
}

/// Why a story was not run that would have been.
const BEFORE_IT_BEGAN: &str = "the lab was interrupted before it began";

impl Candidate {
    /// All that a command line names, each once.
    pub fn all(args: &Args) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for asked in &args.targets {
            for named in named::targets(asked)? {
                if all.iter().any(|known| known.by == named.by) {
                    continue;
                }
                let target = Arc::new(named.target.clone().at_its_pace(args.as_shipped));
                let on = On {
                    servers: &args.servers,
                    target: &target,
                };
                all.push(Self {
                    selection: Selection::of(&args.names, &args.scenarios.folder, &on)?,
                    by: named.by.clone(),
                    beside_others: false,
                    named,
                    target,
                });
            }
        }
        let several = all.len() > 1;
        all.iter_mut().for_each(|one| one.beside_others = several);
        Ok(all)
    }

    /// Runs what there is to run. Whatever goes wrong with one target is its own.
    pub async fn put_through(&self, args: &Args, seed: u64) -> (Account, Result<u8, Interrupted>) {
        let mut account = self.account();
        let error = match self.tried(args, seed, &mut account).await {
            Ok(ended) => return (account, ended),
            Err(error) => error,
        };
        match error.downcast::<Interrupted>() {
            Ok(interrupted) => (self.not_begun(), Err(interrupted)),
            Err(error) => {
                let why = Causes(&error).to_string();
                self.not_run_because(&mut account, &format!("it could not be set up: {why}"));
                account.not_set_up = Some(why);
                (account, Ok(NO_LAB))
            }
        }
    }

    /// Nothing of it was run, for the lab was interrupted before.
    pub fn not_begun(&self) -> Account {
        let mut account = self.account();
        self.not_run_because(&mut account, BEFORE_IT_BEGAN);
        account
    }

    fn account(&self) -> Account {
        Account {
            target: self.target.name.clone(),
            version: self.target.version.clone(),
            not_run: self.selection.not_run.clone(),
            ..Account::default()
        }
    }

    fn not_run_because(&self, account: &mut Account, why: &str) {
        let runs = self.selection.runs(0, 1).into_iter();
        account.not_run.extend(runs.map(|run| NotRun {
            name: run.name,
            why: why.to_owned(),
        }));
    }

    /// Whether it was interrupted once it had begun, or how it should exit.
    async fn tried(
        &self,
        args: &Args,
        seed: u64,
        account: &mut Account,
    ) -> Result<Result<u8, Interrupted>> {
        let mut runs = self.selection.runs(seed, args.repeat);
        if args.controls {
            // What a seed draws has no story.
            runs.retain(|run| !run.name.starts_with("property/"));
        }
        if runs.is_empty() {
            return Ok(Ok(NO_LAB));
        }
        if self.beside_others {
            tell(format_args!("target {}", self.by));
        }
        unless_interrupted(installed(&self.named, |line| tell(line))).await?;
        tell(format_args!(
            "seed {seed}; {} {}, {} side by side",
            runs.len(),
            if runs.len() == 1 { "run" } else { "runs" },
            args.jobs
        ));
        let shown = Arc::new(Progress::new(runs.len()));
        let manner = self.manner(args);
        let begun = |lab: &Lab| {
            account.backend = Some(lab.backend().name());
            account.servers = lab.describe();
        };
        let work = async |lab: Arc<Lab>| self.run(args, &lab, runs, &manner, &shown).await;
        let (needs, stop) = (&self.target.needs, &manner.stop);
        let mut done = on_lab(&args.servers, needs, &shown, stop, begun, work).await?;
        account.unmet = self.unmet(args, &done.found);
        let code = match args.controls && !done.interrupted() {
            true => show_controls(&manner, &done.found),
            false => self.code(args, &done.found, account.unmet.is_some()),
        };
        self.note(account, std::mem::take(&mut done.found));
        Ok(done.code(code))
    }

    fn manner(&self, args: &Args) -> Manner {
        let plain = |sign: char| match sign {
            sign if sign.is_alphanumeric() || "-_.".contains(sign) => sign,
            _ => '-',
        };
        let own: String = self.target.name.chars().map(plain).collect();
        Manner {
            runs: match self.beside_others {
                true => args.runs.folder.join(own),
                false => args.runs.folder.clone(),
            },
            keep: args.keep,
            side_by_side: args.jobs as usize,
            stop: CancellationToken::new(),
        }
    }

    /// Judges the file first, and then by it.
    async fn run(
        &self,
        args: &Args,
        lab: &Arc<Lab>,
        runs: Vec<Chosen>,
        manner: &Manner,
        shown: &Arc<Progress>,
    ) -> Result<Ended> {
        if !self.target.is_ours() {
            let seed = runs.first().map_or(0, |run| run.seed);
            let mistakes = self.control(args, lab, seed, manner, shown).await;
            if !mistakes.is_empty() {
                bail!(
                    "nothing was broken, and still: {}; that is a mistake of the file, or of the lab, and nothing is judged by it",
                    mistakes.join("; ")
                );
            }
        }
        let trials = runs.into_iter().map(|run| self.trial(args, lab, run));
        let trials = trials.collect();
        if !args.live {
            return Ok(suite::run(lab.clone(), trials, manner, shown.clone()).await);
        }
        let live = Arc::new(Live::new(None));
        let page = LivePage::serve(live.clone(), None, 0).await?;
        shown.line(&format!("open in a browser on this machine: {}", page.url));
        tokio::select! {
            () = page.somebody_looks() => {}
            () = manner.stop.cancelled() => {}
        }
        let shown = Arc::new(Watched {
            progress: shown.clone(),
            live,
        });
        let ended = suite::run(lab.clone(), trials, manner, shown).await;
        page.end().await;
        Ok(ended)
    }

    /// Tries what a target file says with nothing broken. Says what is wrong with it; its folder stays then.
    async fn control(
        &self,
        args: &Args,
        lab: &Arc<Lab>,
        seed: u64,
        manner: &Manner,
        shown: &Arc<Progress>,
    ) -> Vec<String> {
        let run = Chosen {
            asked_by: control::NAME.to_owned(),
            name: control::NAME.to_owned(),
            scenario: control::scenario(&self.target),
            left_out: Vec::new(),
            seed,
        };
        let alone = Manner {
            side_by_side: 1,
            ..manner.keeping()
        };
        let trials = vec![self.trial(args, lab, run)];
        let shown = Arc::new(Control(shown.clone()));
        let ended = suite::run(lab.clone(), trials, &alone, shown).await;
        let Some(summary) = ended.summaries.first() else {
            return vec!["the control did not run".to_owned()];
        };
        let mistakes = control::refused(summary);
        if mistakes.is_empty() {
            manner.discard(&summary.folder);
        }
        mistakes
    }

    fn trial(&self, args: &Args, lab: &Lab, run: Chosen) -> Trial {
        let again = Again {
            scenarios: args.scenarios.elsewhere().map(Path::to_owned),
            ..Again::of(&self.by, args.as_shipped, lab, &args.servers)
        };
        Trial {
            repeat_command: again.command(&run.asked_by, run.seed),
            name: run.name,
            target: self.target.clone(),
            as_shipped: args.as_shipped,
            scenario: match args.controls {
                true => run.scenario.control(),
                false => run.scenario,
            },
            left_out: run.left_out,
            seed: run.seed,
        }
    }

    /// What the whole suite must have met, and did not.
    fn unmet(&self, args: &Args, ended: &Ended) -> Option<String> {
        let whole = args.names.is_empty() && self.target.is_ours() && !args.controls;
        let lacking = whole.then(|| Followed::lacking(&ended.summaries));
        lacking.flatten()
    }

    /// What was asked for by its own name is missed where it was not run.
    fn code(&self, args: &Args, ended: &Ended, lacks: bool) -> u8 {
        let runs = ended.summaries.iter().map(|run| run.verdict);
        let runs = runs.chain(lacks.then_some(Verdict::Vacuous));
        let missed = |not: &NotRun| args.names.contains(&not.name);
        match Verdict::worst(runs).exit_code() {
            0 if self.selection.not_run.iter().any(missed) => NO_LAB,
            code => code,
        }
    }

    fn note(&self, account: &mut Account, ended: Ended) {
        account.runs = ended.summaries;
        for name in ended.not_begun {
            let known = account.runs.iter().map(|run| &run.name);
            let mut known = known.chain(account.not_run.iter().map(|not| &not.name));
            if known.all(|known| *known != name) {
                let why = BEFORE_IT_BEGAN.to_owned();
                account.not_run.push(NotRun { name, why });
            }
        }
    }
}

/// Shows what the controls show. A control that is vacuous as it must be leaves nothing behind.
fn show_controls(manner: &Manner, ended: &Ended) -> u8 {
    let judged = ended.summaries.iter();
    let controls: Vec<_> = judged
        .filter_map(|summary| Some((summary.scenario.clone()?, summary)))
        .collect();
    let (table, code) = controls::report(&controls);
    say(table);
    let unjudged = controls.len() < ended.summaries.len();
    let vacuous = ended.summaries.iter();
    vacuous
        .filter(|run| run.verdict == Verdict::Vacuous && code == 0)
        .for_each(|run| manner.discard(&run.folder));
    if unjudged { NO_LAB } else { code }
}
