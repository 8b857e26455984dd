//! What happened over a run's time, one track a quantity on the same axis, with the faults as hatched bands.
//!
//! The page's style gives each colour a stroke of its own, solid, dashed or dotted, and its counterpart in the dark.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
};

use crate::judge::course::{Course, Delays, STEPS, Strip};

const WIDTH: u32 = 900;
const HEIGHT: u32 = 110;
const LEFT: u32 = 52;
const BELOW: u32 = 20;

/// Okabe and Ito's palette, which most people can tell apart.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
/// The faults' bands; the style hatches them.
const BAND: RGBColor = RGBColor(153, 153, 153);

struct Line {
    name: &'static str,
    colour: RGBColor,
    /// A value a step; a gap where there is none.
    values: Vec<Option<f64>>,
}

impl Line {
    fn of(name: &'static str, colour: RGBColor, values: impl Iterator<Item = Option<f64>>) -> Self {
        Self {
            name,
            colour,
            values: values.collect(),
        }
    }

    fn counts(name: &'static str, colour: RGBColor, values: impl Iterator<Item = u64>) -> Self {
        Self::of(name, colour, values.map(|value| Some(value as f64)))
    }

    fn shows_something(&self) -> bool {
        self.values.iter().flatten().any(|value| *value > 0.0)
    }

    /// What the page's style calls it.
    fn class(&self) -> &'static str {
        match self.colour {
            BLUE => "blue",
            GREEN => "green",
            _ => "orange",
        }
    }
}

/// The hatching of bands, once a page.
pub(super) fn patterns() -> Markup {
    html! {
        svg width="0" height="0" aria-hidden="true" style="position:absolute" {
            defs {
                pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect width="2" height="6" class="hatching" {}
                }
            }
        }
    }
}

/// The tracks of a run.
pub(super) fn course(course: &Course) -> Markup {
    if course.length_us == 0 {
        return html! {};
    }
    let answers = || course.answers.iter();
    let deliveries = || course.deliveries.iter();
    let step = course.length_us as f64 / 1e6 / STEPS as f64;
    let each = format!("in {step:.2} s");
    html! {
        (track(course, "answers", &each, vec![
            Line::counts("accepted", BLUE, answers().map(|step| step.accepted)),
            Line::counts("refused", GREEN, answers().map(|step| step.refused)),
            Line::counts("unknown", ORANGE, answers().map(|step| step.unknown)),
        ]))
        (track(course, "wait for an answer", "ms", delays(&course.answered)))
        (track(course, "from request to first delivery", "ms", delays(&course.heard)))
        (track(course, "backlog", "rows", vec![
            Line::of("waiting", BLUE, course.backlog.iter().map(|rows| rows.map(|rows| rows as f64))),
        ]))
        (track(course, "deliveries", &each, vec![
            Line::counts("first", BLUE, deliveries().map(|step| step.first)),
            Line::counts("again", ORANGE, deliveries().map(|step| step.again)),
        ]))
    }
}

fn delays(steps: &[Option<Delays>]) -> Vec<Line> {
    let ms = |us: u64| us as f64 / 1e3;
    let of = |us: fn(&Delays) -> u64| {
        let steps = steps.iter();
        steps.map(move |step| step.as_ref().map(|delays| ms(us(delays))))
    };
    vec![
        Line::of("p50", BLUE, of(|delays| delays.p50_us)),
        Line::of("p99", ORANGE, of(|delays| delays.p99_us)),
    ]
}

