//! The table for the terminal.

use std::fmt::Write;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

use super::{
    Account, Followed,
    left_out::{not_judged, not_run},
    repeats::repeats,
};
use crate::judge::summary::{RunSummary, seconds};
use crate::judge::verdict::Verdict;

/// Characters; wide enough for a paragraph, narrow enough for a terminal beside an editor.
const WIDTH: u16 = 110;
/// With fewer there is no room for what bit; it was said when each run ended.
pub(crate) const ROOM_FOR_BITES: u16 = 90;

/// One row a run and one for each story that was not run; then why not, and for each run that is not a pass why, where its
/// files are, and how to run it again.
///
/// `coloured` only where a person watches, whose terminal may be narrower, `columns`; without it the text is plain, for logs
/// and files.
pub fn table(account: &Account, coloured: bool, columns: Option<u16>) -> String {
    if let Some(why) = &account.not_set_up {
        let (target, stories) = (&account.target, account.not_run.len());
        return format!("{target} could not be set up: {why}\n{stories} stories were not run\n");
    }
    let runs = &account.runs[..];
    let width = columns.map_or(WIDTH, |columns| columns.min(WIDTH));
    let room = width >= ROOM_FOR_BITES;
    let row = |name: &str, verdict: &str, bit: String, recovery: &str, took: &str| {
        let bit = room.then_some(bit);
        let before = [name.to_owned(), verdict.to_owned()].into_iter();
        let after = [recovery.to_owned(), took.to_owned()];
        before.chain(bit).chain(after).collect::<Vec<_>>()
    };
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::ASCII_BORDERS_ONLY_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(row(
            "scenario",
            "verdict",
            "bit".to_owned(),
            "recovery",
            "took",
        ));
    for run in runs {
        table.add_row(row(
            &run.name,
            &run.verdict.to_string(),
            run.bites.join(", "),
            &run.recovery(),
            &seconds(run.duration_ms),
        ));
    }
    for not in &account.not_run {
        table.add_row(row(&not.name, "not run", String::new(), "-", "-"));
    }
    // Only the list of bites may wrap.
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_constraint(match number {
            2 if room => ColumnConstraint::UpperBoundary(Width::Fixed(48)),
            _ => ColumnConstraint::ContentWidth,
        });
    }
    let mut text = table.trim_fmt();
    if coloured {
        text = colour_verdicts(&text);
    }
    text.push('\n');
    if let Some(repeats) = repeats(runs, columns) {
        text.push_str(&format!("\n{repeats}"));
    }
    if let Some(followed) = Followed::of(runs) {
        text.push_str(&format!("\n{followed}\n"));
    }
    if let Some(unmet) = &account.unmet {
        text.push_str(&format!("\nvacuous: {unmet}\n"));
    }
    let left_out = not_run(&account.not_run).into_iter();
    for said in left_out.chain(not_judged(runs)) {
        text.push_str(&format!("\n{said}\n"));
    }
    for run in runs.iter().filter(|run| run.verdict != Verdict::Pass) {
        explain(&mut text, run, coloured).expect("a String takes everything");
    }
    text
}

fn explain(text: &mut String, run: &RunSummary, coloured: bool) -> std::fmt::Result {
    let verdict = match coloured {
        true => paint(run.verdict),
        false => run.verdict.to_string(),
    };
    writeln!(text, "\n{verdict} {}: {}", run.name, run.reason)?;
    let worst = run
        .findings
        .iter()
        .filter(|finding| finding.verdict == run.verdict);
    for example in worst.flat_map(|finding| finding.examples.iter().take(2)) {
        // Sentences that are their own example are not said twice.
        if !run.reason.ends_with(example.as_str()) {
            writeln!(text, "  e.g.   {example}")?;
        }
    }
    writeln!(text, "  files  {}", run.folder.display())?;
    writeln!(text, "  again  {}", run.repeat_command)
}

/// Colours the verdict's column once the layout is done: colour codes would count as width.
fn colour_verdicts(text: &str) -> String {
    const ALL: [Verdict; 5] = [
        Verdict::Pass,
        Verdict::Vacuous,
        Verdict::Unknown,
        Verdict::Fail,
        Verdict::Error,
    ];
    let Some(column) = text.lines().find_map(|line| line.find("verdict")) else {
        return text.to_owned();
    };
    let colour = |line: &str| {
        let cell = line.get(column..)?;
        let verdict = ALL
            .into_iter()
            .find(|verdict| cell.starts_with(&verdict.to_string()))?;
        let rest = &cell[verdict.to_string().len()..];
        Some(format!("{}{}{rest}", &line[..column], paint(verdict)))
    };
    let lines = text
        .lines()
        .map(|line| colour(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

fn paint(verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Pass => 32,
        Verdict::Fail | Verdict::Error => 31,
        Verdict::Unknown | Verdict::Vacuous => 33,
    };
    format!("\u{1b}[{colour}m{verdict}\u{1b}[0m")
}
