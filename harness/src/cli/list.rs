//! `lab list`.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};

use super::{Scenarios, Usage, say};
use crate::{ask::seed, explore::property, explore::suite, judge::facts, os::terminal::columns};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenarios: Scenarios,
    /// List the facts that `[bites]` and `[expect]` can compare, instead.
    #[arg(long)]
    facts: bool,
}

pub(super) fn list(args: &Args) -> Result<u8> {
    let mut rows: Vec<[String; 2]> = Vec::new();
    if args.facts {
        let facts = facts::names();
        rows.extend(facts.map(|(name, meaning)| [name.to_owned(), meaning.to_owned()]));
    } else {
        let cases = suite::cases(&args.scenarios.folder).map_err(Usage::because)?;
        rows.extend(
            cases
                .into_iter()
                .map(|case| [case.name, case.scenario.story]),
        );
        // Each seed draws others; their story is the same.
        let drawn = property::scenarios(seed::fresh()).into_iter();
        rows.extend(drawn.map(|(name, scenario)| [name, scenario.story]));
    }
    say(shown(rows, columns()));
    Ok(0)
}

/// A line each for programs, and for people as wide as their terminal.
pub(super) fn shown<const N: usize>(
    rows: impl IntoIterator<Item = [String; N]>,
    columns: Option<u16>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if let Some(columns) = columns {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns);
    }
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_stand_in_columns_and_a_program_gets_a_line_each() {
        let long = "word ".repeat(60);
        let rows = vec![
            ["short".to_owned(), "one".to_owned()],
            ["a/much_longer_name".to_owned(), long.trim().to_owned()],
        ];
        let text = shown(rows.clone(), None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].find("one"), lines[1].find("word"));
        let narrow = shown(rows, Some(60));
        assert!(narrow.lines().count() > 5);
        assert!(narrow.lines().all(|line| line.len() <= 60), "{narrow}");
    }
}
