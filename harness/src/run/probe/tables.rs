//! What is found out from tables.

use super::{
    facts::Facts,
    finding::{Finding, listed},
    parts,
    roles::{Received, Roles, Waiting},
    rows::{Row, Rows},
};
use crate::ask::target::completed::Line;

/// What is found out from tables: which received ids, where events wait and how they show what became of them, where effects
/// are seen.
pub fn findings(facts: &Facts, rows: &Rows, roles: &Roles, consumes: bool) -> Vec<Finding> {
    if roles.received.is_empty() {
        return vec![Finding::of(
            "no table received an operation's id: is it hashed, encrypted or compressed there, does the target store it elsewhere, or does {{id}} of [write] not get into it?",
        )];
    }
    let mut all = vec![received(facts, roles)];
    all.extend(roles.business.as_ref().map(|business| {
        let table = facts.schema.spelled(business);
        Finding::of(format!(
            "{table} has a row for each operation that was accepted"
        ))
        .with(Line::text("look", "business", &table))
    }));
    match &roles.outbox {
        Some(outbox) => {
            all.extend(waiting(facts, outbox));
            all.extend(parts(facts, rows, outbox));
        }
        None => all.push(Finding::of(
            "no table was found in which events wait: of none of them rows change when a message was sent, or hold what messages say",
        )),
    }
    all.extend(without_id(facts, rows, roles));
    all.extend(effects(facts, rows, roles, consumes));
    all
}

fn received(facts: &Facts, roles: &Roles) -> Finding {
    let all = facts.accepted.len();
    let of = |found: &Received| {
        let table = facts.schema.spelled(&found.table);
        let columns = found
            .columns
            .iter()
            .map(|column| facts.schema.column_spelled(&found.table, column));
        let share = match found.operations == all {
            true => String::new(),
            false => format!(", of {} of {all} operations", found.operations),
        };
        format!("{table} ({}{share})", listed(columns))
    };
    let early: Vec<&Received> = roles
        .received
        .iter()
        .filter(|found| !found.is_late())
        .collect();
    let named = listed(early.iter().map(|found| of(found)));
    let together = early.iter().all(|found| found.at_once == found.operations);
    let how = match (early.len(), together) {
        (0, _) => {
            return Finding::of("no table received an operation's id before its message came");
        }
        (1, _) => String::new(),
        (_, true) => ", all in one transaction".to_owned(),
        (_, false) => {
            let apart = early
                .iter()
                .filter(|found| found.at_once < found.operations);
            let apart = listed(apart.map(|found| facts.schema.spelled(&found.table)));
            format!(
                ", {apart} in a transaction of its own: between the two an operation may be torn"
            )
        }
    };
    Finding::of(format!("an operation's id is received by {named}{how}"))
}

fn waiting(facts: &Facts, outbox: &Waiting) -> Vec<Finding> {
    let table = facts.schema.spelled(&outbox.table);
    let mut all = vec![
        Finding::of(format!(
            "events wait in {table}: {}",
            listed(outbox.because.iter().map(|why| (*why).to_owned()))
        ))
        .with(Line::text("outbox", "table", &table)),
    ];
    let states = &outbox.states;
    let line = |condition: &str| Line::text("outbox", "sent", condition);
    if let Some(archive) = &outbox.archive {
        let archive = facts.schema.spelled(archive);
        all.push(
            Finding::of(format!(
                "rows of {table} that were sent are moved to {archive}, in one transaction"
            ))
            .with(Line::text("outbox", "archive", &archive)),
        );
    } else if let Some(sent) = &states.sent {
        let how = match sent.as_str() {
            "gone" => format!("rows of {table} that were sent are deleted"),
            _ => format!("rows of {table} that were sent have {sent}"),
        };
        let others = match states.others.is_empty() {
            true => String::new(),
            false => format!("; so have they {}", listed(states.others.clone())),
        };
        let found = Finding::of(match states.is_sure {
            true => format!("{how}{others}"),
            false => format!("some {how}, but not all of them in the time of the probe"),
        });
        all.push(found.with(match states.is_sure {
            true => line(sent),
            false => line(sent).unsure(),
        }));
    } else if let Some(cursor) = &outbox.cursor {
        let place = facts.schema.spelled(&cursor.table);
        all.push(
            Finding::of(format!(
                "rows of {table} stay as they are, and {place}.{} follows them: what it has passed was sent",
                facts.schema.column_spelled(&cursor.table, &cursor.column)
            ))
            .with(line(&cursor.condition)),
        );
    } else {
        let why = states
            .why_not
            .unwrap_or("their changes have nothing in common");
        all.push(Finding::of(format!("nothing in {table} says what was sent: {why}; without [outbox] sent, marks are not judged")));
    }
    if let Some(held) = &states.held {
        all.push(
            Finding::of(format!(
                "between the two a row has {held}: it is in somebody's hands"
            ))
            .with(Line::text("outbox", "held", held)),
        );
    }
    all
}

