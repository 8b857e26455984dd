//! What `test_decoding` prints, read strictly: a line that is not understood is an error, never skipped.
//!
//! ```text
//! BEGIN 741
//! table public.orders: INSERT: order_id[uuid]:'…' user_id[text]:'it''s' amount[bigint]:5 note[text]:null
//! table public.orders: UPDATE: old-key: order_id[uuid]:'…' new-tuple: order_id[uuid]:'…' note[text]:unchanged-toast-datum
//! table public.orders: DELETE: order_id[uuid]:'…'
//! table public.a, public.b: TRUNCATE: (no-flags)
//! message: transactional: 1 prefix: ledger, sz: 3 content:end
//! COMMIT 741 (at 2026-11-25 17:02:24.25896+00)
//! ```

use crate::history::{Operation, instant};

/// One line of output; a value in it may contain line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A transaction's rows follow.
    Begin {
        /// The transaction.
        xid: u32,
    },
    /// They were all.
    Commit {
        /// The transaction.
        xid: u32,
        /// Microseconds since the Unix epoch.
        at_us: i64,
    },
    /// A row.
    Row(Row),
    /// Tables were emptied.
    Truncate(Vec<Table>),
    /// Somebody wrote a message into the log.
    Message(String),
}

/// A row that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub table: Table,
    pub op: Operation,
    /// The key before, where it is another one.
    pub old_key: Vec<Column>,
    pub columns: Vec<Column>,
}

/// A table and its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub schema: String,
    pub name: String,
}

/// A column's name and what is in it.
pub(super) type Column = (String, Value);

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// Stored aside, and not touched by this update: the log does not repeat it.
    Unchanged,
    Text(String),
}

/// A line that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("test_decoding printed {line:?}, which is not understood: expected {expected} at {rest:?}")]
pub(super) struct Misread {
    line: String,
    expected: &'static str,
    rest: String,
}

/// Reads one line.
pub(super) fn line(text: &str) -> Result<Line, Misread> {
    let mut rest = Rest(text);
    rest.line().map_err(|expected| Misread {
        line: text.to_owned(),
        expected,
        rest: rest.0.to_owned(),
    })
}

