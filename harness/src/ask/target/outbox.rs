//! `[outbox]`: where events wait, and how it is seen there what has become of them: one SQL condition per state.

use serde::Deserialize;

use super::{
    mistake::Mistake,
    sql::{Condition, TableName},
};

/// Where events wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    /// The table.
    pub table: TableName,
    /// The table that rows are moved to when they were sent.
    pub archive: Option<TableName>,
    /// How a row shows that it was sent.
    pub sent: Sent,
    /// A row that is in somebody's hands.
    pub held: Option<Condition>,
    /// A row that is not tried again.
    pub given_up: Option<Condition>,
    /// A row that is not tried again is deleted.
    pub given_up_is_gone: bool,
    /// Only these rows are meant.
    pub only: Option<Condition>,
    /// What says whose row it is; else it is searched for in the row's text.
    pub id: Option<Condition>,
    /// What says how often a row was tried, the time that succeeded included.
    pub attempts: Option<Condition>,
}

impl Outbox {
    /// Whether it is seen at the end how often each event was tried.
    pub fn shows_attempts(&self) -> bool {
        let stay = !matches!(self.sent, Sent::Unsaid | Sent::Gone) && !self.given_up_is_gone;
        stay && self.attempts.is_some()
    }
}

/// How a row shows that it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It does not.
    Unsaid,
    /// It is deleted.
    Gone,
    /// It is moved to the archive.
    Archived,
    /// It meets a condition.
    When(Condition),
}

/// As the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutboxTable {
    table: Option<TableName>,
    archive: Option<TableName>,
    sent: Option<Condition>,
    held: Option<Condition>,
    given_up: Option<Condition>,
    #[serde(rename = "where")]
    only: Option<Condition>,
    id: Option<Condition>,
    attempts: Option<Condition>,
}

/// Deleted means sent.
const GONE: &str = "gone";

fn is_gone(said: &Condition) -> bool {
    said.as_str().eq_ignore_ascii_case(GONE)
}

impl OutboxTable {
    pub fn understood(self) -> Result<Outbox, Mistake> {
        let Some(table) = self.table else {
            let problem =
                "[outbox] names no table; write table = \"outbox\", or leave [outbox] out";
            return Err(Mistake::at("", problem));
        };
        if self.archive.as_ref() == Some(&table) {
            let problem =
                format!("{table} is the outbox itself; name the table that rows are moved to");
            return Err(Mistake::at("archive", problem));
        }
        if self.held.as_ref().is_some_and(is_gone) {
            let problem = "held = \"gone\": only sent and given_up can be, for nobody holds a row that is gone";
            return Err(Mistake::at("held", problem));
        }
        let given_up_is_gone = self.given_up.as_ref().is_some_and(is_gone);
        let states = [
            ("sent", &self.sent),
            ("held", &self.held),
            ("given_up", &self.given_up),
        ];
        for (index, (key, said)) in states.iter().enumerate() {
            let is_state = said.as_ref().is_some_and(|said| !is_gone(said));
            let same = |(_, other): &&(&str, &Option<Condition>)| is_state && other == said;
            if let Some((before, _)) = states[..index].iter().find(same) {
                let problem =
                    format!("{key} and {before} are the same condition; a row is in one state");
                return Err(Mistake::at(*key, problem));
            }
        }
        let sent = match (self.sent, &self.archive) {
            (Some(said), Some(_)) if is_gone(&said) => {
                let problem = "a row that is sent is in the archive, not gone; leave sent out";
                return Err(Mistake::at("sent", problem));
            }
            (Some(said), _) if is_gone(&said) => Sent::Gone,
            (Some(said), _) => Sent::When(said),
            (None, Some(_)) => Sent::Archived,
            (None, None) => Sent::Unsaid,
        };
        Ok(Outbox {
            table,
            archive: self.archive,
            sent,
            held: self.held,
            given_up: self.given_up.filter(|_| !given_up_is_gone),
            given_up_is_gone,
            only: self.only,
            id: self.id,
            attempts: self.attempts,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ask::target::{Target, tests::BY_SQL};

    #[test]
    fn a_row_that_was_given_up_may_be_gone() {
        let gone =
            |key: &str| BY_SQL.replace("held = \"status = 1\"", &format!("{key} = \"gone\""));
        let outbox = Target::read(&gone("given_up")).unwrap().outbox.unwrap();
        assert!(outbox.given_up_is_gone && outbox.given_up.is_none());
        let both = gone("given_up").replace("sent = \"status = 2\"", "sent = \"gone\"");
        Target::read(&both).expect("sent or given up, it is gone");
    }
}
