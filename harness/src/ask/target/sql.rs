//! SQL that a target file gives: names and conditions, which the lab puts into queries of its own.

use std::fmt::{Display, Formatter};

use serde::Deserialize;

/// A table: `orders`, `outbox.messages`, `"Outbox"."Messages"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TableName(String);

impl TableName {
    /// As a query names it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TableName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let quoted = |part: &str| {
            let inside = part
                .strip_prefix('"')
                .and_then(|part| part.strip_suffix('"'));
            inside.is_some_and(|inside| !inside.is_empty() && !inside.contains('"'))
        };
        let plain = |part: &str| {
            let begins = |sign: char| sign.is_alphabetic() || sign == '_';
            part.starts_with(begins)
                && part
                    .chars()
                    .all(|sign| begins(sign) || sign.is_ascii_digit() || sign == '$')
        };
        let parts: Vec<&str> = text.split('.').collect();
        if parts.len() <= 2 && parts.iter().all(|part| plain(part) || quoted(part)) {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} names no table; write orders, outbox.messages or \"Outbox\".\"Messages\""
        ))
    }
}

impl Display for TableName {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A condition or an expression over one row: `status = 2`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Condition(String);

impl Condition {
    /// As a query has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let first = text.split_whitespace().next().unwrap_or_default();
        let problem = if text.trim().is_empty() {
            "is empty"
        } else if text.contains(';') {
            "is a statement"
        } else if first.eq_ignore_ascii_case("where") {
            "says WHERE, which the lab says itself"
        } else if first.eq_ignore_ascii_case("select") {
            "is a query (one in parentheses may be a part of a condition)"
        } else if text.contains("{{") {
            "has a placeholder, and is asked of every row alike"
        } else {
            return Ok(Self(text.trim().to_owned()));
        };
        Err(format!(
            "{text:?} {problem}; write what is said of one row, such as status = 2"
        ))
    }
}

/// The first word of a text of SQL that would end or begin a transaction, for the lab does that. Not looked for where
/// something is quoted by dollars: a block's BEGIN is none of a transaction.
pub(super) fn transaction_word(sql: &str) -> Option<&'static str> {
    if sql.contains("$$") {
        return None;
    }
    let words = ["BEGIN", "START", "COMMIT", "ROLLBACK"];
    let firsts = sql
        .split(';')
        .filter_map(|one| one.split_whitespace().next());
    let mut found = firsts.filter_map(|first| {
        words
            .into_iter()
            .find(|word| word.eq_ignore_ascii_case(first))
    });
    found.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_may_have_a_schema_and_quotes_and_nothing_else() {
        for name in [
            "orders",
            "outbox.messages",
            "\"Outbox\".\"My Messages\"",
            "_a1",
        ] {
            TableName::try_from(name.to_owned()).expect(name);
        }
        for none in [
            "",
            "a b",
            "a.b.c",
            "1a",
            "orders; DROP TABLE x",
            "\"a",
            "a.",
        ] {
            let said = TableName::try_from(none.to_owned()).expect_err(none);
            assert!(said.contains("names no table"), "{said}");
        }
    }

    #[test]
    fn a_condition_is_said_of_one_row() {
        Condition::try_from("a IN (SELECT b FROM c)".to_owned()).expect("a condition");
        for none in [" ", "a = 1;", "WHERE a = 1", "select 1", "a = '{{id}}'"] {
            assert!(Condition::try_from(none.to_owned()).is_err(), "{none}");
        }
    }

    #[test]
    fn whoever_begins_or_ends_a_transaction_is_found_and_a_block_is_not() {
        assert_eq!(transaction_word("begin; INSERT INTO a"), Some("BEGIN"));
        assert_eq!(transaction_word("INSERT INTO a; commit"), Some("COMMIT"));
        assert_eq!(transaction_word("INSERT INTO commit VALUES (1)"), None);
        assert_eq!(transaction_word("DO $$ BEGIN x; COMMIT; END $$"), None);
    }
}
