//! The account of a probe: what was found out, in the order in which a reader needs it.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Error, Result};

use super::{
    facts::Facts,
    finding::Finding,
    messages, roles,
    rows::{Row, Rows},
    schema::Schema,
    tables, ways,
    writes::Written,
};
use crate::{
    ask::{
        id::Run,
        target::{Target, process::Plays},
    },
    history::{self, Event},
    wire::tap::TapCounters,
};

/// What the database's log says of its rows so far, or why it is not read.
pub(super) fn rows(history: &Path, schema: &Schema, run: Run) -> Result<Result<Rows, String>> {
    let history = history::read(history)?;
    let sampled = history
        .entries()
        .iter()
        .find_map(|entry| match &entry.event {
            Event::Sampled { why } => Some(why.clone()),
            _ => None,
        });
    Ok(match sampled {
        Some(why) => Err(why),
        None => Ok(Rows::of(history.commits(), schema, run)),
    })
}

pub(super) fn findings(
    facts: &Facts,
    target: &Target,
    written: &Written,
    counters: &TapCounters,
    kinds: &BTreeMap<String, String>,
    problems: &[Error],
) -> Vec<Finding> {
    let mut all = vec![answers(written)];
    let mut outbox: Vec<&Row> = Vec::new();
    match &facts.rows {
        Ok(rows) => {
            let roles = roles::Roles::of(facts, rows);
            all.extend(tables::findings(
                facts,
                rows,
                &roles,
                target.has(Plays::Consumer),
            ));
            let table = roles.outbox.as_ref().map(|outbox| outbox.table.as_str());
            outbox.extend(rows.all.iter().filter(|row| table == Some(&row.table)));
        }
        Err(why) => all.push(Finding::of(format!(
            "what happens in tables was not seen: {why}"
        ))),
    }
    all.extend(ways::findings(facts, &target.witnesses, kinds));
    all.extend(messages::findings(facts, &outbox));
    all.extend(ways::amiss(facts));
    all.push(ways::published(counters));
    if problems.is_empty() {
        all.push(Finding::of(
            "each connection of the target's goes over its edge",
        ));
    }
    all.extend(ways::took(facts));
    all
}

fn answers(written: &Written) -> Finding {
    let all = written.answers.len();
    let rolled_back = match written.rolled_back.len() {
        0 => String::new(),
        some => format!(", {some} were rolled back"),
    };
    let again = match &written.again {
        Some(answer) => format!(", and one that was asked for again was {answer}"),
        None => String::new(),
    };
    Finding::of(match written.not_accepted() {
        None => format!("{all} operations were accepted{rolled_back}{again}"),
        Some((others, last)) => format!(
            "{} of {all} operations were accepted{rolled_back}{again}; {others} were not, the last was {last}",
            all - others
        ),
    })
}
