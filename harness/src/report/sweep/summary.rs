//! A sweep in few rows: the kinds of messages by edge and event.

use std::collections::BTreeMap;

use super::{cells, used};
use crate::explore::sweep::{Cell, Outcome, Swept, Way};

/// What the cells say.
pub(super) const LEGEND: &str = "A number says of how many kinds of such messages one was cut in this way, and all was well; 5 of 7: two were not reached, or no time was left for them; FAIL: so many are red, alone, once in two or only with others; –: not legal there";

/// How many kinds of one edge and event were cut in one way, and what came of it.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    all: usize,
    well: usize,
    red: usize,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        self.all += 1;
        match outcome {
            Outcome::Pass { .. } => self.well += 1,
            Outcome::LeftOut | Outcome::NotReached => {}
            Outcome::Together { .. } | Outcome::Once { .. } | Outcome::Red { .. } => self.red += 1,
        }
    }

    fn word(self) -> String {
        let Self { all, well, red } = self;
        match (all, red) {
            (0, _) => "–".to_owned(),
            (_, 0) if well == all => well.to_string(),
            (_, 0) => format!("{well} of {all}"),
            _ => format!("**FAIL {red}**, {well} of {all}"),
        }
    }
}

/// A row for each edge and event, a column for each way.
pub(super) fn summary(title: &str, swept: &Swept) -> String {
    let used = used(swept);
    let cells = cells(swept);
    let mut rows: BTreeMap<(&str, _), (usize, Vec<Tally>)> = BTreeMap::new();
    for (index, known) in swept.kinds.iter().enumerate() {
        let of_kind: Vec<(usize, &Cell)> = used
            .iter()
            .enumerate()
            .filter_map(|(at, way): (usize, &Way)| Some((at, *cells.get(&(index, *way))?)))
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        let row = rows
            .entry((known.kind.edge.as_str(), known.kind.event))
            .or_insert_with(|| (0, vec![Tally::default(); used.len()]));
        row.0 += 1;
        of_kind
            .iter()
            .for_each(|(at, cell)| row.1[*at].count(&cell.outcome));
    }
    let heads: Vec<&str> = used.iter().map(|way| way.deed).collect();
    let mut text = format!("| {title} | Message | Kinds | {} |\n", heads.join(" | "));
    text.push_str(&format!("|{}\n", " --- |".repeat(used.len() + 3)));
    for ((edge, event), (kinds, tallies)) in rows {
        let words: Vec<String> = tallies.into_iter().map(Tally::word).collect();
        let (event, words) = (event.name(), words.join(" | "));
        text.push_str(&format!("| {edge} | {event} | {kinds} | {words} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_cut_and_was_well_counts_and_one_red_kind_is_red() {
        let word = |outcomes: &[Outcome]| {
            let mut tally = Tally::default();
            outcomes.iter().for_each(|outcome| tally.count(outcome));
            tally.word()
        };
        let pass = Outcome::Pass { times: 3 };
        let red = Outcome::Red {
            why: "loss".to_owned(),
            seed: 1,
        };
        assert_eq!(word(&[]), "–");
        assert_eq!(word(&[pass.clone(), pass.clone()]), "2");
        assert_eq!(word(&[pass.clone(), Outcome::NotReached]), "1 of 2");
        assert_eq!(word(&[Outcome::LeftOut]), "0 of 1");
        assert_eq!(word(&[pass.clone(), red, pass]), "**FAIL 1**, 2 of 3");
    }
}
