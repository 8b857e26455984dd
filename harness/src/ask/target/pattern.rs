//! Regular expressions, over bytes: what is searched need not be text.

use serde::Deserialize;

/// A regular expression.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(regex::bytes::Regex);

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the regular expression is empty, and matches everything".to_owned());
        }
        regex::bytes::Regex::new(text)
            .map(Self)
            .map_err(|error| format!("{text:?} is no regular expression: {}", plain(&error)))
    }

    /// The expression, to search with.
    pub fn get(&self) -> &regex::bytes::Regex {
        &self.0
    }
}

/// The last line says what is wrong; those before draw it.
fn plain(error: &regex::Error) -> String {
    let said = error.to_string();
    let last = said.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}