/// What is not read yet. An error is what was expected there.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn line(&mut self) -> Result<Line, &'static str> {
        if self.takes("BEGIN ") {
            let xid = self.xid()?;
            return self.end().map(|()| Line::Begin { xid });
        }
        if self.takes("COMMIT ") {
            let xid = self.xid()?;
            let at_us = self.commit_time()?;
            return self.end().map(|()| Line::Commit { xid, at_us });
        }
        if self.takes("message: ") {
            return Ok(Line::Message(std::mem::take(&mut self.0).to_owned()));
        }
        if !self.takes("table ") {
            return Err("BEGIN, COMMIT, table or message");
        }
        let mut tables = vec![self.table()?];
        while self.takes(", ") {
            tables.push(self.table()?);
        }
        self.expect(": ", "a colon and an operation")?;
        if self.takes("TRUNCATE:") {
            while self.takes(" (no-flags)") || self.takes(" restart_seqs") || self.takes(" cascade")
            {
            }
            return self.end().map(|()| Line::Truncate(tables));
        }
        match <[Table; 1]>::try_from(tables) {
            Ok([table]) => self.row(table).map(Line::Row),
            Err(_) => Err("TRUNCATE, which alone has several tables"),
        }
    }

    fn row(&mut self, table: Table) -> Result<Row, &'static str> {
        let op = if self.takes("INSERT:") {
            Operation::Insert
        } else if self.takes("UPDATE:") {
            Operation::Update
        } else if self.takes("DELETE:") {
            Operation::Delete
        } else {
            return Err("INSERT, UPDATE, DELETE or TRUNCATE");
        };
        let mut old_key = Vec::new();
        if op == Operation::Update && self.takes(" old-key:") {
            old_key = self.columns()?;
            self.expect(" new-tuple:", "the new tuple after the old key")?;
        }
        // What a table without a key has to say of a deleted row.
        let nothing = op == Operation::Delete && self.takes(" (no-tuple-data)");
        let columns = self.columns()?;
        if columns.is_empty() && !nothing {
            return Err("a column");
        }
        self.end()?;
        Ok(Row {
            table,
            op,
            old_key,
            columns,
        })
    }

    fn columns(&mut self) -> Result<Vec<Column>, &'static str> {
        let mut columns = Vec::new();
        while self.0.starts_with(' ') && !self.0.starts_with(" new-tuple:") {
            self.expect(" ", "a space before a column")?;
            let name = self.identifier()?;
            self.expect("[", "a column's type")?;
            self.skip_type()?;
            self.expect("]:", "a column's value")?;
            columns.push((name, self.value()?));
        }
        Ok(columns)
    }

    /// A type may have spaces (`timestamp with time zone`), brackets of its own (`text[]`) and quotes.
    fn skip_type(&mut self) -> Result<(), &'static str> {
        let mut quoted = false;
        for (at, found) in self.0.char_indices() {
            match found {
                '"' => quoted = !quoted,
                ']' if !quoted && self.0[at..].starts_with("]:") => {
                    self.0 = &self.0[at..];
                    return Ok(());
                }
                _ => {}
            }
        }
        Err("the end of a column's type")
    }

    /// Numbers and booleans stand as they are, bits as `B'…'`, everything else in quotes, which are doubled inside.
    fn value(&mut self) -> Result<Value, &'static str> {
        if self.0.starts_with('\'') {
            return self.quoted('\'').map(Value::Text);
        }
        if self.0.starts_with("B'") {
            self.expect("B", "bits")?;
            return self.quoted('\'').map(Value::Text);
        }
        let end = self.0.find(' ').unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        if word.is_empty() || word.contains('\'') {
            return Err("a value");
        }
        self.0 = rest;
        Ok(match word {
            "null" => Value::Null,
            "unchanged-toast-datum" => Value::Unchanged,
            word => Value::Text(word.to_owned()),
        })
    }

    fn table(&mut self) -> Result<Table, &'static str> {
        let schema = self.identifier()?;
        self.expect(".", "a table's name after its schema")?;
        let name = self.identifier()?;
        Ok(Table { schema, name })
    }

    /// Quoted where SQL would need it.
    fn identifier(&mut self) -> Result<String, &'static str> {
        if self.0.starts_with('"') {
            return self.quoted('"');
        }
        let plain =
            |found: char| found.is_ascii_lowercase() || found.is_ascii_digit() || found == '_';
        let end = self.0.find(|found| !plain(found)).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        if name.is_empty() {
            return Err("a name");
        }
        self.0 = rest;
        Ok(name.to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let mut text = String::new();
        let mut rest = self.0.strip_prefix(quote).ok_or("a quote")?;
        loop {
            let (before, after) = rest.split_once(quote).ok_or("a closing quote")?;
            text.push_str(before);
            match after.strip_prefix(quote) {
                Some(further) => {
                    text.push(quote);
                    rest = further;
                }
                None => {
                    self.0 = after;
                    return Ok(text);
                }
            }
        }
    }

    fn xid(&mut self) -> Result<u32, &'static str> {
        let end = self.0.find(' ').unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        let xid = digits.parse().map_err(|_| "a transaction's number")?;
        self.0 = rest;
        Ok(xid)
    }

    fn commit_time(&mut self) -> Result<i64, &'static str> {
        self.expect(" (at ", "the time of the commit")?;
        let end = self.0.find(')').ok_or("the end of the commit's time")?;
        let at_us = instant(&self.0[..end]).ok_or("a time with an offset from UTC")?;
        self.0 = &self.0[end + 1..];
        Ok(at_us)
    }

    fn takes(&mut self, what: &str) -> bool {
        match self.0.strip_prefix(what) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, what: &str, expected: &'static str) -> Result<(), &'static str> {
        if self.takes(what) {
            Ok(())
        } else {
            Err(expected)
        }
    }

    fn end(&self) -> Result<(), &'static str> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err("the end of the line")
        }
    }
}

#[cfg(test)]
mod tests;
