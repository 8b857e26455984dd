//! What a sweep saw and found: a list of messages, and message by way.

mod summary;

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;

use super::{ReportError, write};
use crate::{
    explore::sweep::{Cell, Known, Outcome, Reach, Swept, WAYS, Way, ways},
    judge::summary::seconds,
};

/// As wide as the other tables.
const WIDTH: usize = 110;
/// A way's column.
const COLUMN: usize = 8;
/// The least that shows which message it is.
const LABEL: usize = 24;

/// The kinds of messages, by edge.
pub fn list(kinds: &[Known], columns: Option<u16>) -> String {
    let room = width(columns).saturating_sub(44).max(LABEL);
    let mut text = String::new();
    for (edge, kinds) in by_edge(kinds.iter().enumerate()) {
        text.push_str(&format!("\n{edge}\n"));
        for (_, known) in kinds {
            let ways = ways(known.kind.event).count();
            let line = format!(
                "  {} {:>6}x  {} ways, {}",
                padded(&label(known), room),
                known.seen,
                ways,
                known.reach.told()
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    let cases: usize = kinds
        .iter()
        .map(|known| ways(known.kind.event).count())
        .sum();
    let (count, edges) = (kinds.len(), by_edge(kinds.iter().enumerate()).len());
    text.push_str(&format!(
        "\n{count} kinds of messages on {edges} edges; {cases} cases\n"
    ));
    text
}

/// A row for each message, a column for each way; then what was red and what repeats it.
pub fn table(swept: &Swept, coloured: bool, columns: Option<u16>) -> String {
    let used = used(swept);
    let room = width(columns)
        .saturating_sub(2 + COLUMN * used.len())
        .max(LABEL);
    let cells = cells(swept);
    let mut text = String::new();
    for (edge, kinds) in by_edge(swept.kinds.iter().enumerate()) {
        let heads = used.iter().map(|way| padded(way.name, COLUMN));
        let heads: String = heads.collect();
        text.push_str(&format!("\n{} {heads}\n", padded(edge, room + 1)).replace(" \n", "\n"));
        for (index, known) in kinds {
            let row = used.iter().map(|way| {
                let cell = cells.get(&(index, *way)).map(|cell| &cell.outcome);
                let word = padded(&word(known, cell), COLUMN);
                if coloured { paint(cell, &word) } else { word }
            });
            let row: String = row.collect();
            text.push_str(&format!("  {} {row}", padded(&label(known), room - 1)));
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    text.push_str(&below(swept));
    text
}

/// The table as Markdown, once in few rows and once whole: equal results make equal tables.
pub fn matrix(title: &str, swept: &Swept) -> String {
    format!(
        "{}\n{}; {}.\n\n<details><summary>each kind</summary>\n\n{}\n</details>\n",
        summary::summary(title, swept),
        summary::LEGEND,
        total(swept),
        whole(title, swept)
    )
}

/// A row for each kind.
fn whole(title: &str, swept: &Swept) -> String {
    let used = used(swept);
    let cells = cells(swept);
    let heads: Vec<&str> = used.iter().map(|way| way.deed).collect();
    let mut text = format!("| {title} | Message | {} |\n", heads.join(" | "));
    text.push_str(&format!("|{}\n", " --- |".repeat(used.len() + 2)));
    for (index, known) in swept.kinds.iter().enumerate() {
        let row: Vec<String> = used
            .iter()
            .map(|way| word(known, cells.get(&(index, *way)).map(|cell| &cell.outcome)))
            .collect();
        let said = known.kind.fingerprint.replace('|', "\\|").replace('`', "'");
        let said = match said.is_empty() {
            true => String::new(),
            false => format!(" `{said}`"),
        };
        text.push_str(&format!(
            "| {} | {}{said} | {} |\n",
            known.kind.edge,
            known.kind.event.name(),
            row.join(" | ")
        ));
    }
    text.push_str(&format!("\n{LEGEND}\n"));
    text
}

const LEGEND: &str = "miss: its message never came; tog.: red with others, and not alone; once: red alone, and then not; left: no time was left; end: it comes only when nothing is broken any more; –: not legal there";

/// Writes the Markdown.
pub fn write_matrix(path: &Path, title: &str, swept: &Swept) -> Result<(), ReportError> {
    write(path, &matrix(title, swept))
}

/// Writes all that was found.
pub fn write_json(path: &Path, swept: &Swept) -> Result<(), ReportError> {
    write(path, &(serde_json::to_string_pretty(swept)? + "\n"))
}

/// Writes what passed.
pub fn write_kinds(path: &Path, kinds: &[Known]) -> Result<(), ReportError> {
    #[derive(Serialize)]
    struct Seen<'k> {
        kinds: &'k [Known],
    }
    write(
        path,
        &(serde_json::to_string_pretty(&Seen { kinds })? + "\n"),
    )
}

fn width(columns: Option<u16>) -> usize {
    columns.map_or(WIDTH, |columns| usize::from(columns).clamp(60, 160))
}

fn by_edge<'k>(
    kinds: impl Iterator<Item = (usize, &'k Known)>,
) -> BTreeMap<&'k str, Vec<(usize, &'k Known)>> {
    let mut by: BTreeMap<&str, Vec<(usize, &Known)>> = BTreeMap::new();
    for (index, known) in kinds {
        by.entry(&known.kind.edge).or_default().push((index, known));
    }
    by
}

fn cells(swept: &Swept) -> BTreeMap<(usize, Way), &Cell> {
    let cells = swept.cells.iter();
    cells.map(|cell| ((cell.kind, cell.way), cell)).collect()
}

/// The ways that are legal at any of the messages.
fn used(swept: &Swept) -> Vec<Way> {
    let legal = |way: &Way| {
        swept
            .kinds
            .iter()
            .any(|known| way.is_legal(known.kind.event))
    };
    WAYS.into_iter().filter(legal).collect()
}

fn label(known: &Known) -> String {
    format!("{} {}", known.kind.event.name(), known.kind.fingerprint)
}

/// In exactly so many characters.
fn padded(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return format!("{text:room$}");
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn word(known: &Known, outcome: Option<&Outcome>) -> String {
    match outcome {
        None if known.reach == Reach::Last => "end".to_owned(),
        None => "–".to_owned(),
        Some(Outcome::LeftOut) => "left".to_owned(),
        Some(Outcome::NotReached) => "miss".to_owned(),
        Some(Outcome::Pass { times: 1 }) => "pass".to_owned(),
        Some(Outcome::Pass { times }) => format!("pass {times}"),
        Some(Outcome::Together { .. }) => "tog.".to_owned(),
        Some(Outcome::Once { .. }) => "once".to_owned(),
        Some(Outcome::Red { .. }) => "FAIL".to_owned(),
    }
}

fn paint(outcome: Option<&Outcome>, word: &str) -> String {
    let colour = match outcome {
        None => return word.to_owned(),
        Some(Outcome::Pass { .. }) => 32,
        Some(Outcome::LeftOut | Outcome::NotReached) => 33,
        Some(Outcome::Together { .. } | Outcome::Once { .. } | Outcome::Red { .. }) => 31,
    };
    format!("\u{1b}[{colour}m{word}\u{1b}[0m")
}

fn below(swept: &Swept) -> String {
    let mut text = format!("\n{LEGEND}\n");
    for red in &swept.reds {
        let verdict = if red.twice { "FAIL" } else { "once" };
        text.push_str(&format!(
            "\n{verdict} {}\n  {}\n  file   {}\n  again  {}\n",
            red.told,
            red.why,
            red.file.display(),
            red.again
        ));
    }
    let mut together: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for cell in &swept.cells {
        if let Outcome::Together { why } = &cell.outcome {
            together.entry(why).or_default().push(cell.case.told());
        }
    }
    for (why, cases) in together {
        text.push_str(&format!("\nred together, not alone: {why}\n"));
        cases
            .iter()
            .for_each(|case| text.push_str(&format!("  {case}\n")));
    }
    for why in &swept.broken {
        text.push_str(&format!("\na run in which no message was struck: {why}\n"));
    }
    text.push_str(&format!("\n{}, {}\n", total(swept), seconds(swept.took_ms)));
    text
}

/// How many cases, and what became of them.
fn total(swept: &Swept) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in &swept.cells {
        *counts.entry(cell.outcome.name()).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    format!(
        "{} kinds of messages, {} cases: {}; {} messages cut in {} runs",
        swept.kinds.len(),
        swept.cells.len(),
        counts.join(", "),
        swept.cuts,
        swept.runs,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ask::wire::Event, explore::sweep::Kind};

    fn known(event: Event, fingerprint: &str, reach: Reach) -> Known {
        Known {
            kind: Kind {
                edge: "relay -> rabbitmq".to_owned(),
                event,
                fingerprint: fingerprint.to_owned(),
            },
            seen: 7,
            first_ms: 1,
            last_ms: 2,
            reach,
        }
    }

    fn swept() -> Swept {
        let kinds = vec![
            known(Event::Confirm, "shop|events", Reach::Flows),
            known(Event::Close, "", Reach::Last),
        ];
        Swept {
            kinds,
            cells: Vec::new(),
            reds: Vec::new(),
            broken: Vec::new(),
            runs: 0,
            cuts: 0,
            took_ms: 1_500,
        }
    }

    #[test]
    fn what_was_not_cut_is_never_green() {
        let table = table(&swept(), false, Some(100));
        assert!(!table.contains("pass"), "{table}");
        assert!(
            table.contains("close") && table.contains(" end "),
            "{table}"
        );
        assert!(
            table.lines().all(|line| line.chars().count() <= 240),
            "{table}"
        );
    }

    #[test]
    fn a_fingerprint_ends_no_cell_and_the_list_says_how_a_message_comes() {
        let matrix = whole("shop", &swept());
        assert!(matrix.contains("confirm `shop\\|events`"), "{matrix}");
        let heads = matrix.lines().next().unwrap().matches('|').count();
        let row = matrix.lines().nth(2).unwrap().replace("\\|", "");
        assert_eq!(row.matches('|').count(), heads);
        let list = list(&swept().kinds, Some(100));
        assert!(
            list.contains("all the time") && list.contains("2 kinds of messages on 1 edges; "),
            "{list}"
        );
    }
}
