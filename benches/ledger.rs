//! Everything that was measured in this run.

mod goals;

use std::{collections::BTreeMap, time::Duration};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use hdrhistogram::Histogram;

use crate::{arrival::Arrival, processors::Spent};

/// Figures by name. A figure that was filtered out of the run is simply absent.
#[derive(Default)]
pub struct Ledger {
    samples: BTreeMap<&'static str, Vec<f64>>,
    latencies: BTreeMap<&'static str, Latencies>,
    /// Order of the latency table's rows.
    seen: Vec<&'static str>,
    peaks: BTreeMap<&'static str, f64>,
    costs: BTreeMap<&'static str, Vec<Cost>>,
}

/// What one event, delivery or bid of a figure cost the whole machine.
#[derive(Clone, Copy)]
struct Cost {
    micros: f64,
    busy_percent: f64,
}

/// One case's latencies over all rounds, in microseconds.
struct Latencies {
    all: Histogram<u64>,
    longest_gap: Duration,
}

impl Ledger {
    /// Adds a sample.
    pub fn note(&mut self, figure: &'static str, value: f64) {
        self.samples.entry(figure).or_default().push(value);
    }

    /// Adds what was spent on `elements` of a figure.
    pub fn spent(&mut self, figure: &'static str, elements: u64, spent: Spent) {
        self.costs.entry(figure).or_default().push(Cost {
            micros: spent.time.as_secs_f64() * 1e6 / elements.max(1) as f64,
            busy_percent: spent.busy * 100.0,
        });
    }

    /// The cost in the middle.
    fn cost(&self, figure: &str) -> Option<Cost> {
        let mut costs = self.costs.get(figure)?.clone();
        costs.sort_by(|a, b| a.micros.total_cmp(&b.micros));
        costs.get(costs.len() / 2).copied()
    }

    /// The middle of a figure's samples.
    pub fn median(&self, figure: &str) -> Option<f64> {
        let mut samples = self.samples.get(figure)?.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }

    /// The middle of the ratios of two figures, round by round.
    fn ratio(&self, this: &str, that: &str) -> Option<f64> {
        let (these, those) = (self.samples.get(this)?, self.samples.get(that)?);
        let mut ratios: Vec<f64> = these.iter().zip(those).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        let (low, high) = (
            ratios.get((ratios.len() - 1) / 2)?,
            ratios.get(ratios.len() / 2)?,
        );
        Some((low + high) / 2.0)
    }

    /// Adds the most memory that roles had resident, in MiB.
    pub fn peaks(&mut self, peaks: &BTreeMap<&'static str, f64>) {
        for (role, peak) in peaks {
            let highest = self.peaks.entry(role).or_default();
            *highest = highest.max(*peak);
        }
    }

    /// Adds a round of arrivals and returns its median.
    pub fn latencies(&mut self, figure: &'static str, arrivals: &[Arrival]) -> Duration {
        let mut round = Histogram::<u64>::new(3).expect("three digits are allowed");
        let mut at: Vec<u64> = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let micros = arrival.latency().as_micros() as u64;
            round.record(micros).expect("it resizes by itself");
            at.push(arrival.at);
        }
        at.sort_unstable();
        let gaps = at.windows(2).map(|pair| pair[1] - pair[0]);
        let longest_gap = Duration::from_micros(gaps.max().unwrap_or(0));
        let median = Duration::from_micros(round.value_at_quantile(0.5));
        match self.latencies.get_mut(figure) {
            Some(known) => {
                known.all.add(&round).expect("both resize by themselves");
                known.longest_gap = known.longest_gap.max(longest_gap);
            }
            None => {
                self.seen.push(figure);
                let all = round;
                self.latencies
                    .insert(figure, Latencies { all, longest_gap });
            }
        }
        median
    }

    /// Four tables: rates, what they cost, latencies, goals.
    pub fn print(&self, servers: Option<&str>) {
        let Some(servers) = servers else {
            return;
        };
        println!("\nmeasured on {}; {servers}\n", machine());
        if !self.samples.is_empty() {
            println!("{}\n", self.rates());
        }
        if !self.costs.is_empty() {
            println!("{}\n", self.cost_table());
        }
        if !self.latencies.is_empty() {
            println!("{}\n", self.latency_table());
        }
        println!("{}", goals::table(self));
    }

    fn rates(&self) -> Table {
        let mut table = table(["figure", "median", "lowest", "highest", "rounds"]);
        for (figure, samples) in &self.samples {
            let lowest = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = samples.iter().copied().fold(0.0, f64::max);
            let median = self.median(figure).unwrap_or(0.0);
            table.add_row([
                (*figure).to_owned(),
                number(median),
                number(lowest),
                number(highest),
                samples.len().to_string(),
            ]);
        }
        for (role, peak) in &self.peaks {
            let row = [
                format!("memory/{role}, peak RSS in MiB"),
                number(*peak),
                String::new(),
                String::new(),
                String::new(),
            ];
            table.add_row(row);
        }
        table
    }

    fn cost_table(&self) -> Table {
        let mut table = table(["processor time of the whole machine", "us each", "busy"]);
        for figure in self.costs.keys() {
            if let Some(cost) = self.cost(figure) {
                let busy = format!("{:.0} %", cost.busy_percent);
                table.add_row([(*figure).to_owned(), number(cost.micros), busy]);
            }
        }
        table
    }

    fn latency_table(&self) -> Table {
        let mut table = table([
            "latency in ms",
            "p50",
            "p90",
            "p99",
            "p99.9",
            "max",
            "longest gap",
            "bids",
        ]);
        for figure in &self.seen {
            let Latencies { all, longest_gap } = &self.latencies[figure];
            let at = |quantile: f64| millis(all.value_at_quantile(quantile));
            table.add_row([
                figure.trim_start_matches("latency/").to_owned(),
                at(0.5),
                at(0.9),
                at(0.99),
                at(0.999),
                millis(all.max()),
                millis(longest_gap.as_micros() as u64),
                all.len().to_string(),
            ]);
        }
        table
    }
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}

fn millis(micros: u64) -> String {
    number(micros as f64 / 1_000.0)
}

/// Three digits, or all of them before the point.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Cores and processor, for the reader of a table.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("an unknown processor", |(_, model)| model);
    format!("{cores} cores of {model}")
}
