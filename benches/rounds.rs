//! Rates, measured side by side.

use std::{cell::RefCell, collections::VecDeque, time::Duration};

use anyhow::Result;
use criterion::{BenchmarkGroup, Throughput, measurement::WallTime};

use crate::{
    site::Site,
    stage::{self, MEASUREMENT, Stage},
};

/// Rounds behind one sample of `--quick`.
const QUICK_ROUNDS: usize = 2;

/// Figures that are compared with one another. Every round measures all of them, one right after the other, so that a
/// slow minute of the machine is in both sides of a ratio.
pub struct Rounds<'s> {
    stage: &'s Stage,
    figures: Vec<Figure<'s>>,
    /// What was measured and not yet given to Criterion.
    measured: Vec<RefCell<VecDeque<Duration>>>,
}

struct Figure<'s> {
    name: &'static str,
    elements: u64,
    measure: Box<dyn Fn() -> Duration + 's>,
}

impl<'s> Rounds<'s> {
    /// Nothing to measure yet.
    pub fn new(stage: &'s Stage) -> Self {
        Self {
            stage,
            figures: Vec::new(),
            measured: Vec::new(),
        }
    }

    /// Adds a figure: `measure` sets up, times `elements` of something, and says how long they took.
    pub fn add(
        &mut self,
        name: &'static str,
        elements: u64,
        measure: impl AsyncFn(&Site<'_>) -> Result<Duration> + 's,
    ) {
        let stage = self.stage;
        self.figures.push(Figure {
            name,
            elements,
            measure: Box::new(move || stage.once(name, async |site| measure(site).await)),
        });
        self.measured.push(RefCell::default());
    }

    /// Makes each figure a bench of Criterion's.
    pub fn bench(&self, group: &mut BenchmarkGroup<'_, WallTime>) {
        for (index, figure) in self.figures.iter().enumerate() {
            group.throughput(Throughput::Elements(figure.elements));
            group.bench_function(stage::title(figure.name), |bencher| {
                bencher.iter_custom(|rounds| {
                    // `--quick` stops after one sample only if that took some time.
                    std::thread::sleep(MEASUREMENT * 2);
                    (0..rounds).map(|_| self.next(index)).sum()
                });
            });
        }
    }

    fn next(&self, index: usize) -> Duration {
        let known = self.measured[index].borrow_mut().pop_front();
        known.unwrap_or_else(|| {
            for _ in 0..if self.stage.quick { QUICK_ROUNDS } else { 1 } {
                self.measure();
            }
            let fresh = self.measured[index].borrow_mut().pop_front();
            fresh.expect("a round measures every figure")
        })
    }

    fn measure(&self) {
        for (figure, measured) in self.figures.iter().zip(&self.measured) {
            let took = (figure.measure)();
            let rate = figure.elements as f64 / took.as_secs_f64();
            self.stage.ledger.borrow_mut().note(figure.name, rate);
            measured.borrow_mut().push_back(took);
        }
    }
}
