//! The shape of SQL: without comments, values, and the lengths of lists.

/// What stands for a value.
const VALUE: &str = "?";

/// The shape of each statement of a text, in small letters.
pub(super) fn shapes(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let statements = tokens.split(|token| token == ";");
    let shapes = statements.map(|tokens| written(&without_lists(tokens)));
    shapes.filter(|shape| !shape.is_empty()).collect()
}

fn tokens(sql: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(sign) = rest.chars().next() {
        let (token, length) = token(rest, sign);
        tokens.extend(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// The first token, if it is one, and how long it is. A text that ends in the middle of one ends it.
fn token(rest: &str, sign: char) -> (Option<String>, usize) {
    let value = |length| (Some(VALUE.to_owned()), length);
    let to = |end: &str, from: usize| {
        let found = rest[from..].find(end);
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("--") {
        return (None, to("\n", 0));
    }
    if rest.starts_with("/*") {
        return (None, to("*/", 2));
    }
    match sign {
        '\'' => value(quoted(rest)),
        '"' => {
            let length = to("\"", 1);
            (Some(rest[..length].to_owned()), length)
        }
        '$' => {
            let name = 1 + run(&rest[1..], is_word);
            match rest[name..].starts_with('$') {
                true => value(to(&rest[..=name], name + 1)),
                false => value(name),
            }
        }
        sign if sign.is_ascii_digit() => value(run(rest, |sign| is_word(sign) || sign == '.')),
        sign if is_word(sign) => {
            let length = run(rest, is_word);
            (Some(rest[..length].to_lowercase()), length)
        }
        sign if is_operator(sign) => {
            let length = run(rest, is_operator);
            (Some(rest[..length].to_owned()), length)
        }
        sign => (Some(sign.to_string()), sign.len_utf8()),
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|sign| !belongs(sign)).unwrap_or(text.len())
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

fn is_operator(sign: char) -> bool {
    "<>=!~@#%^&|+*/:-".contains(sign)
}

/// How long a text in quotes is; two quotes in it are one.
fn quoted(rest: &str) -> usize {
    let mut at = 1;
    while let Some(found) = rest[at..].find('\'') {
        at += found + 1;
        match rest[at..].starts_with('\'') {
            true => at += 1,
            false => return at,
        }
    }
    rest.len()
}

/// A list of values is one value, and a list of such lists one list.
fn without_lists(tokens: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = Vec::new();
    for token in tokens {
        kept.push(token);
        for list in [
            &[VALUE, ",", VALUE][..],
            &["(", VALUE, ")", ",", "(", VALUE, ")"],
        ] {
            if kept.ends_with(list) {
                kept.truncate(kept.len() - list.len() / 2 - 1);
            }
        }
    }
    kept
}

fn written(tokens: &[&str]) -> String {
    let mut text = String::new();
    let mut before = "(";
    for token in tokens {
        let close = matches!(before, "(" | "." | "::" | "[")
            || matches!(*token, "(" | ")" | "," | "." | "::" | "[" | "]");
        if !close {
            text.push(' ');
        }
        text.push_str(token);
        before = token;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_values_and_lengths_of_lists_are_left_out() {
        let shape = |sql| shapes(sql).join(" | ");
        assert_eq!(
            shape("/* a */ INSERT INTO t (a, b) VALUES ($1, 'x;y'), (3, $tag$z$tag$) -- end"),
            "insert into t(a, b) values(?)"
        );
        assert_eq!(
            shape("SELECT a FROM t WHERE b IN (1,2,3)"),
            shape("select a from t where b in ($1)")
        );
        assert_eq!(
            shape("SELECT payload->>'bidId', x::text FROM \"T\""),
            "select payload ->> ?, x::text from \"T\""
        );
        assert_eq!(shape("BEGIN; COMMIT;"), "begin | commit");
    }

    #[test]
    fn whatever_is_cut_off_is_read_to_its_end() {
        for torn in [
            "SELECT 'a",
            "SELECT $$a",
            "SELECT /* a",
            "SELECT \"a",
            "$",
            "'",
            "-- a",
            "é $é",
        ] {
            shapes(torn);
        }
    }
}
