//! Controls: each story once with nothing broken. What its `[bites]` ask for must not be there then; otherwise they hold
//! whether or not the fault did anything, and a run that they let pass proves nothing.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table};

use crate::{
    ask::scenario::{Condition, Scenario},
    judge::summary::RunSummary,
    judge::verdict::Verdict,
};

/// How wide the table may become.
const WIDTH: u16 = 110;
/// The checker of `[bites]`.
const BITE: &str = "bite";

/// What a control showed of its story.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    /// Vacuous, as it must be.
    Vacuous,
    /// Conditions that hold although nothing was broken.
    Held(Vec<String>),
    /// Something else is wrong with a system to which nothing was done.
    Red(String),
}

/// The table, and how the process should exit: 0 only if every story is vacuous without its faults.
pub(super) fn report(controls: &[(Scenario, &RunSummary)]) -> (String, u8) {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::ASCII_BORDERS_ONLY_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(["story without its faults", "verdict", "what it shows"]);
    let mut code = 0;
    for (scenario, summary) in controls {
        let shown = Shown::by(scenario, summary);
        let (row, exit) = match &shown {
            Shown::Vacuous => (values(scenario, summary).join(", "), 0),
            Shown::Held(held) => (
                format!("REFUSED: holds with nothing broken: {}", held.join(", ")),
                Verdict::Fail.exit_code(),
            ),
            Shown::Red(why) => (why.clone(), summary.verdict.exit_code().max(1)),
        };
        table.add_row([summary.name.clone(), summary.verdict.to_string(), row]);
        code = code.max(exit);
    }
    (format!("{}\n", table.trim_fmt()), code)
}

impl Shown {
    fn by(scenario: &Scenario, summary: &RunSummary) -> Self {
        let red = summary
            .findings
            .iter()
            .find(|finding| finding.verdict > Verdict::Vacuous);
        if let Some(finding) = red {
            return Self::Red(format!("{}: {}", finding.checker, finding.reason));
        }
        let counts = counts(summary);
        let held = scenario
            .bites
            .iter()
            .filter(|(fact, condition)| counts.get(*fact).is_some_and(|n| condition.holds(*n)));
        let held: Vec<String> = held
            .map(|(fact, met)| said(fact, counts[fact], *met))
            .collect();
        match (held.is_empty(), summary.verdict) {
            (false, _) => Self::Held(held),
            (true, Verdict::Vacuous) => Self::Vacuous,
            (true, _) => Self::Red("nothing was broken, and it is no vacuous run".to_owned()),
        }
    }
}

fn values(scenario: &Scenario, summary: &RunSummary) -> Vec<String> {
    let counts = counts(summary);
    let told = scenario
        .bites
        .iter()
        .filter_map(|(fact, condition)| Some(said(fact, *counts.get(fact)?, *condition)));
    told.collect()
}

fn said(fact: &str, count: u64, condition: Condition) -> String {
    format!("{fact} {count}, wanted {condition}")
}

fn counts(summary: &RunSummary) -> BTreeMap<String, u64> {
    let bite = summary
        .findings
        .iter()
        .find(|finding| finding.checker == BITE);
    bite.map_or_else(BTreeMap::new, |finding| finding.counts.clone())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        history::Event,
        judge::{check::all, proof::story::Story},
    };

    /// What a control of a story with this condition shows.
    fn shown(condition: &str) -> Shown {
        let mut story = Story::clean();
        story.drop_events(|event| {
            matches!(
                event,
                Event::Fault { .. } | Event::Bite { .. } | Event::CaughtUp { .. }
            )
        });
        story.scenario(|scenario| scenario.faults.clear());
        story.bites("accepted", condition);
        let history = story.history();
        let judgement = all(&history);
        let summary = RunSummary::new(&history, &judgement, Path::new("runs/1"), String::new());
        let scenario = history.scenario().expect("a scenario").clone();
        Shown::by(&scenario, &summary)
    }

    #[test]
    fn a_condition_that_holds_with_nothing_broken_is_refused() {
        assert_eq!(
            shown(">= 3"),
            Shown::Held(vec!["accepted 3, wanted >= 3".to_owned()])
        );
    }

    #[test]
    fn a_condition_that_only_the_fault_can_meet_is_vacuous_without_it() {
        assert_eq!(shown(">= 4"), Shown::Vacuous);
    }
}
