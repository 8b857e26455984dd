//! What hours of load and faults have shown.

use std::path::Path;

use serde_json::json;

use super::{ReportError, write};
use crate::{
    history::Footprint,
    judge::{
        bite::BIT,
        summary::RunSummary,
        verdict::{Finding, Verdict},
    },
    run::soak::Window,
};

/// How many faults have met something.
fn bit(summary: &RunSummary) -> u64 {
    let mut findings = summary.findings.iter();
    let counted = findings.find_map(|found| found.counts.get(BIT));
    counted.copied().unwrap_or(0)
}

fn planned(summary: &RunSummary) -> usize {
    let scenario = summary.scenario.as_ref();
    scenario.map_or(0, |story| story.faults.len())
}

/// A line of one window, and what is against it.
pub fn window(window: &Window) -> String {
    let summary = &window.summary;
    let against: Vec<String> = window
        .against()
        .map(|found| format!("\n         {}: {}", found.checker, found.reason))
        .collect();
    // What is looked at in the end alone is not there yet.
    let shown = |finding: &&Finding| finding.verdict != Verdict::Vacuous;
    let findings = &summary.findings;
    let verdict = Verdict::worst(findings.iter().filter(shown).map(|one| one.verdict));
    let unseen = findings.iter().filter(|finding| !shown(finding));
    let yet: Vec<&str> = unseen.map(|finding| finding.checker.as_str()).collect();
    let yet = match yet.is_empty() {
        true => String::new(),
        false => format!("; not judged yet: {}", yet.join(", ")),
    };
    format!(
        "{:8} window {:3}  {:7.1} s  {} requests, {} of {} faults bit, at rest after {} ms{yet}{}",
        verdict.to_string(),
        window.number,
        summary.duration_ms as f64 / 1_000.0,
        window.requests,
        bit(summary),
        planned(summary),
        window.rest_ms,
        against.concat()
    )
}

/// All of it: the verdict, what is against it, what was counted, what processes held.
pub fn soaked(summary: &RunSummary) -> String {
    let mut text = format!(
        "{}  {:.1} min; {} of {} faults bit\n",
        summary.verdict,
        summary.duration_ms as f64 / 60_000.0,
        bit(summary),
        planned(summary)
    );
    for found in &summary.findings {
        let counts: Vec<String> = found
            .counts
            .iter()
            .map(|(what, n)| format!("{what} {n}"))
            .collect();
        text.push_str(&format!(
            "  {:8} {:12} {}\n",
            found.verdict.to_string(),
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
    for (process, held) in &summary.metrics.held {
        let (first, last) = (held.first, held.last);
        let mib = |held: Footprint| held.resident_kb as f64 / 1_024.0;
        text.push_str(&format!(
            "  {process:12} {:.1} -> {:.1} MiB, {} -> {} open files, {} -> {} threads, from the first of {} looks to the last\n",
            mib(first),
            mib(last),
            first.descriptors,
            last.descriptors,
            first.threads,
            last.threads,
            held.looks
        ));
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
