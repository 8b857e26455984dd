//! A table that scrolls by itself where the page is narrower.

use maud::{Markup, html};

/// The rows stand under these heads.
pub(super) fn table(caption: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div class="wide" tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// Two columns of what the rows are, and then one a checker.
pub(super) fn by_checkers(heads: [&str; 2], checkers: &[&str], rows: &Markup) -> Markup {
    html! {
        div class="wide" tabindex="0" role="region" aria-label={ (heads[0]) " by checkers" } {
            table class="grid" {
                thead {
                    tr {
                        @for head in heads { th scope="col" { (head) } }
                        @for checker in checkers { th scope="col" class="up" { span { (checker) } } }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}
