//! Which cases are tried together, and what is known of each: what is red together is split until it is red alone.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::{
    drawn::Case,
    outcome::{Fate, Shown},
    reach::Reach,
    survey::Known,
    way::{Way, ways},
};

/// Cases that are tried on one arrangement take about so many milliseconds together.
const BATCH_MS: u64 = 30_000;
/// A case whose turn never came is put into another run so often.
const TURNS_LOST: u8 = 3;
/// So many of a kind's messages are tried, one after the other, where there is time.
const INSTANCES: u64 = 9;

/// What is known of a case, from the least to what outweighs everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// There was no time for it.
    LeftOut,
    /// Its message never came.
    NotReached,
    /// It was cut so often, and all was well.
    Pass {
        /// How often.
        times: u64,
    },
    /// Red with others, and none of those was red alone; or there was no time to see.
    Together {
        /// What was wrong.
        why: String,
    },
    /// Alone it was red once, and once it was not.
    Once {
        /// What was wrong.
        why: String,
        /// Its scenario's seed.
        seed: u64,
    },
    /// Red alone, twice.
    Red {
        /// What was wrong.
        why: String,
        /// Its scenario's seed.
        seed: u64,
    },
}

/// A kind of message and a way that is legal at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Index of its kind.
    pub kind: usize,
    /// How it is cut.
    pub way: Way,
    /// What is known.
    pub outcome: Outcome,
    /// The case that was red, or the last that was tried.
    #[serde(skip)]
    pub case: Case,
    #[serde(skip)]
    alone: Option<(String, u64)>,
    #[serde(skip)]
    lost: u8,
}

/// Cases that are tried on one arrangement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub cases: Vec<(usize, Case)>,
    split: Option<usize>,
}

/// A batch that was red, and is tried again in parts.
#[derive(Debug)]
struct Split {
    cells: Vec<usize>,
    why: String,
    parent: Option<usize>,
    pending: usize,
    explained: bool,
}

/// What may still be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// Anything.
    Enough,
    /// Only what makes clear what was red.
    ForSplits,
    /// Nothing.
    None,
}

/// The plan of a sweep.
#[derive(Debug)]
pub(super) struct Plan {
    pub cells: Vec<Cell>,
    /// What went wrong where nothing was struck.
    pub broken: Vec<String>,
    waiting: VecDeque<Batch>,
    splits: Vec<Split>,
    instance: u64,
}

impl Plan {
    /// Of all kinds, in each of their ways.
    pub fn of(known: &[Known]) -> Self {
        let cells = (0..)
            .zip(known)
            .filter(|(_, known)| known.reach != Reach::Last);
        let cells = cells.flat_map(|(kind, known)| {
            ways(known.kind.event).map(move |way| Cell {
                kind,
                way,
                outcome: Outcome::LeftOut,
                case: Case {
                    kind: known.kind.clone(),
                    nth: 1,
                    way,
                    reach: known.reach,
                },
                alone: None,
                lost: 0,
            })
        });
        let mut plan = Self {
            cells: cells.collect(),
            broken: Vec::new(),
            waiting: VecDeque::new(),
            splits: Vec::new(),
            instance: 1,
        };
        let all = plan.cells.iter().enumerate();
        let all = all.map(|(at, cell)| (at, cell.case.clone())).collect();
        plan.put(all);
        plan
    }

    /// How many batches wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What is tried next. What makes clear what was red goes before anything new.
    pub fn next(&mut self, time: Time) -> Option<Batch> {
        if time == Time::None {
            return None;
        }
        let split = self.waiting.iter().position(|batch| batch.split.is_some());
        if let Some(at) = split {
            return self.waiting.remove(at);
        }
        if time == Time::ForSplits {
            return None;
        }
        if self.waiting.is_empty() {
            self.next_instances();
        }
        self.waiting.pop_front()
    }

    /// What a batch has shown, run with this seed.
    pub fn take(&mut self, batch: Batch, shown: &Shown, seed: u64) {
        let alone = batch.cases.len() == 1;
        let mut struck = Vec::new();
        let mut again = Vec::new();
        for ((at, case), fate) in batch.cases.into_iter().zip(&shown.fates) {
            match fate {
                Fate::Struck => struck.push((at, case)),
                // One that has been there before and does not come again is no news.
                Fate::Missed if case.nth > 1 => {}
                Fate::Missed => match case.reach.harder() {
                    Some(reach) => again.push((at, Case { reach, ..case })),
                    None => self.learn(at, Outcome::NotReached),
                },
                Fate::NotBegun if self.cells[at].lost < TURNS_LOST => {
                    self.cells[at].lost += 1;
                    again.push((at, case));
                }
                Fate::NotBegun => {}
            }
        }
        self.put(again);
        let Some(why) = &shown.red else {
            // Red alone a moment ago: that explains what was red before it, if by half.
            let explains = struck.iter().any(|(at, _)| self.cells[*at].alone.is_some());
            for (at, case) in struck {
                self.well(at, case);
            }
            return self.settle(batch.split, explains);
        };
        match struck.as_slice() {
            [] => {
                self.broken.push(why.clone());
                self.settle(batch.split, true);
            }
            [_] if alone => self.red_alone(struck.remove(0), batch.split, why, seed),
            _ => self.split(struck, batch.split, why),
        }
    }

