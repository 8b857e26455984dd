//! How many operations came how far, and what became of the others.

use maud::{Markup, html};

use super::table::table;
use crate::judge::course::Station;

pub(super) fn stations(stations: &[Station]) -> Markup {
    if stations.is_empty() {
        return html! { p { "The run did not come to its end: how far operations came is not known." } };
    }
    let rows = html! {
        @for station in stations {
            tr {
                th scope="row" { (station.name) }
                td class="number" { (station.count) }
                td { (others(station)) }
            }
        }
    };
    let caption = "Stations: how far operations came, from their request to their effect";
    table(caption, &["station", "operations", "the others"], &rows)
}

fn others(station: &Station) -> String {
    let others = station.because.iter();
    let others: Vec<String> = others
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    others.join("; ")
}
