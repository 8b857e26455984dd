//! What hours of load and faults have shown.

use std::path::Path;

use serde_json::json;

use super::{ReportError, write};
use crate::{
    judge::{summary::RunSummary, verdict::Verdict},
    run::soak::Window,
};

/// What of a fault that shows nothing the checker `bite` counts.
const SHOWN_NOTHING: [&str; 3] = [
    "faults that failed",
    "faults never applied",
    "faults that did not bite",
];

/// How many faults have met something.
pub fn bit(summary: &RunSummary) -> u64 {
    let all = summary
        .scenario
        .as_ref()
        .map_or(0, |story| story.faults.len());
    let bite = summary
        .findings
        .iter()
        .find(|found| found.checker == "bite");
    let not = bite.map_or(0, |bite| {
        let counted = SHOWN_NOTHING
            .iter()
            .filter_map(|what| bite.counts.get(*what));
        counted.sum()
    });
    (all as u64).saturating_sub(not)
}

/// A line of one window, and what is against it.
pub fn window(window: &Window) -> String {
    let summary = &window.summary;
    let against: Vec<String> = window
        .against()
        .map(|found| format!("\n         {}: {}", found.checker, found.reason))
        .collect();
    let word = match against.as_slice() {
        [] => Verdict::Pass,
        _ => summary.verdict,
    };
    let faults = summary
        .scenario
        .as_ref()
        .map_or(0, |story| story.faults.len());
    format!(
        "{:8} window {:3}  {:7.1} s  {} requests, {} of {faults} faults bit, at rest after {} ms{}",
        word.to_string(),
        window.number,
        summary.duration_ms as f64 / 1_000.0,
        window.requests,
        bit(summary),
        window.rest_ms,
        against.concat()
    )
}

/// All of it: the verdict, what is against it, what was counted, what processes held.
pub fn soaked(summary: &RunSummary) -> String {
    let faults = summary
        .scenario
        .as_ref()
        .map_or(0, |story| story.faults.len());
    let bit = bit(summary);
    let verdict = match summary.verdict {
        Verdict::Vacuous if bit > 0 => Verdict::Pass,
        verdict => verdict,
    };
    let mut text = format!(
        "{verdict}  {:.1} min; {bit} of {faults} faults bit\n",
        summary.duration_ms as f64 / 60_000.0
    );
    for found in &summary.findings {
        let counts: Vec<String> = found
            .counts
            .iter()
            .map(|(what, n)| format!("{what} {n}"))
            .collect();
        let word = match found.verdict {
            Verdict::Vacuous if found.checker == "bite" && bit > 0 => Verdict::Pass,
            verdict => verdict,
        };
        text.push_str(&format!(
            "  {:8} {:12} {}\n",
            word.to_string(),
            found.checker,
            counts.join(", ")
        ));
        if matches!(found.verdict, Verdict::Fail | Verdict::Error) {
            found
                .examples
                .iter()
                .for_each(|example| text.push_str(&format!("           {example}\n")));
        }
    }
    for missing in &summary.not_judged {
        text.push_str(&format!(
            "  not judged: {}; {}\n",
            missing.checker, missing.why
        ));
    }
    text.push_str(&format!(
        "\nfiles  {}\nagain  {}\n",
        summary.folder.display(),
        summary.repeat_command
    ));
    text
}

/// The same for machines.
pub fn write_soaked(path: &Path, summary: &RunSummary) -> Result<(), ReportError> {
    let value = json!({ "bit": bit(summary), "run": summary });
    write(path, &serde_json::to_string_pretty(&value)?)
}
