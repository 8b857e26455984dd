//! What `lab target new` writes.

/// A target file to fill in: whatever must be filled ends in [`MARK`].
pub const SKELETON: &str = include_str!("skeleton.toml");

/// What stands at the end of a line that must be filled in.
pub const MARK: &str = "# <- fill in";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::Target;

    const FILLED: [(&str, &str); 6] = [
        ("name", "\"shop\""),
        ("http", "\"POST {{api}}/orders\""),
        ("json", "{ order_id = \"{{id}}\", customer = \"{{key}}\" }"),
        ("exchange", "\"shop.events\""),
        ("run", "\"./shop\""),
        (
            "env",
            "{ PORT = \"{{port.http}}\", DATABASE_URL = \"{{postgres.url}}\", AMQP_URL = \"{{rabbitmq.url}}\" }",
        ),
    ];

    fn filled() -> String {
        let mut left: Vec<_> = FILLED.to_vec();
        let line = |line: &str| {
            if !line.ends_with(MARK) {
                return line.to_owned();
            }
            let (key, value) = left.remove(0);
            assert!(line.starts_with(&format!("{key} = ")), "{line}");
            format!("{key} = {value}")
        };
        let lines: Vec<String> = SKELETON.lines().map(line).collect();
        assert!(left.is_empty(), "{left:?}");
        lines.join("\n")
    }

    #[test]
    fn it_is_a_target_once_the_marked_lines_are_filled() {
        let target = Target::read(&filled()).expect("the skeleton");
        assert_eq!(target.processes.len(), 1);
        assert_eq!(target.name, "shop");
    }

    #[test]
    fn unfilled_it_is_refused_at_a_line_that_is_marked() {
        let bad = Target::read(SKELETON).expect_err("nothing is filled in");
        let line = SKELETON.lines().nth(bad.line - 1).expect("a line");
        assert!(line.ends_with(MARK), "{bad}");
    }

    /// Whoever takes the `#` away from what is optional has a target as well.
    #[test]
    fn everything_optional_is_true_to_what_files_may_say() {
        let text = filled();
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(code)
                if code.starts_with('[')
                    || code.split_once(" = ").is_some_and(|(key, _)| is_key(key)) =>
            {
                code
            }
            _ => line,
        });
        let all = lines.collect::<Vec<_>>().join("\n");
        let target = Target::read(&all).unwrap_or_else(|bad| panic!("{bad}\n{all}"));
        assert!(target.outbox.is_some() && target.effects.is_some());
        assert!(!target.laboratory.is_empty() && target.setup.run.is_some());
    }

    fn is_key(text: &str) -> bool {
        text.bytes()
            .all(|sign| sign.is_ascii_lowercase() || sign == b'_')
            || text == "SHOP_POLL_MS"
    }
}
