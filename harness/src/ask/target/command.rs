//! A command: words, and no shell unless one is named.

use serde::{Deserialize, Deserializer, de::Error};

use super::{
    placeholder::{Placeholder, Values},
    text::{Place, Text, Unset},
};

/// A program and its arguments: `"outbox migrate up"`, or `["sh", "-c", "…"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command<P>(Vec<Text<P>>);

/// Programs that start the one that is meant. What is asked to stop is then the launcher, which may or may not pass it on.
const LAUNCHERS: [&str; 15] = [
    "sh", "bash", "npm", "npx", "yarn", "pnpm", "dotnet", "gradle", "gradlew", "mvn", "mvnw",
    "cargo", "go", "uv", "poetry",
];
/// Stands for a blank between the braces of a placeholder, while words are split.
const BLANK: &str = "\u{1}";

impl<P: Place> Command<P> {
    fn line(line: &str) -> Result<Self, String> {
        let words = shlex::split(&with_whole_placeholders(line))
            .ok_or_else(|| format!("{line:?} opens a quote that nothing closes"))?;
        let words: Vec<String> = words.iter().map(|word| word.replace(BLANK, " ")).collect();
        if let Some(found) = words.iter().find(|word| is_for_a_shell(word)) {
            return Err(format!(
                "{found:?} is for a shell, and none reads this; write ['sh', '-c', '…'] if it has to be one"
            ));
        }
        Self::words(&words)
    }

    fn words(words: &[String]) -> Result<Self, String> {
        let program = words.first().map_or("", |word| word.trim());
        if program.is_empty() {
            return Err("the command is empty; write the program and its arguments".to_owned());
        }
        if !program.contains("{{")
            && let Some((name, _)) = program.split_once('=')
        {
            return Err(format!(
                "{program:?} is no program; environment variables go into env = {{ {name} = \"…\" }}"
            ));
        }
        let texts = words.iter().map(|word| Text::parse(word));
        Ok(Self(texts.collect::<Result<_, _>>()?))
    }

    /// The program and its arguments.
    pub fn render(&self, values: &Values) -> Result<Vec<String>, Unset> {
        self.0.iter().map(|word| word.render(values)).collect()
    }

    /// Its words.
    pub(super) fn texts(&self) -> &[Text<P>] {
        &self.0
    }

    /// What it leaves open.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().flat_map(Text::placeholders)
    }

    /// The program, as the file writes it.
    pub fn program(&self) -> String {
        self.0[0].to_string()
    }

    /// The program, if it is one that only starts another.
    pub fn launcher(&self) -> Option<&'static str> {
        let program = self.program();
        let name = program.rsplit('/').next().unwrap_or_default();
        LAUNCHERS.into_iter().find(|launcher| *launcher == name)
    }
}

fn is_for_a_shell(word: &str) -> bool {
    let written_out = ["&&", "||", "|", "&", ";", ">", ">>", "<", "2>&1"];
    written_out.contains(&word) || word.starts_with("$") || word.ends_with(';')
}

/// `{{postgres.url as x}}` is one word.
fn with_whole_placeholders(line: &str) -> String {
    let mut whole = String::new();
    let mut rest = line;
    while let Some((start, end)) = rest
        .find("{{")
        .and_then(|start| Some((start, start + rest[start..].find("}}")?)))
    {
        whole.push_str(&rest[..start]);
        whole.push_str(&rest[start..end].replace(' ', BLANK));
        rest = &rest[end..];
    }
    whole + rest
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a command: \"outbox run\", or [\"sh\", \"-c\", \"…\"]"
)]
enum Said {
    Line(String),
    Words(Vec<String>),
}

impl<'de, P: Place> Deserialize<'de> for Command<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match Said::deserialize(deserializer)? {
            Said::Line(line) => Self::line(&line),
            Said::Words(words) => Self::words(&words),
        };
        read.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::placeholder::Postgres, super::text::OfProcess, *};

    fn words(line: &str) -> Vec<String> {
        let values = Values::default()
            .with(Placeholder::Postgres(Postgres::Url), "postgres://h/d")
            .with(Placeholder::Env("HOME".to_owned()), "/home/a b");
        let command = Command::<OfProcess>::line(line).expect(line);
        command.render(&values).expect(line)
    }

    #[test]
    fn a_line_is_split_into_words_and_values_are_never_split() {
        assert_eq!(words("outbox run"), ["outbox", "run"]);
        assert_eq!(
            words("{{env.HOME}}/run --x 'a b'"),
            ["/home/a b/run", "--x", "a b"]
        );
        assert_eq!(
            words("./a --dsn={{postgres.url as pgsql}} b"),
            ["./a", "--dsn=pgsql://h/d", "b"]
        );
    }

    #[test]
    fn what_only_a_shell_would_understand_is_refused() {
        let refused = |line: &str| Command::<OfProcess>::line(line).expect_err(line);
        for line in ["a && b", "a | b", "a > log", "a $HOME", "a; b"] {
            assert!(refused(line).contains("is for a shell"), "{line}");
        }
        assert!(refused("PORT=1 ./a").contains("env = { PORT"));
        assert!(refused(" ").contains("empty"));
        assert!(refused("a 'b").contains("quote"));
    }

    #[test]
    fn a_launcher_is_known_by_its_name() {
        let launcher = |line: &str| Command::<OfProcess>::line(line).expect(line).launcher();
        assert_eq!(launcher("/usr/bin/npm start"), Some("npm"));
        assert_eq!(launcher("./npm-less start"), None);
    }
}
