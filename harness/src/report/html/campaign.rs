//! Faults by checkers: what each checker said of all runs with a fault.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::{Shown, sign, table::by_checkers};
use crate::{
    ask::scenario::Fault,
    judge::{check, verdict::Verdict},
};

/// Of one fault, wherever its numbers differ.
#[derive(Default)]
struct Row {
    runs: usize,
    /// In so many of them it did something.
    bit: usize,
    /// What each checker said, how often.
    said: BTreeMap<&'static str, BTreeMap<Verdict, usize>>,
}

/// Nothing of few stories: what became of each is in their own matrix.
pub(super) fn campaign(runs: &[&Shown<'_>]) -> Markup {
    let rows = rows(runs);
    let stories: BTreeSet<&str> = runs.iter().map(|shown| shown.run.name.as_str()).collect();
    if stories.len() < 2 || rows.is_empty() {
        return html! {};
    }
    let checkers: Vec<&str> = check::names()
        .filter(|name| rows.values().any(|row| row.said.contains_key(name)))
        .collect();
    html! {
        details {
            summary { "Faults by checkers, over all runs" }
            p class="note" { "In how many runs with the fault the checker passed; else the worst that it said, and how often. A story may have several faults." }
            (by_checkers(["fault", "bit"], &checkers, &html! {
                @for (fault, row) in &rows {
                    tr {
                        th scope="row" { (fault) }
                        td class="number" { (row.bit) " of " (row.runs) }
                        @for checker in &checkers { (cell(row.said.get(checker))) }
                    }
                }
            }))
        }
    }
}

fn rows(runs: &[&Shown<'_>]) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for shown in runs {
        let run = shown.run;
        let faults = run.scenario.iter().flat_map(|scenario| &scenario.faults);
        let mut kinds: BTreeMap<String, bool> = BTreeMap::new();
        for (index, fault) in faults.enumerate() {
            let band = run.course.bands.get(index);
            let bit = band.is_some_and(|band| band.bites.values().any(|count| *count > 0));
            *kinds.entry(kind(fault)).or_default() |= bit;
        }
        for (kind, bit) in kinds {
            let row = rows.entry(kind).or_default();
            row.runs += 1;
            row.bit += usize::from(bit);
            for checker in check::names() {
                let mut findings = run.findings.iter();
                if let Some(finding) = findings.find(|finding| finding.checker == checker) {
                    let said = row.said.entry(checker).or_default();
                    *said.entry(finding.verdict).or_default() += 1;
                }
            }
        }
    }
    rows
}

/// The same fault at whichever of several processes, and however strong.
fn kind(fault: &Fault) -> String {
    let plain = |text: &str| {
        let words = text.split_whitespace();
        let words = words.filter(|word| !word.starts_with(|sign: char| sign.is_ascii_digit()));
        words.collect::<Vec<_>>().join(" ")
    };
    format!("{}: {}", plain(fault.on()), plain(&fault.action))
}

fn cell(said: Option<&BTreeMap<Verdict, usize>>) -> Markup {
    let Some((worst, count)) = said.and_then(|said| said.last_key_value()) else {
        return html! { td class="cell none" { "–" } };
    };
    html! {
        td class={ "cell " (worst) } {
            @if *worst == Verdict::Pass { (count) } @else { (sign(*worst)) " " (count) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        kind(&toml::from_str(text).expect("a fault"))
    }

    #[test]
    fn faults_that_differ_in_numbers_alone_are_one_kind() {
        let one = of("edge = 'relay 2 -> rabbitmq'\ndo = 'latency 50ms jitter 10ms'");
        let other = of("edge = 'relay -> rabbitmq'\ndo = 'latency 6s jitter 1s'");
        assert_eq!(one, "relay -> rabbitmq: latency jitter");
        assert_eq!(one, other);
        assert_ne!(
            one,
            of("edge = 'relay -> postgres'\ndo = 'latency 50ms jitter 10ms'")
        );
    }
}