/// Nothing where there is nothing to see.
fn track(course: &Course, title: &str, unit: &str, lines: Vec<Line>) -> Markup {
    let lines: Vec<Line> = lines.into_iter().filter(Line::shows_something).collect();
    if lines.is_empty() {
        return html! {};
    }
    let values = lines.iter().flat_map(|line| line.values.iter().flatten());
    let most = values.copied().fold(0.0, f64::max);
    let label = format!(
        "{title} over {:.1} s, at most {} {unit}",
        figure(most),
        course.length_us as f64 / 1e6
    );
    html! {
        figure {
            figcaption {
                strong { (title) } ", " (unit)
                @for line in &lines { span class={ "key " (line.class()) } { (line.name) } }
            }
            div role="img" aria-label=(label) { (PreEscaped(picture(|area| lines_over_time(area, course, most, &lines)))) }
        }
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A picture of a size of its own that a page may stretch.
fn picture(draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        let drawn = draw(&area).and_then(|()| Ok(area.present()?));
        drawn.expect("a String takes everything");
    }
    slim(&svg)
}

/// Without what the page's style says once for all pictures.
fn slim(svg: &str) -> String {
    let said_by_the_style = [
        " opacity=\"1\"",
        " font-family=\"sans-serif\"",
        " stroke=\"none\"",
    ];
    let slim = said_by_the_style
        .iter()
        .fold(svg.to_owned(), |svg, attribute| svg.replace(attribute, ""));
    let lines = slim
        .lines()
        .map(|line| match line.split_once(" font-size=\"") {
            Some((before, after)) => match after.split_once('"') {
                Some((_, after)) => format!("{before}{after}"),
                None => line.to_owned(),
            },
            None => line.to_owned(),
        });
    lines.collect()
}

/// An empty chart. Its axes are drawn by [`axes`], over what lies behind them.
fn frame<'a, 'b>(area: &'a Area<'b>, x: Range<f64>, y: Range<f64>) -> Drawn<Chart<'a, 'b>> {
    let chart = ChartBuilder::on(area)
        .margin(4)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(x, y)?;
    Ok(chart)
}

fn axes(chart: &mut Chart<'_, '_>, unit: &str) -> Drawn {
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(BLACK)
        .x_labels(8)
        .y_labels(3)
        .x_label_formatter(&|at| format!("{}{unit}", figure(*at)))
        .y_label_formatter(&|value| figure(*value))
        .draw()?;
    Ok(())
}

/// With as many decimals as it needs, two at most.
fn figure(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn lines_over_time(area: &Area<'_>, course: &Course, most: f64, lines: &[Line]) -> Drawn {
    let (seconds, top) = (course.length_us as f64 / 1e6, most * 1.1);
    let mut chart = frame(area, 0.0..seconds, 0.0..top)?;
    chart.draw_series(course.bands.iter().filter_map(|band| {
        let from = band.applied_us? as f64 / 1e6;
        let to = band.healed_us.map_or(seconds, |healed| healed as f64 / 1e6);
        // What is over in a moment is still to be seen.
        let to = to.max(from + seconds / 300.0);
        Some(Rectangle::new([(from, 0.0), (to, top)], BAND.filled()))
    }))?;
    axes(&mut chart, " s")?;
    let at = |step: f64| step * seconds / STEPS as f64;
    for line in lines {
        let style = line.colour.stroke_width(2);
        for run in unbroken(&line.values) {
            // A step alone is as wide as it is; a line through one point is not to be seen.
            let points: Vec<(f64, f64)> = match run.as_slice() {
                [(step, value)] => [0.0, 1.0]
                    .map(|end| (at(*step as f64 + end), *value))
                    .into(),
                run => run
                    .iter()
                    .map(|(step, value)| (at(*step as f64 + 0.5), *value))
                    .collect(),
            };
            chart.draw_series(LineSeries::new(points, style))?;
        }
    }
    Ok(())
}

/// Stretches of steps that have a value, each value with its step. What lies between two equal ones is left out: a line leads
/// through it.
fn unbroken(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = vec![Vec::new()];
    for (step, value) in values.iter().enumerate() {
        match value {
            Some(value) => runs.last_mut().expect("never empty").push((step, *value)),
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    let bends = |run: Vec<(usize, f64)>| {
        let last = run.len() - 1;
        let flat = |at: usize| run[at - 1].1 == run[at].1 && run[at].1 == run[at + 1].1;
        let kept = (0..=last).filter(|at| *at == 0 || *at == last || !flat(*at));
        kept.map(|at| run[at]).collect()
    };
    runs.into_iter().map(bends).collect()
}

/// Arrivals from left to right as they came; what came late is marked.
pub(super) fn strips(strips: &[Strip]) -> Markup {
    html! {
        @for strip in strips {
            @let late = strip.late.len();
            @let label = format!("key {}: places of {} of {} first deliveries as they came, {late} late", strip.key, strip.places.len(), strip.of);
            figure {
                figcaption { strong { "order" } ", " (label) }
                div role="img" aria-label=(label) { (PreEscaped(picture(|area| arrivals(area, strip)))) }
            }
        }
    }
}

fn arrivals(area: &Area<'_>, strip: &Strip) -> Drawn {
    let least = strip.places.iter().copied().min().unwrap_or(0);
    let most = strip.places.iter().copied().max().unwrap_or(0);
    let across = -0.5..strip.places.len() as f64 - 0.5;
    let mut chart = frame(area, across, least as f64 - 1.0..most as f64 + 1.0)?;
    axes(&mut chart, "")?;
    let at = |index: usize| (index as f64, strip.places[index] as f64);
    chart.draw_series(
        (0..strip.places.len()).map(|index| Circle::new(at(index), 2, BLUE.filled())),
    )?;
    chart.draw_series(
        strip
            .late
            .iter()
            .map(|index| Cross::new(at(*index), 5, ORANGE.stroke_width(2))),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_gap_where_nothing_was_seen() {
        let runs = unbroken(&[None, Some(1.0), Some(2.0), None, None, Some(3.0)]);
        assert_eq!(runs, [vec![(1, 1.0), (2, 2.0)], vec![(5, 3.0)]]);
    }

    #[test]
    fn a_figure_has_the_decimals_that_it_needs() {
        assert_eq!(
            [0.0, 10.0, 0.5, 0.300_000_1, 0.25].map(figure),
            ["0", "10", "0.5", "0.3", "0.25"]
        );
    }

    #[test]
    fn what_a_line_leads_through_is_not_written_down() {
        let runs = unbroken(&[0.0, 0.0, 0.0, 4.0, 4.0, 4.0, 4.0].map(Some));
        let kept: Vec<_> = runs.into_iter().flatten().map(|(step, _)| step).collect();
        assert_eq!(kept, [0, 2, 3, 6]);
    }
}
