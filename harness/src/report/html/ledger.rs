//! How many operations came how far, and what became of the others.

use maud::{Markup, html};

use super::table::table;
use crate::judge::course::Stage;

pub(super) fn ledger(stages: &[Stage]) -> Markup {
    if stages.is_empty() {
        return html! { p { "The run did not come to its end: there is no ledger." } };
    }
    let rows = html! {
        @for stage in stages {
            tr {
                th scope="row" { (stage.name) }
                td class="number" { (stage.count) }
                td { (others(stage)) }
            }
        }
    };
    let caption = "Ledger: operations from their request to their effect";
    table(caption, &["station", "operations", "the others"], &rows)
}

fn others(stage: &Stage) -> String {
    let others = stage.because.iter();
    let others: Vec<String> = others
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    others.join("; ")
}