/// Whose a row is, and how often it was tried.
fn parts(facts: &Facts, rows: &Rows, outbox: &Waiting) -> Vec<Finding> {
    let table = facts.schema.spelled(&outbox.table);
    let about = |row: &&Row| row.is_about(facts.accepted.iter().map(|id| id.uuid()));
    let own: Vec<&Row> = rows.of_table(&outbox.table).filter(about).collect();
    let mut all = Vec::new();
    let whose = parts::whose(&outbox.table, &own, &facts.schema);
    if let [plainest, others @ ..] = whose.as_slice() {
        let others = match others.is_empty() {
            true => String::new(),
            false => format!("; so is {}", listed(others.to_vec())),
        };
        all.push(
            Finding::of(format!(
                "{plainest} is the operation's id in each row of {table}{others}"
            ))
            .with(Line::text("outbox", "id", plainest)),
        );
    }
    let stays = own.iter().all(|row| row.gone.is_none());
    let tries = parts::tries(&outbox.table, &own, &facts.schema).filter(|_| stays);
    all.extend(tries.map(|tries| {
        Finding::of(format!(
            "{tries} is 1 in each row of {table}, all of which went out at their first try: if it counts tries, say so"
        ))
        .with(Line::text("outbox", "attempts", &tries).unsure())
    }));
    all.push(Finding::of(format!(
        "nothing was given up, for nothing is broken here: if a row of {table} can be, say by [outbox] given_up how it shows"
    )));
    all
}

/// Tables that the operations' own transactions wrote rows into that do not name them.
fn without_id(facts: &Facts, rows: &Rows, roles: &Roles) -> Option<Finding> {
    let is_early = |row: &Row| {
        let mut received = roles.received.iter();
        received.any(|found| found.table == row.table && !found.is_late())
    };
    let of_operations =
        |row: &Row| row.is_about(facts.accepted.iter().map(|id| id.uuid())) && is_early(row);
    let named = rows.all.iter().filter(|row| of_operations(row));
    let transactions: Vec<u32> = named.map(|row| row.born.xid).collect();
    let mut tables: Vec<String> = Vec::new();
    for row in rows
        .all
        .iter()
        .filter(|row| row.ids.is_empty() && transactions.contains(&row.born.xid))
    {
        let table = facts.schema.spelled(&row.table);
        let is_known = roles.received.iter().any(|found| found.table == row.table);
        if !is_known && !tables.contains(&table) {
            tables.push(table);
        }
    }
    (!tables.is_empty()).then(|| {
        Finding::of(format!(
            "the same transactions write to {}, where no id of an operation is: if events wait there, the lab cannot tell whose they are",
            listed(tables)
        ))
    })
}

fn effects(facts: &Facts, rows: &Rows, roles: &Roles, consumes: bool) -> Vec<Finding> {
    let of = |table: &String| {
        let spelled = facts.schema.spelled(table);
        let key = facts.schema.key(table);
        let found = roles.received.iter().find(|found| found.table == *table);
        let once = found.is_some_and(|found| {
            key.iter().any(|column| found.columns.contains(*column)) && key.len() == 1
        });
        let count = rows
            .of_table(table)
            .filter(|row| row.is_about(facts.accepted.iter().map(|id| id.uuid())))
            .count();
        let seen = format!("{spelled} received {count} rows after the operations' messages came");
        match (consumes, once) {
            (false, _) => Finding::of(format!(
                "{seen}, and no process plays consumer: who writes them?"
            )),
            (true, true) => Finding::of(format!(
                "{seen}; its key is the operation's id, so that it cannot show a second effect: name the table where one would show"
            )),
            (true, false) => Finding::of(format!("{seen}: an effect each"))
                .with(Line::text("effects", "table", &spelled)),
        }
    };
    let mut all: Vec<Finding> = roles.effects.iter().map(of).collect();
    if consumes && roles.effects.is_empty() && !facts.came.is_empty() {
        all.push(Finding::of(
            "a process plays consumer, and no table received an operation's id after its message came: without [effects] they are not judged",
        ));
    }
    all
}
