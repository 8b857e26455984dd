//! How busy the machine was while something was measured (`proc(5)`, /proc/stat). A ratio between two figures that both keep
//! every processor busy cannot be better than the ratio of what they cost.

use std::{fs, time::Duration};

/// Clock ticks a second in /proc, on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// What all processors together have done since the machine started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Processors {
    busy: f64,
    idle: f64,
}

/// What was spent between two looks.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Processor time of everything on the machine.
    pub time: Duration,
    /// The share of it that was not idle, from 0 to 1.
    pub busy: f64,
}

impl Processors {
    /// A look at the counters; none where there is no such file.
    pub fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<f64> = stat
            .lines()
            .next()?
            .strip_prefix("cpu ")?
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user and nice already.
        let [user, nice, system, idle, waiting, irq, softirq, steal, ..] = fields[..] else {
            return None;
        };
        Some(Self {
            busy: user + nice + system + irq + softirq + steal,
            idle: idle + waiting,
        })
    }

    /// What was spent since an earlier look.
    pub fn since(self, earlier: Self) -> Spent {
        let (busy, idle) = (self.busy - earlier.busy, self.idle - earlier.idle);
        Spent {
            time: Duration::from_secs_f64((busy / TICKS).max(0.0)),
            busy: busy / (busy + idle).max(1.0),
        }
    }
}
