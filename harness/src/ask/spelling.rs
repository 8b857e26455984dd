//! What a misspelt word may have meant.

/// The known word that is nearest, if any is near: at most every third letter differs.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let distance = strsim::damerau_levenshtein(word, candidate);
        let near = distance * 3 <= word.chars().count().max(candidate.chars().count());
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `; did you mean "relay"?`, or nothing.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(word, known).map_or(String::new(), |meant| format!("; did you mean {meant:?}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_near_to_what_it_was_meant_to_be_and_to_nothing_else() {
        let known = ["accepted", "requests", "deliveries"];
        assert_eq!(nearest("accpted", known), Some("accepted"));
        assert_eq!(nearest("delivereis", known), Some("deliveries"));
        assert_eq!(nearest("weather", known), None);
        assert_eq!(did_you_mean("weather", known), "");
    }
}
