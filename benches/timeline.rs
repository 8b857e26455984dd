//! Latency over time under each fault, as one picture.

use std::{path::Path, time::Duration};

use plotters::prelude::*;

use crate::arrival::Arrival;

/// Where the picture goes.
const PICTURE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/latency_under_faults.svg");
/// Width of a bar of the backlog, and of the window over which the slowest bid is shown.
const SLICE: Duration = Duration::from_millis(50);
const PANEL: (u32, u32) = (420, 250);
const COLUMNS: usize = 2;

/// One case's bids, in microseconds of the system's clock.
pub struct Timeline {
    pub figure: &'static str,
    /// When the first bid was due.
    pub epoch: u64,
    /// From when until when something was broken.
    pub fault: Option<(u64, u64)>,
    pub arrivals: Vec<Arrival>,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws one panel a case: each bid's latency when it was due, the backlog beside it, the fault's window shaded. The last
/// round of each case is shown.
pub fn draw(timelines: &[Timeline]) {
    let mut last: Vec<&Timeline> = Vec::new();
    for timeline in timelines {
        match last
            .iter_mut()
            .find(|known| known.figure == timeline.figure)
        {
            Some(known) => *known = timeline,
            None => last.push(timeline),
        }
    }
    if last.is_empty() {
        return;
    }
    match paint(&last, Path::new(PICTURE)) {
        Ok(()) => println!("\nlatency over time: {PICTURE}"),
        Err(error) => eprintln!("\n{PICTURE} could not be drawn: {error}"),
    }
}

fn paint(timelines: &[&Timeline], picture: &Path) -> Drawn {
    let rows = timelines.len().div_ceil(COLUMNS);
    let size = (PANEL.0 * COLUMNS as u32, PANEL.1 * rows as u32);
    let area = SVGBackend::new(picture, size).into_drawing_area();
    area.fill(&WHITE)?;
    for (timeline, panel) in timelines.iter().zip(area.split_evenly((rows, COLUMNS))) {
        timeline.draw_on(&panel)?;
    }
    area.present()?;
    Ok(())
}

impl Timeline {
    fn draw_on(&self, panel: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawn {
        let seconds = |at: u64| at.saturating_sub(self.epoch) as f64 / 1e6;
        let end = self
            .arrivals
            .iter()
            .map(|bid| seconds(bid.at))
            .fold(1.0, f64::max);
        let backlog = self.backlog(end);
        let most = backlog
            .iter()
            .map(|(_, waiting)| *waiting)
            .fold(10.0, f64::max);
        let title = self.figure.trim_start_matches("latency/");
        let mut chart = ChartBuilder::on(panel)
            .caption(title, ("sans-serif", 15))
            .margin(8)
            .x_label_area_size(28)
            .y_label_area_size(48)
            .right_y_label_area_size(48)
            .build_cartesian_2d(0.0..end, (0.5..10_000.0).log_scale())?
            .set_secondary_coord(0.0..end, 0.0..most * 1.1);
        if let Some((from, to)) = self.fault {
            let window = [(seconds(from), 0.5), (seconds(to), 10_000.0)];
            chart.draw_series([Rectangle::new(window, RED.mix(0.12).filled())])?;
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("seconds")
            .y_desc("latency, ms")
            .y_label_formatter(&|ms| format!("{ms:.0}"))
            .label_style(("sans-serif", 11))
            .draw()?;
        chart
            .configure_secondary_axes()
            .y_desc("bids under way")
            .y_label_formatter(&|bids| format!("{bids:.0}"))
            .label_style(("sans-serif", 11))
            .draw()?;
        chart.draw_secondary_series(AreaSeries::new(backlog, 0.0, BLACK.mix(0.15)))?;
        chart.draw_series(
            self.samples()
                .into_iter()
                .map(|(at, ms)| Circle::new((at, ms.max(0.5)), 1, BLUE.mix(0.8).filled())),
        )?;
        Ok(())
    }

    /// How many bids were due and not delivered, over time.
    fn backlog(&self, end: f64) -> Vec<(f64, f64)> {
        let step = SLICE.as_secs_f64();
        let mut due: Vec<u64> = self.arrivals.iter().map(|bid| bid.due).collect();
        let mut at: Vec<u64> = self.arrivals.iter().map(|bid| bid.at).collect();
        due.sort_unstable();
        at.sort_unstable();
        (0..=(end / step) as u64)
            .map(|slice| {
                let seconds = slice as f64 * step;
                let now = self.epoch + (seconds * 1e6) as u64;
                let so_far = |moments: &[u64]| moments.partition_point(|moment| *moment <= now);
                (seconds, (so_far(&due) - so_far(&at)) as f64)
            })
            .collect()
    }

    /// The quickest, the middle and the slowest bid of each slice of time: what there is to see of thousands of points.
    fn samples(&self) -> Vec<(f64, f64)> {
        let mut slices = std::collections::BTreeMap::<u64, Vec<f64>>::new();
        for bid in &self.arrivals {
            let slice = bid.due.saturating_sub(self.epoch) / SLICE.as_micros() as u64;
            let latencies = slices.entry(slice).or_default();
            latencies.push(bid.latency().as_secs_f64() * 1_000.0);
        }
        let points = slices.into_iter().flat_map(|(slice, mut latencies)| {
            latencies.sort_by(f64::total_cmp);
            let at = (slice as f64 + 0.5) * SLICE.as_secs_f64();
            let chosen = [0, latencies.len() / 2, latencies.len() - 1];
            chosen.map(|index| (at, latencies[index]))
        });
        points.collect()
    }
}
