//! Some measurements of one thing.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How sure an interval is that it has the mean in it.
const CONFIDENCE: f64 = 0.95;

/// The mean, and how far the true one may be from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// How many were measured.
    pub measured: usize,
    /// Of these, how many had not ended when the run did. Each counts as what was waited, so that `mean` is a lower bound.
    pub censored: usize,
    /// Of all that were measured.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval: t(0.975, n - 1) · s / √n. Absent with fewer than two, and with censored ones, of which
    /// no deviation is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
}

impl Sample {
    /// Of values, each with whether it is only known to be greater; none if there are none.
    pub(super) fn of(values: impl Iterator<Item = (f64, bool)>) -> Option<Self> {
        let values: Vec<(f64, bool)> = values.collect();
        let measured = values.len();
        if measured == 0 {
            return None;
        }
        let n = measured as f64;
        let mean = values.iter().map(|(value, _)| value).sum::<f64>() / n;
        let censored = values.iter().filter(|(_, open)| *open).count();
        let squares = values.iter().map(|(value, _)| (value - mean).powi(2));
        let deviation = (squares.sum::<f64>() / (n - 1.0)).sqrt();
        let within = || {
            let t = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
            Some(t.inverse_cdf(0.5 + CONFIDENCE / 2.0) * deviation / n.sqrt())
        };
        Some(Self {
            measured,
            censored,
            mean,
            within: (measured > 1 && censored == 0).then(within).flatten(),
        })
    }

    /// In so many runs, in a unit.
    pub(super) fn told(&self, runs: usize, unit: f64, decimals: usize) -> String {
        let mean = self.mean / unit;
        let mut told = match (self.censored, self.within) {
            (0, Some(within)) => format!("{mean:.decimals$}±{:.decimals$}", within / unit),
            (0, None) => format!("{mean:.decimals$}"),
            (open, _) => format!("> {mean:.decimals$} ({open} open)"),
        };
        if self.measured < runs {
            told += &format!(" ({} of {runs})", self.measured);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64], open: &[f64]) -> Sample {
        let exact = values.iter().map(|value| (*value, false));
        let open = open.iter().map(|value| (*value, true));
        Sample::of(exact.chain(open)).expect("values")
    }

    #[test]
    fn the_interval_is_students() {
        // Of 1 … 5: s = 1.5811, t(0.975, 4) = 2.7764, so ± 1.9633.
        let five = sample(&[1.0, 2.0, 3.0, 4.0, 5.0], &[]);
        assert_eq!(five.mean, 3.0);
        assert!((five.within.expect("an interval") - 1.963_24).abs() < 1e-4);
        assert_eq!(five.told(5, 1.0, 2), "3.00±1.96");
        let same = sample(&[2.0, 2.0], &[]);
        assert_eq!(same.told(2, 1.0, 1), "2.0±0.0");
    }

    #[test]
    fn one_has_no_interval_and_none_is_nothing() {
        assert_eq!(sample(&[2_500.0], &[]).told(3, 1_000.0, 1), "2.5 (1 of 3)");
        assert_eq!(Sample::of(std::iter::empty()), None);
    }

    #[test]
    fn what_had_not_ended_makes_the_mean_a_lower_bound() {
        let censored = sample(&[1.0, 2.0], &[9.0]);
        assert_eq!((censored.censored, censored.within), (1, None));
        assert_eq!(censored.told(3, 1.0, 1), "> 4.0 (1 open)");
    }
}
