//! How many operations came how far, and what became of the others.

use maud::{Markup, html};

use crate::judge::course::Stage;

pub(super) fn ledger(stages: &[Stage]) -> Markup {
    if stages.is_empty() {
        return html! { p { "The run did not come to its end: there is no ledger." } };
    }
    html! {
        div class="wide" tabindex="0" role="region" aria-label="ledger" {
            table {
                caption { "Ledger: operations from their request to their effect" }
                thead {
                    tr {
                        th scope="col" { "station" }
                        th scope="col" { "operations" }
                        th scope="col" { "the others" }
                    }
                }
                tbody {
                    @for stage in stages {
                        tr {
                            th scope="row" { (stage.name) }
                            td class="number" { (stage.count) }
                            td { (others(stage)) }
                        }
                    }
                }
            }
        }
    }
}

fn others(stage: &Stage) -> String {
    let others = stage.because.iter();
    let others: Vec<String> = others
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    others.join("; ")
}
