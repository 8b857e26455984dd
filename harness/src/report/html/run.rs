//! One run: what was found, what was broken, and what happened over its time.

use maud::{Markup, html};

use super::{Shown, bites::bites, chart, lives::lives, mark, stations::stations, table::table};
use crate::{
    judge::{
        metrics::Took,
        summary::{RunSummary, seconds},
        verdict::Verdict,
    },
    report::{repeats::told, sequence::draw},
};

pub(super) fn run(shown: &Shown<'_>, several: bool) -> Markup {
    let run = shown.run;
    let red = run.verdict != Verdict::Pass;
    html! {
        details class="run" id=(shown.anchor()) open[red] {
            summary {
                (mark(run.verdict)) " " strong { (run.name) }
                @if several { " of " (run.target) }
                span class="about" { " " (seconds(run.duration_ms)) ", seed " (run.seed) }
            }
            @if let Some(scenario) = &run.scenario { p class="story" { (scenario.story) } }
            @if !red { p { (run.reason) } }
            (found(run))
            (looked_at(run))
            @if shown.drawn && run.course.length_us > 0 { (seen(run)) }
            @for (op, steps) in &run.course.trails {
                figure {
                    figcaption { "The way of operation " code { (op) } }
                    pre class="wide" tabindex="0" { (draw(steps)) }
                }
            }
            p { "Again: " code { (run.repeat_command) } }
            @if red { p { "Files: " code { (run.folder.display()) } } }
        }
    }
}

/// What the history shows.
fn seen(run: &RunSummary) -> Markup {
    let course = &run.course;
    html! {
        (bites(&course.bands))
        (chart::course(course))
        (lives(course))
        @for (at_us, process, status) in &course.deaths {
            p { (process) ", seen at " (seconds(at_us / 1_000)) ": " (status) }
        }
        (recovery(run))
        (chart::strips(&course.strips))
        (stations(&course.stations))
    }
}

/// Everything that is not a pass, with its counterexamples. Sentences that are their own example are not said twice.
fn found(run: &RunSummary) -> Markup {
    let red = run
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Pass);
    html! {
        ul class="found" {
            @for finding in red {
                li {
                    (mark(finding.verdict)) " " strong { (finding.checker) } ": " (finding.reason)
                    ul {
                        @for example in finding.examples.iter().filter(|said| !finding.reason.ends_with(*said)) {
                            li { (example) }
                        }
                    }
                }
            }
        }
    }
}

/// What each checker that passed has looked at, and why others could not.
fn looked_at(run: &RunSummary) -> Markup {
    let passed = run.findings.iter();
    let passed = passed.filter(|finding| finding.verdict == Verdict::Pass);
    html! {
        details {
            summary { "What each checker looked at" }
            ul {
                @for finding in passed {
                    li {
                        strong { (finding.checker) } ": " (finding.reason)
                        @for (what, count) in &finding.counts { ", " (count) " " (what) }
                    }
                }
                @for not in &run.not_judged { li { strong { (not.checker) } ": not judged; " (not.why) } }
            }
        }
    }
}

fn recovery(run: &RunSummary) -> Markup {
    let Some(recovery) = &run.metrics.recovery else {
        return html! {};
    };
    let rows = [
        (
            "detection",
            recovery.detection,
            "from the first strike to the first answer that told a client nothing",
        ),
        (
            "longest gap",
            Some(recovery.longest_gap),
            "something was asked for and nothing accepted",
        ),
        (
            "downtime",
            Some(recovery.downtime),
            "from the first answer that told a client nothing to the last",
        ),
        (
            "first success",
            recovery.first_success,
            "from the last heal to an answer of yes",
        ),
        (
            "drain",
            recovery.drain,
            "until all that a fault had held up was published and applied",
        ),
    ];
    let rows = html! {
        @for (name, took, meaning) in rows {
            tr {
                th scope="row" { (name) }
                td class="number" { (took.map_or("–".to_owned(), time)) }
                td { (meaning) }
            }
        }
    };
    table("Recovery", &["time", "took", "what it is"], &rows)
}

fn time(took: Took) -> String {
    match took {
        Took::Ms(_) => told(took),
        Took::MoreThanMs(_) => format!("{}, when the run ended", told(took)),
    }
}
