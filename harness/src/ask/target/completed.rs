//! A target file's text, completed by lines that somebody found out.

use super::Target;
use crate::ask::written::Written;

/// A line of a target file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The table that it stands in.
    pub table: &'static str,
    /// Its key.
    pub key: &'static str,
    /// Its value, as TOML writes it.
    pub value: String,
    /// Whether it is to be said, and not only shown to whoever decides.
    pub is_sure: bool,
}

impl Line {
    /// A line that says a text.
    pub fn text(table: &'static str, key: &'static str, text: &str) -> Self {
        Self {
            table,
            key,
            value: quoted(text),
            is_sure: true,
        }
    }

    /// The same, for whoever decides.
    #[must_use]
    pub fn unsure(self) -> Self {
        Self {
            is_sure: false,
            ..self
        }
    }

    /// As it stands below its table.
    pub fn shown(&self) -> String {
        format!("{} = {}", self.key, self.value)
    }
}

/// A text as TOML writes it: a string without escapes where it can be one.
pub fn quoted(text: &str) -> String {
    let plain = !text.contains(char::is_control);
    match () {
        () if plain && !text.contains(['"', '\\']) => format!("\"{text}\""),
        () if plain && !text.contains('\'') => format!("'{text}'"),
        () => toml::Value::String(text.to_owned()).to_string(),
    }
}

/// The text with these lines in their tables. What the file already says stands; a line that says it otherwise, that is not
/// sure, or with which the file could not be read, stands there as a comment. What the file says in the same words is left
/// out. `text` is a target file.
pub fn completed(text: &str, lines: &[Line]) -> String {
    let mut done = text.to_owned();
    if !done.ends_with('\n') {
        done.push('\n');
    }
    for line in lines {
        done = with(&done, line);
    }
    done
}

fn with(text: &str, line: &Line) -> String {
    let Ok(written) = Written::parse(text) else {
        return text.to_owned();
    };
    let path = format!("{}.{}", line.table, line.key);
    let said = written.keys(line.table).contains(&line.key);
    if said {
        let at = written.line(&path);
        return match says(text, line) {
            true => text.to_owned(),
            false => behind(
                text,
                at,
                &commented(line, " # found; the file says otherwise"),
            ),
        };
    }
    let place = place(text, &written, line.table);
    if line.is_sure {
        let tried = put(text, place, line, &line.shown());
        if Target::read(&tried).is_ok() {
            return tried;
        }
    }
    put(text, place, line, &commented(line, ""))
}

fn commented(line: &Line, why: &str) -> String {
    format!("# {}{why}", line.shown())
}

/// Whether the file says just that.
fn says(text: &str, line: &Line) -> bool {
    let wanted = toml::from_str::<toml::Table>(&line.shown());
    let there = toml::from_str::<toml::Table>(text);
    let (Ok(wanted), Ok(there)) = (wanted, there) else {
        return false;
    };
    let there = there.get(line.table).and_then(|table| table.get(line.key));
    there.is_some() && there == wanted.get(line.key)
}

/// Where a line of a table goes.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Behind this line, counted from 1, within its table.
    Within(usize),
    /// Behind this one, below a head of its own.
    New(usize),
}

fn place(text: &str, written: &Written<'_>, table: &str) -> Place {
    match last_line_of(text, table) {
        Some(line) => Place::Within(line),
        None => Place::New(before_processes(text, written)),
    }
}

/// The last line of a table that has a head in the text, with the comments that follow at once; not those that stand over the
/// next table's head.
fn last_line_of(text: &str, table: &str) -> Option<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let head = lines.iter().position(|line| is_head_of(line, table))?;
    let rest = &lines[head + 1..];
    let is_head = |line: &&str| line.trim_start().starts_with('[');
    let end = rest.iter().position(is_head).unwrap_or(rest.len());
    let is_said = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let said = rest[..end]
        .iter()
        .rposition(is_said)
        .map_or(0, |last| last + 1);
    let behind = rest[said..end].iter();
    let comments = behind.take_while(|line| line.starts_with('#')).count();
    let own = match rest.get(said + comments) {
        Some(next) if is_head(next) => said,
        _ => said + comments,
    };
    Some(head + 1 + own)
}

fn is_head_of(line: &str, table: &str) -> bool {
    let head = line.trim_start().strip_prefix('[');
    let name = head.and_then(|head| head.split_once(']'));
    name.is_some_and(|(name, _)| name.trim() == table)
}

/// The line behind which the first `[[process]]` begins, its own comments counted in.
fn before_processes(text: &str, written: &Written<'_>) -> usize {
    let first = written.line("process.0");
    let lines: Vec<&str> = text.lines().collect();
    let head = lines[..first.min(lines.len())]
        .iter()
        .rposition(|line| line.trim_start().starts_with("[[process]]"));
    let Some(head) = head else {
        return lines.len();
    };
    let above = lines[..head].iter();
    let comments = above.rev().take_while(|line| line.starts_with('#')).count();
    head - comments
}

