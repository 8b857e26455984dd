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

    /// As the database keeps them: its schema, where it is said, and its own name. What has no quotes is in lower case.
    pub fn parts(&self) -> (Option<String>, String) {
        let kept = |part: &str| match part.strip_prefix('"') {
            Some(quoted) => quoted.trim_end_matches('"').to_owned(),
            None => part.to_lowercase(),
        };
        match self.0.split_once('.') {
            Some((schema, table)) => (Some(kept(schema)), kept(table)),
            None => (None, kept(&self.0)),
        }
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

/// The first word of a text of SQL that would end or begin a transaction, for the lab does that. What is quoted, such as a
/// block's own BEGIN, is none of a transaction.
pub(super) fn transaction_word(sql: &str) -> Option<&'static str> {
    let words = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"];
    let plain = unquoted(sql);
    let firsts = plain
        .split(';')
        .filter_map(|one| one.split_whitespace().next());
    let mut found = firsts.filter_map(|first| {
        words
            .into_iter()
            .find(|word| word.eq_ignore_ascii_case(first))
    });
    found.next()
}

/// The statements without strings, dollar-quoted bodies and comments.
fn unquoted(sql: &str) -> String {
    let mut plain = String::new();
    let mut rest = sql;
    while let Some(sign) = rest.chars().next() {
        let quoted = match sign {
            '\'' => end_of_string(rest, &plain),
            '-' if rest.starts_with("--") => rest.find('\n'),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|at| at + 2),
            '$' => end_of_body(rest),
            _ => Some(0),
        };
        match quoted {
            Some(0) => {
                plain.push(sign);
                rest = &rest[sign.len_utf8()..];
            }
            Some(end) => {
                plain.push(' ');
                rest = &rest[end..];
            }
            // Not closed: the database will say so.
            None => break,
        }
    }
    plain
}

/// Where a string ends that begins here. A doubled quote is two strings side by side.
fn end_of_string(rest: &str, before: &str) -> Option<usize> {
    let mut signs = before.chars().rev();
    let escapes = signs.next().is_some_and(|sign| matches!(sign, 'e' | 'E'))
        && !signs.next().is_some_and(char::is_alphanumeric);
    let mut escaped = false;
    for (at, sign) in rest.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' if escapes => escaped = true,
            '\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Where a body ends that `$$` or `$tag$` opens here; nowhere if it is but a dollar.
fn end_of_body(rest: &str) -> Option<usize> {
    let Some(length) = rest[1..].find('$') else {
        return Some(0);
    };
    let tag = &rest[..length + 2];
    let inside = &tag[1..=length];
    if !inside
        .chars()
        .all(|sign| sign.is_alphanumeric() || sign == '_')
    {
        return Some(0);
    }
    let body = &rest[tag.len()..];
    body.find(tag).map(|at| at + 2 * tag.len())
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
    fn a_table_is_known_as_the_database_keeps_it() {
        let parts = |text: &str| TableName::try_from(text.to_owned()).expect(text).parts();
        let kept =
            |schema: Option<&str>, table: &str| (schema.map(str::to_owned), table.to_owned());
        assert_eq!(parts("Orders"), kept(None, "orders"));
        assert_eq!(parts("\"Orders\""), kept(None, "Orders"));
        assert_eq!(
            parts("Outbox.\"My Messages\""),
            kept(Some("outbox"), "My Messages")
        );
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
        assert_eq!(
            transaction_word("DO $a$ BEGIN $$; COMMIT; END $a$; commit"),
            Some("COMMIT")
        );
        assert_eq!(
            transaction_word("INSERT INTO a VALUES (1); End"),
            Some("END")
        );
    }

    #[test]
    fn what_is_quoted_or_a_comment_begins_and_ends_nothing() {
        for harmless in [
            "INSERT INTO a VALUES ('x; commit; it''s')",
            r"INSERT INTO a VALUES (E'it\'s; commit; ')",
            "SELECT 1; -- ; commit\nSELECT 2",
            "SELECT 1; /* ; commit */ SELECT 2",
            "SELECT $1; SELECT '$', '; begin', '$'",
        ] {
            assert_eq!(transaction_word(harmless), None, "{harmless}");
        }
        let hidden = r"INSERT INTO a VALUES ('\'); COMMIT; SELECT ''";
        assert_eq!(transaction_word(hidden), Some("COMMIT"));
    }
}
