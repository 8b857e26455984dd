//! What several runs of one story have measured together.

use maud::{Markup, html};

use super::table::table;
use crate::{
    judge::summary::RunSummary,
    report::repeats::{HEADS, MEANING, Repeats},
};

/// Nothing where no story was run more than once.
pub(super) fn repeats(runs: &[RunSummary]) -> Markup {
    let all = Repeats::of(runs);
    if all.is_empty() {
        return html! {};
    }
    let rows = html! {
        @for story in &all {
            tr { @for cell in story.cells() { td { (cell) } } }
        }
    };
    html! {
        section {
            h2 { "Recovery and order over repeats" }
            (table("Means, with their 95 % confidence intervals", &HEADS, &rows))
            p class="note" { (MEANING) }
        }
    }
}
