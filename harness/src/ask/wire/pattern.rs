//! What the text of a message must have in it.

/// Text that must be in it, or a pattern of SQL's LIKE for all of it. Case says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What stands between the `%`, in lower case; one piece alone may stand anywhere.
    pieces: Vec<String>,
    anywhere: bool,
}

impl Pattern {
    /// `"INSERT INTO orders"`, `"%from outbox%for update%"`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        if lower.replace('%', "").trim().is_empty() {
            return Err(format!(
                "matching = {text:?} matches everything; leave it out, or write some text of the message"
            ));
        }
        Ok(Self {
            pieces: lower.split('%').map(str::to_owned).collect(),
            anywhere: !lower.contains('%'),
        })
    }

    /// Whether what is looked for has this word in it.
    pub fn names(&self, word: &str) -> bool {
        self.pieces.iter().any(|piece| piece.contains(word))
    }

    /// Whether a message's text has it.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let (first, last) = match self.pieces.as_slice() {
            [only] if self.anywhere => return text.contains(only),
            [first, .., last] => (first, last),
            _ => return false,
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        for piece in &self.pieces[1..self.pieces.len() - 1] {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_stand_anywhere_and_a_like_pattern_is_for_all_of_it() {
        let is_in = |pattern: &str, text: &str| Pattern::parse(pattern).unwrap().is_in(text);
        assert!(is_in(
            "insert into orders",
            "INSERT INTO orders (id) VALUES ($1)"
        ));
        assert!(!is_in("insert into orders", "UPDATE orders SET id = 1"));
        assert!(is_in(
            "%from a%skip locked",
            "SELECT * FROM a FOR UPDATE SKIP LOCKED"
        ));
        assert!(!is_in(
            "from a%skip locked",
            "SELECT * FROM a FOR UPDATE SKIP LOCKED"
        ));
        assert!(!is_in("ab%ba", "aba"), "no letter is used twice");
        assert!(Pattern::parse("%").is_err() && Pattern::parse("").is_err());
    }
}