    /// Nothing more is tried.
    pub fn finish(&mut self) {
        let open: Vec<usize> = (0..self.splits.len())
            .filter(|split| self.splits[*split].pending > 0)
            .collect();
        for split in open {
            let Split { cells, why, .. } = &self.splits[split];
            let (cells, why) = (
                cells.clone(),
                format!("{why} (no time was left to try each alone)"),
            );
            for at in cells {
                // Of what was seen alone or in a smaller part more is known.
                if !matches!(self.cells[at].outcome, Outcome::Pass { .. }) {
                    self.learn(at, Outcome::Together { why: why.clone() });
                }
            }
        }
    }

    /// The same messages' later instances.
    fn next_instances(&mut self) {
        if self.instance >= INSTANCES {
            return;
        }
        let nth = self.instance + 1;
        let again = self.cells.iter().enumerate().filter_map(|(at, cell)| {
            let is_well = matches!(cell.outcome, Outcome::Pass { .. });
            let case = Case {
                nth,
                ..cell.case.clone()
            };
            (is_well && case.reach == Reach::Flows).then_some((at, case))
        });
        let again: Vec<(usize, Case)> = again.collect();
        if !again.is_empty() {
            self.instance = nth;
            self.put(again);
        }
    }

    /// Puts cases into batches. What different processes are met by is tried at the same time.
    fn put(&mut self, mut cases: Vec<(usize, Case)>) {
        // What comes by itself goes first, what a process is restarted for last: if something is left out, it is that.
        cases.sort_by_key(|(at, case)| (case.reach, case.kind.edge.clone(), *at));
        let mut lines: BTreeMap<String, VecDeque<(usize, Case)>> = BTreeMap::new();
        for (at, case) in cases {
            let line = lines.entry(case.process().to_owned()).or_default();
            line.push_back((at, case));
        }
        while lines.values().any(|line| !line.is_empty()) {
            let batch = lines.values_mut().flat_map(first_of).collect();
            self.push(batch, None);
        }
    }

    fn push(&mut self, cases: Vec<(usize, Case)>, split: Option<usize>) {
        if !cases.is_empty() {
            self.waiting.push_back(Batch { cases, split });
        }
    }

    fn well(&mut self, at: usize, case: Case) {
        let cell = &mut self.cells[at];
        cell.case = case;
        let before = match (cell.alone.take(), &cell.outcome) {
            (Some((why, seed)), _) => return self.learn(at, Outcome::Once { why, seed }),
            (None, Outcome::Pass { times }) => *times,
            (None, _) => 0,
        };
        self.learn(at, Outcome::Pass { times: before + 1 });
    }

    fn red_alone(&mut self, (at, case): (usize, Case), split: Option<usize>, why: &str, seed: u64) {
        let cell = &mut self.cells[at];
        cell.case = case.clone();
        match cell.alone.take() {
            Some((why, seed)) => {
                self.learn(at, Outcome::Red { why, seed });
                self.settle(split, true);
            }
            None => {
                cell.alone = Some((why.to_owned(), seed));
                let split = split.unwrap_or_else(|| self.open(vec![at], why, None, 1));
                self.push(vec![(at, case)], Some(split));
            }
        }
    }

    fn split(&mut self, mut cases: Vec<(usize, Case)>, parent: Option<usize>, why: &str) {
        let cells = cases.iter().map(|(at, _)| *at).collect();
        let second = cases.split_off(cases.len().div_ceil(2));
        let parts = 1 + usize::from(!second.is_empty());
        let split = self.open(cells, why, parent, parts);
        self.push(cases, Some(split));
        self.push(second, Some(split));
    }

    fn open(
        &mut self,
        cells: Vec<usize>,
        why: &str,
        parent: Option<usize>,
        pending: usize,
    ) -> usize {
        self.splits.push(Split {
            cells,
            why: why.to_owned(),
            parent,
            pending,
            explained: false,
        });
        self.splits.len() - 1
    }

    /// A part of a split is known. When all are, and none was red, its cases were red together alone.
    fn settle(&mut self, split: Option<usize>, red: bool) {
        let Some(index) = split else { return };
        let split = &mut self.splits[index];
        split.pending -= 1;
        split.explained |= red;
        if split.pending > 0 {
            return;
        }
        let (parent, explained) = (split.parent, split.explained);
        let (cells, why) = (split.cells.clone(), split.why.clone());
        if !explained {
            for at in cells {
                self.learn(at, Outcome::Together { why: why.clone() });
            }
        }
        self.settle(parent, true);
    }

    /// What outweighs is kept.
    fn learn(&mut self, at: usize, outcome: Outcome) {
        let known = &mut self.cells[at].outcome;
        if outcome > *known {
            *known = outcome;
        }
    }
}

/// As many as one arrangement is used for, and one at least.
fn first_of(line: &mut VecDeque<(usize, Case)>) -> Vec<(usize, Case)> {
    let mut takes = 0;
    let fits = line.iter().take_while(|(_, case)| {
        takes += case.takes_ms();
        takes <= BATCH_MS
    });
    let count = fits.count().max(1).min(line.len());
    line.drain(..count).collect()
}

impl Outcome {
    /// In a word or two.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::NotReached => "not reached",
            Self::Pass { .. } => "pass",
            Self::Together { .. } => "red together",
            Self::Once { .. } => "red once",
            Self::Red { .. } => "FAIL",
        }
    }
}

#[cfg(test)]
mod tests;
