//! Each fault: when it was due, in place, and gone, and what it did meanwhile.

use maud::{Markup, html};

use crate::judge::course::Band;

pub(super) fn bites(bands: &[Band]) -> Markup {
    if bands.is_empty() {
        return html! { p { "Nothing was broken." } };
    }
    html! {
        div class="wide" tabindex="0" role="region" aria-label="faults" {
            table {
                caption { "Faults" }
                thead {
                    tr {
                        @for head in ["#", "fault", "due", "in place", "gone", "what it did"] {
                            th scope="col" { (head) }
                        }
                    }
                }
                tbody {
                    @for (number, band) in bands.iter().enumerate() {
                        tr {
                            td class="number" { (number + 1) }
                            th scope="row" { (band.on) ": " (band.action) }
                            td class="number" { (at(band.asked_us)) }
                            td class="number" { (at(band.applied_us)) }
                            td class="number" { (at(band.healed_us)) }
                            td { (did(band)) }
                        }
                    }
                }
            }
        }
    }
}

fn at(us: Option<u64>) -> String {
    us.map_or("–".to_owned(), |us| format!("{:.3} s", us as f64 / 1e6))
}

fn did(band: &Band) -> String {
    if let Some(why) = &band.failed {
        return format!("never came to be: {why}");
    }
    let bites = band.bites.iter().filter(|(_, count)| **count > 0);
    let bites: Vec<String> = bites
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    match bites.is_empty() {
        true => "nothing".to_owned(),
        false => bites.join(", "),
    }
}
