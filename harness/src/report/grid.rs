//! Rows of cells under heads, for the terminal and in Markdown, and the middle of what they took.

use comfy_table::{ContentArrangement, Table};

/// As a table for the terminal.
pub(super) fn plain<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    columns: Option<u16>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::ASCII_BORDERS_ONLY_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(columns.unwrap_or(140))
        .set_header(heads)
        .add_rows(rows);
    table.trim_fmt()
}

/// As a table in Markdown; the columns `code` are code.
pub(super) fn markdown<const N: usize>(
    heads: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    code: &[usize],
) -> String {
    let line = |cells: [String; N]| {
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(heads.map(str::to_owned)) + &line(heads.map(|_| "---".to_owned()));
    for mut row in rows {
        for at in code {
            row[*at] = format!("`{}`", row[*at]);
        }
        text.push_str(&line(row));
    }
    text
}

/// The middle of what took any time: what took none was never tried.
pub(super) fn median(took: impl Iterator<Item = f64>) -> Option<f64> {
    let mut took: Vec<f64> = took.filter(|one| *one > 0.0).collect();
    took.sort_by(f64::total_cmp);
    took.get(took.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_tried_is_not_in_the_middle() {
        let median = |took: &[f64]| median(took.iter().copied());
        assert_eq!(median(&[0.0, 0.0, 0.0, 7.0, 5.0, 9.0]), Some(7.0));
        assert_eq!(median(&[0.0]), None);
    }

    #[test]
    fn nothing_in_a_cell_ends_it() {
        let row = ["a|b".to_owned(), "c".to_owned()];
        let text = markdown(["one", "other"], [row], &[1]);
        assert_eq!(text, "| one | other |\n| --- | --- |\n| a\\|b | `c` |\n");
    }
}
