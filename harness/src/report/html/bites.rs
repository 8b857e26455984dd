//! Each fault: when it was due, in place, and gone, and what it did meanwhile.

use maud::{Markup, html};

use super::table::table;
use crate::judge::course::Band;

pub(super) fn bites(bands: &[Band]) -> Markup {
    if bands.is_empty() {
        return html! { p { "Nothing was broken." } };
    }
    let rows = html! {
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
    };
    let heads = ["#", "fault", "due", "in place", "gone", "what it did"];
    table("Faults", &heads, &rows)
}

fn at(us: Option<u64>) -> String {
    us.map_or("–".to_owned(), |us| format!("{:.3} s", us as f64 / 1e6))
}

fn did(band: &Band) -> String {
    if let Some(why) = &band.failed {
        return format!("never came to be: {why}");
    }
    let bites: Vec<String> = band
        .bites
        .iter()
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    match bites.is_empty() {
        true => "nothing".to_owned(),
        false => bites.join(", "),
    }
}
