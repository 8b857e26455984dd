//! How long what broke was felt by clients, and how long until what it had held up was made good.

use serde::{Deserialize, Serialize};

use crate::{
    history::{FaultLife, History, Op, Purpose},
    judge::recovery::made_good_after_ms,
};

/// A time, or as much of it as there was: whoever waited saw no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Took {
    /// Milliseconds.
    Ms(u64),
    /// More than so many: right-censored by the end of the run.
    MoreThanMs(u64),
}

impl Took {
    /// As far as it is known.
    pub fn at_least_ms(self) -> u64 {
        match self {
            Self::Ms(ms) | Self::MoreThanMs(ms) => ms,
        }
    }
}

/// All faults of a run together, from the first that did something to the last heal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// From when the first fault struck to the first answer that told a client nothing (503, timeout, cut connection); absent where
    /// all were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Took>,
    /// The longest time between two requests that were accepted, while some were asked for.
    pub longest_gap: Took,
    /// From the first answer that told a client nothing to the last; zero where all were told.
    pub downtime: Took,
    /// From the last heal to the answer of the first request that was asked after it and accepted. Where the load has ended by then the
    /// lab's own canary is the first to ask. Absent where nothing was healed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_success: Option<Took>,
    /// From when nothing stood in its way any more until all that a fault had held up was published and applied, of the fault that
    /// took longest. Absent where nothing was healed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Took>,
}

impl Recovery {
    pub(super) fn of(history: &History) -> Option<Self> {
        let lives = || history.faults().values();
        let struck = lives().filter_map(FaultLife::struck).min()?;
        let timeline = Timeline::of(history);
        let healed = lives().filter_map(|life| life.healed).max();
        Some(Self {
            detection: timeline.detection(struck),
            longest_gap: timeline.longest_gap(),
            downtime: timeline.downtime(),
            first_success: healed.map(|healed| timeline.first_success(healed)),
            drain: timeline.drain(),
        })
    }
}

/// Answers in the order in which they came; those to what only shows that the system is there are not among them.
struct Timeline<'h> {
    history: &'h History,
    answers: Vec<(usize, &'h Op)>,
}

impl<'h> Timeline<'h> {
    fn of(history: &'h History) -> Self {
        let asked = history.ops().values();
        let asked = asked.filter(|op| op.purpose != Purpose::WarmUp);
        let answered = asked.filter_map(|op| Some((op.completed.as_ref()?.0, op)));
        let mut answers: Vec<_> = answered.collect();
        answers.sort_by_key(|(position, _)| *position);
        Self { history, answers }
    }

    fn at_us(&self, position: usize) -> u64 {
        self.history.entries()[position].at_us
    }

    fn between_ms(&self, earlier: usize, later: usize) -> u64 {
        self.at_us(later).saturating_sub(self.at_us(earlier)) / 1_000
    }

    fn until_the_end(&self, since: usize) -> Took {
        Took::MoreThanMs(self.between_ms(since, self.history.entries().len() - 1))
    }

    /// Those that told a client of the load nothing.
    fn silent(&self) -> impl DoubleEndedIterator<Item = usize> {
        let answers = self.answers.iter();
        let silent = answers.filter(|(_, op)| op.is_unknown() && op.is_workload());
        silent.map(|(position, _)| *position)
    }

    fn detection(&self, struck: usize) -> Option<Took> {
        let first = self.silent().find(|position| *position > struck)?;
        Some(Took::Ms(self.between_ms(struck, first)))
    }

    fn downtime(&self) -> Took {
        let (first, last) = (self.silent().next(), self.silent().next_back());
        let between = first.zip(last);
        Took::Ms(between.map_or(0, |(first, last)| self.between_ms(first, last)))
    }

    /// After the load nobody asks until somebody must know what became of something, and that is no gap: one that is open then is
    /// closed by whoever is accepted next, for any other none is counted.
    fn longest_gap(&self) -> Took {
        let of_load = self.history.ops().values().filter(|op| op.is_workload());
        let Some(mut since) = of_load.map(|op| op.invoked).min() else {
            return Took::Ms(0);
        };
        let (mut longest, mut failing) = (0, false);
        for (position, op) in &self.answers {
            if op.is_accepted() {
                if failing || op.is_workload() {
                    longest = longest.max(self.between_ms(since, *position));
                }
                (since, failing) = (*position, false);
            } else if op.is_unknown() {
                failing = true;
            }
        }
        match failing.then(|| self.until_the_end(since)) {
            Some(open) if open.at_least_ms() > longest => open,
            _ => Took::Ms(longest),
        }
    }

    fn first_success(&self, healed: usize) -> Took {
        let asked_since = |(_, op): &&(usize, &Op)| op.is_accepted() && op.invoked > healed;
        match self.answers.iter().find(asked_since) {
            Some((position, _)) => Took::Ms(self.between_ms(healed, *position)),
            None => self.until_the_end(healed),
        }
    }

    fn drain(&self) -> Option<Took> {
        let faults = self.history.faults().iter();
        let each = faults.filter_map(|(index, life)| {
            let healed = life.healed?;
            let after = made_good_after_ms(self.history, *index, healed);
            Some(after.map_or_else(|| self.until_the_end(healed), Took::Ms))
        });
        each.max_by_key(|took| took.at_least_ms())
    }
}
