//! How long what broke was felt by clients, and how long until what it had held up was made good.

use serde::{Deserialize, Serialize};

use crate::{
    history::{FaultLife, History, Op, Purpose},
    judge::recovery::MadeGood,
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

    /// The longer of two, of which nobody knows how long it is if one of them had not ended.
    pub(super) fn longest(self, other: Self) -> Self {
        let ms = self.at_least_ms().max(other.at_least_ms());
        match (self, other) {
            (Self::Ms(_), Self::Ms(_)) => Self::Ms(ms),
            _ => Self::MoreThanMs(ms),
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
    /// The longest time for which something was asked for and nothing accepted.
    pub longest_gap: Took,
    /// From the first answer that told a client nothing to the last; zero where all were told. It had not ended where nothing was
    /// accepted after the last.
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
    /// When each of them was asked for, and what nobody answered.
    asked: Vec<usize>,
}

/// Of a client and the API.
enum Turn {
    Asked,
    /// Whether it was accepted.
    Answered(bool),
}

impl<'h> Timeline<'h> {
    fn of(history: &'h History) -> Self {
        let ops = history.ops().values();
        let ops = ops.filter(|op| op.purpose != Purpose::WarmUp);
        let answered = |op: &'h Op| Some((op.completed.as_ref()?.0, op));
        let mut answers: Vec<_> = ops.clone().filter_map(answered).collect();
        answers.sort_by_key(|(position, _)| *position);
        Self {
            history,
            answers,
            asked: ops.map(|op| op.invoked).collect(),
        }
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
        let Some((first, last)) = first.zip(last) else {
            return Took::Ms(0);
        };
        let accepted_since = |(at, op): &(usize, &Op)| op.is_accepted() && *at > last;
        match self.answers.iter().any(accepted_since) {
            true => Took::Ms(self.between_ms(first, last)),
            false => self.until_the_end(first),
        }
    }

    /// Nobody waits while nobody asks: a gap begins with the first request after the one before was closed, or with that if others were
    /// under way then. Only what is accepted closes it.
    fn longest_gap(&self) -> Took {
        let mut turns: Vec<(usize, Turn)> = self
            .answers
            .iter()
            .map(|(at, op)| (*at, Turn::Answered(op.is_accepted())))
            .chain(self.asked.iter().map(|at| (*at, Turn::Asked)))
            .collect();
        turns.sort_by_key(|(at, _)| *at);
        let (mut longest, mut since, mut under_way) = (Took::Ms(0), None, 0_usize);
        for (at, moment) in turns {
            match moment {
                Turn::Asked => {
                    under_way += 1;
                    since = since.or(Some(at));
                }
                Turn::Answered(accepted) => {
                    under_way = under_way.saturating_sub(1);
                    if accepted {
                        let from = since.unwrap_or(at);
                        longest = longest.longest(Took::Ms(self.between_ms(from, at)));
                        since = (under_way > 0).then_some(at);
                    }
                }
            }
        }
        match since {
            Some(since) => longest.longest(self.until_the_end(since)),
            None => longest,
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
            let MadeGood { clear, at } = MadeGood::of(self.history, *index, life.healed?);
            Some(match at {
                Some(at) => Took::Ms(self.between_ms(clear, at)),
                None => self.until_the_end(clear),
            })
        });
        each.reduce(Took::longest)
    }
}