fn put(text: &str, place: Place, line: &Line, shown: &str) -> String {
    match place {
        Place::Within(at) => behind(text, at, shown),
        Place::New(at) if line.is_sure && !shown.starts_with('#') => {
            behind(text, at, &format!("[{}]\n{shown}\n", line.table))
        }
        Place::New(at) => behind(text, at, &format!("# [{}]\n{shown}\n", line.table)),
    }
}

/// The text with something behind a line, counted from 1.
fn behind(text: &str, line: usize, what: &str) -> String {
    let at: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let (before, after) = text.split_at(at);
    let gap = match what.ends_with('\n') && !before.is_empty() && !before.ends_with("\n\n") {
        true => "\n",
        false => "",
    };
    format!("{before}{gap}{what}\n{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"name = "shop"

[write]
sql = """
INSERT INTO orders VALUES ('{{id}}', '{{key}}');
"""

[outbox]
# Where events wait.
table = "messages"

[witness]
exchange = "shop.events"

# The relay
# publishes.
[[process]]
name = "relay"
run = "./relay"
env = { A = "{{postgres.url}}", B = "{{rabbitmq.url}}" }
"#;

    #[test]
    fn a_line_is_put_into_its_table_and_a_table_before_the_processes_and_their_comments() {
        let lines = [
            Line::text("look", "business", "orders"),
            Line::text("outbox", "table", "messages"),
            Line::text("outbox", "sent", "state = 'sent'"),
            Line::text("message", "id", r#"body:~^"([0-9a-f-]{36})"~"#),
        ];
        let done = completed(FILE, &lines);
        let target = Target::read(&done).unwrap_or_else(|bad| panic!("{bad}\n{done}"));
        assert_eq!(
            target
                .look
                .business
                .map(|table| table.to_string())
                .as_deref(),
            Some("orders")
        );
        let expected = "[outbox]\n# Where events wait.\ntable = \"messages\"\nsent = \"state = 'sent'\"\n\n[witness]";
        assert!(done.contains(expected), "{done}");
        assert!(done.contains("[message]\nid = 'body:~^\"([0-9a-f-]{36})\"~'\n\n# The relay\n# publishes.\n[[process]]"), "{done}");
        assert_eq!(completed(&done, &lines), done, "it is said already");
    }

    #[test]
    fn what_the_file_says_otherwise_and_what_is_not_sure_is_a_comment() {
        let lines = [
            Line::text("witness", "exchange", "shop.orders"),
            Line::text("message", "n", "header:n").unsure(),
        ];
        let done = completed(FILE, &lines);
        assert!(done.contains("exchange = \"shop.events\"\n# exchange = \"shop.orders\" # found; the file says otherwise\n"), "{done}");
        assert!(done.contains("# [message]\n# n = \"header:n\"\n"), "{done}");
        assert_eq!(
            Target::read(&done),
            Target::read(FILE).map(|mut target| {
                target.processes[0].line = Target::read(&done).expect("the file").processes[0].line;
                target
            })
        );
    }

    #[test]
    fn several_comments_of_a_table_stand_in_their_order_and_none_over_another_head() {
        let lines = [
            Line::text("witness", "exchange", "shop.orders").unsure(),
            Line::text("witness", "kind", "fanout").unsure(),
        ];
        let done = completed(FILE, &lines);
        let expected = "# exchange = \"shop.orders\" # found; the file says otherwise\n# kind = \"fanout\"\n\n# The relay";
        assert!(done.contains(expected), "{done}");
        let close = FILE.replace(
            "table = \"messages\"\n\n",
            "table = \"messages\"\n# Where they are heard.\n",
        );
        let done = completed(&close, &[Line::text("outbox", "sent", "gone")]);
        assert!(
            done.contains("sent = \"gone\"\n# Where they are heard.\n[witness]"),
            "{done}"
        );
    }

    #[test]
    fn a_line_with_which_the_file_is_none_is_a_comment() {
        let lines = [Line::text("outbox", "archive", "messages")];
        let done = completed(FILE, &lines);
        assert!(done.contains("# archive = \"messages\""), "{done}");
    }

    #[test]
    fn texts_are_quoted_as_people_do_it() {
        assert_eq!(quoted("a"), "\"a\"");
        assert_eq!(quoted("a \"b\""), "'a \"b\"'");
        assert_eq!(quoted("status = 'a'"), "\"status = 'a'\"");
        for text in ["\"a\" = 'b'", "a\\b'", "two\nlines"] {
            let table: toml::Table = toml::from_str(&format!("a = {}", quoted(text))).expect(text);
            assert_eq!(table["a"].as_str(), Some(text));
        }
    }
}
