//! A file as it was written: on which line it says what.

use toml::de::{DeTable, DeValue};

/// A file's text and its parts.
pub(crate) struct Written<'t> {
    text: &'t str,
    root: DeTable<'t>,
}

impl<'t> Written<'t> {
    /// Reads the text as TOML, whatever it means.
    pub fn parse(text: &'t str) -> Result<Self, toml::de::Error> {
        let root = DeTable::parse(text)?.into_inner();
        Ok(Self { text, root })
    }

    /// The value under a key of the file.
    pub fn value(&self, key: &str) -> Option<&DeValue<'t>> {
        self.root.get(key).map(|value| value.get_ref())
    }

    /// The keys of a table of the file.
    pub fn keys(&self, table: &str) -> Vec<&str> {
        let table = self.value(table).and_then(DeValue::as_table);
        let keys = table.into_iter().flat_map(DeTable::keys);
        keys.map(|key| key.get_ref().as_ref()).collect()
    }

    /// The line, from 1, on which a path such as `fault.0.edge` is said; if it is not said, where the part of it that
    /// is. A table where the path has the first of a list counts as a list of one.
    pub fn line(&self, path: &str) -> usize {
        let mut at = 0;
        let mut table = Some(&self.root);
        let mut array: Option<&toml::de::DeArray<'_>> = None;
        let mut rest = path;
        while !rest.is_empty() {
            let step = match table.filter(|_| array.is_none()) {
                Some(table) => key_of(table, rest),
                None => rest.split('.').next().unwrap_or(rest),
            };
            rest = rest[step.len()..].trim_start_matches('.');
            let inside = if let Some(items) = array {
                step.parse().ok().and_then(|index: usize| {
                    items
                        .get(index)
                        .map(|item| (item.span().start, item.get_ref()))
                })
            } else if step == "0" && table.is_some_and(|table| !table.contains_key(step)) {
                continue;
            } else {
                table
                    .and_then(|table| table.get_key_value(step))
                    .map(|(key, value)| (key.span().start, value.get_ref()))
            };
            let Some((start, value)) = inside else { break };
            at = start;
            table = value.as_table();
            array = value.as_array();
        }
        line_of(self.text, at)
    }
}

/// The key of a table that a path begins with; a key may have dots of its own, as names of files and settings do.
fn key_of<'p>(table: &DeTable<'_>, path: &'p str) -> &'p str {
    let begins = |key: &str| {
        let rest = path.strip_prefix(key)?;
        (rest.is_empty() || rest.starts_with('.')).then_some(&path[..key.len()])
    };
    let keys = table.keys().filter_map(|key| begins(key.get_ref()));
    let step = path.split('.').next().unwrap_or(path);
    keys.max_by_key(|key| key.len()).unwrap_or(step)
}

/// The line, from 1, of a place in a text.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
