//! What exploring covered and found.

use std::path::Path;

use super::{ReportError, shrunk, write};
use crate::explore::campaign::{Explored, Found, coverage::Part};

/// Of what never bit so many are named.
const NAMED: usize = 12;

/// For the terminal: how the runs ended, what was covered, what is red.
pub fn explored(explored: &Explored) -> String {
    let ended = &explored.ended;
    let runs = ended.pass + ended.vacuous + ended.unknown + ended.red + ended.broken;
    let covered = &explored.covered;
    let mut text = format!(
        "{runs} runs in {:.1} min: {} pass, {} vacuous (a fault met nothing), {} unknown, {} red, {} broken\n",
        explored.took_ms as f64 / 60_000.0,
        ended.pass,
        ended.vacuous,
        ended.unknown,
        ended.red,
        ended.broken
    );
    let rows = [
        ("faults at places", covered.places),
        ("… in phases", covered.cells),
        ("two faults in one run", covered.pairs),
    ];
    for (what, Part { bitten, tried, of }) in rows {
        text.push_str(&format!(
            "{what:24} {bitten:4} bit of {tried:4} tried, of {of} that can be\n"
        ));
    }
    let phases = covered
        .phases
        .iter()
        .map(|(phase, count)| format!("{phase} {count}"));
    let phases: Vec<String> = phases.collect();
    text.push_str(&format!("{:24} {}\n", "bit by phase", phases.join(", ")));
    let never = &covered.never_bitten;
    let named = never.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|spot| format!("{}: {}", spot.place, spot.fault))
        .collect();
    let more = match never.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    if !never.is_empty() {
        text.push_str(&format!("{:24} {}{more}\n", "never bit", named.join("; ")));
    }
    if !explored.not_drawn.is_empty() {
        let not = explored.not_drawn.len();
        text.push_str(&format!(
            "{:24} {not} of the catalogue; --json says why\n",
            "not drawn"
        ));
    }
    if let Some(why) = &explored.stopped {
        text.push_str(&format!("{:24} {why}\n", "stopped before its time"));
    }
    for why in &explored.broken {
        text.push_str(&format!("\nbroken  {why}\n"));
    }
    explored
        .found
        .iter()
        .for_each(|found| text.push_str(&red(found)));
    text
}

fn red(found: &Found) -> String {
    let others = match found.others {
        0 => String::new(),
        others => format!(" (and {others} more by the same)"),
    };
    let mut text = format!(
        "\nred    {}{others}\n       {}\n",
        found.checkers.join(", "),
        found.why
    );
    text.push_str(&format!(
        "drawn  {}\nrun    {}\n",
        found.story,
        found.folder.display()
    ));
    match (&found.least, &found.file) {
        (Some(least), Some(file)) => text.push_str(&shrunk(least, file, &found.told)),
        _ => text.push_str(&format!("       {}\n", found.told)),
    }
    text
}

/// Writes all that was found.
///
/// # Errors
/// When the file cannot be written.
pub fn write_explored(path: &Path, explored: &Explored) -> Result<(), ReportError> {
    write(path, &(serde_json::to_string_pretty(explored)? + "\n"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::explore::campaign::{
        Ended,
        coverage::{Covered, Spot},
        phase::Phase,
    };

    #[test]
    fn what_did_not_bite_is_named_and_what_is_red_says_how_it_is_run_again() {
        let part = |bitten, tried, of| Part { bitten, tried, of };
        let told = explored(&Explored {
            covered: Covered {
                places: part(1, 2, 90),
                cells: part(1, 2, 450),
                pairs: part(0, 1, 900),
                phases: BTreeMap::from([(Phase::Load, 1)]),
                never_bitten: vec![Spot::of("cut", "client -> api")],
            },
            not_drawn: Vec::new(),
            ended: Ended {
                vacuous: 1,
                red: 1,
                ..Ended::default()
            },
            found: vec![Found {
                checkers: vec!["loss".to_owned()],
                why: "2 events lost".to_owned(),
                story: "9 operations".to_owned(),
                folder: "runs/explore-0001-7".into(),
                others: 2,
                least: None,
                told: "flaky, not shrunk: red in 0 of 10 more runs".to_owned(),
                file: None,
            }],
            broken: Vec::new(),
            stopped: Some("8 runs are red".to_owned()),
            seed: 7,
            took_ms: 60_000,
        });
        assert!(
            told.contains("2 runs in 1.0 min: 0 pass, 1 vacuous"),
            "{told}"
        );
        assert!(told.contains("1 bit of    2 tried, of 90"), "{told}");
        assert!(told.contains("client -> api: cut"), "{told}");
        assert!(told.contains("loss (and 2 more by the same)"), "{told}");
        assert!(told.contains("flaky, not shrunk"), "{told}");
        assert!(
            told.contains("stopped before its time  8 runs are red"),
            "{told}"
        );
    }
}
