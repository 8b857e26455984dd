//! A text with placeholders: parsed once, rendered as often as wanted, and only with what may stand where it stands.

use std::{fmt::Debug, marker::PhantomData};

use serde::{Deserialize, Deserializer, de::Error};

use super::placeholder::{Placeholder, Values};

/// Where a text stands, which says what it may leave open.
pub trait Place: Debug + Clone + PartialEq + Eq {
    /// What it is called when something else is refused.
    const CALLED: &'static str;
    /// What may stand there, for whoever wrote something else.
    const TAKES: &'static str;
    /// Whether `placeholder` may stand there.
    fn takes(placeholder: &Placeholder) -> bool;
}

/// Asked again for each operation: `[write]`, `[look]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfOperation;

impl Place for OfOperation {
    const CALLED: &'static str = "what is asked for an operation";
    const TAKES: &'static str = "id, token, number, key, run, env.NAME, and api in front of a path";
    fn takes(placeholder: &Placeholder) -> bool {
        use Placeholder::{Api, Env, Id, Key, Number, Run, Token};
        matches!(placeholder, Id | Token | Number | Key | Run | Env(_) | Api)
    }
}

/// Asked once for each process: `[[process]]`, `[laboratory]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfProcess;

impl Place for OfProcess {
    const CALLED: &'static str = "a process, which is started before any operation";
    const TAKES: &'static str = "postgres.*, rabbitmq.*, stomp.port, port.NAME, dir, target.dir, process.number, run, env.NAME";
    fn takes(placeholder: &Placeholder) -> bool {
        !placeholder.identifies() && !matches!(placeholder, Placeholder::Key | Placeholder::Api)
    }
}

/// Asked once for each run: `[setup]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfSetup;

impl Place for OfSetup {
    const CALLED: &'static str = "[setup], which is carried out before any process is started";
    const TAKES: &'static str = "postgres.*, rabbitmq.*, target.dir, run, env.NAME";
    fn takes(placeholder: &Placeholder) -> bool {
        use Placeholder::{Env, Postgres, Rabbitmq, Run, TargetDir};
        matches!(
            placeholder,
            Postgres(_) | Rabbitmq(_) | TargetDir | Run | Env(_)
        )
    }
}

/// A text that stands in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<P> {
    parts: Vec<Part>,
    place: PhantomData<P>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Open {
        placeholder: Placeholder,
        scheme: Option<String>,
    },
}

/// Nothing stands for a placeholder.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("nothing stands for {0}")]
pub struct Unset(pub Placeholder);

impl<P: Place> Text<P> {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Literal(before.to_owned()));
            }
            let (inside, behind) = after.split_once("}}").ok_or_else(|| {
                let excerpt: String = after.chars().take(20).collect();
                format!("\"{{{{{excerpt}\" opens a placeholder and has no }}}} that ends it")
            })?;
            parts.push(Self::open(inside)?);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self {
            parts,
            place: PhantomData,
        })
    }

    fn open(inside: &str) -> Result<Part, String> {
        let (name, scheme) = match inside.split_once(" as ") {
            Some((name, scheme)) => (name.trim(), Some(scheme.trim())),
            None => (inside.trim(), None),
        };
        let placeholder = Placeholder::parse(name)?;
        if !P::takes(&placeholder) {
            return Err(format!(
                "{placeholder} has no meaning in {}: {} may stand there",
                P::CALLED,
                P::TAKES
            ));
        }
        if let Some(scheme) = scheme {
            if !placeholder.is_url() {
                return Err(format!(
                    "\"as {scheme}\" swaps a URL's scheme, and {placeholder} is none; it goes with postgres.url, rabbitmq.url, rabbitmq.api"
                ));
            }
            if !is_scheme(scheme) {
                return Err(format!(
                    "{scheme:?} is no scheme of a URL; write one like \"as postgresql+asyncpg\""
                ));
            }
        }
        Ok(Part::Open {
            placeholder,
            scheme: scheme.map(str::to_owned),
        })
    }

    /// The text with every placeholder's value in its place.
    pub fn render(&self, values: &Values) -> Result<String, Unset> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Open {
                    placeholder,
                    scheme,
                } => {
                    let value = values
                        .get(placeholder)
                        .ok_or_else(|| Unset(placeholder.clone()))?;
                    match (scheme, value.find("://")) {
                        (Some(scheme), Some(end)) => {
                            text.push_str(scheme);
                            text.push_str(&value[end..]);
                        }
                        _ => text.push_str(value),
                    }
                }
            }
        }
        Ok(text)
    }

    /// What it leaves open.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Open { placeholder, .. } => Some(placeholder),
            Part::Literal(_) => None,
        })
    }

    /// Whether there is nothing to be read in it.
    pub fn is_blank(&self) -> bool {
        let blank = |part: &Part| matches!(part, Part::Literal(text) if text.trim().is_empty());
        self.parts.iter().all(blank)
    }

    /// What it says beside its placeholders.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            Part::Open { .. } => None,
        })
    }
}

/// As files write it.
impl<P> std::fmt::Display for Text<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in &self.parts {
            match part {
                Part::Literal(text) => f.write_str(text)?,
                Part::Open {
                    placeholder,
                    scheme: None,
                } => write!(f, "{placeholder}")?,
                Part::Open {
                    placeholder,
                    scheme: Some(scheme),
                } => {
                    let shown = placeholder.to_string();
                    write!(f, "{} as {scheme}}}}}", shown.trim_end_matches('}'))?;
                }
            }
        }
        Ok(())
    }
}

fn is_scheme(text: &str) -> bool {
    let mut signs = text.bytes();
    signs.next().is_some_and(|sign| sign.is_ascii_alphabetic())
        && signs.all(|sign| sign.is_ascii_alphanumeric() || b"+-.".contains(&sign))
}

impl<'de, P: Place> Deserialize<'de> for Text<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::placeholder::Postgres, *};
    use crate::ask::id::{Id, Run};

    fn refused<P: Place>(text: &str) -> String {
        Text::<P>::parse(text).expect_err(text)
    }

    #[test]
    fn a_text_is_rendered_from_a_table_of_values() {
        let id = Id {
            run: Run::of(1),
            key: 3,
            number: 9,
        };
        let text = Text::<OfOperation>::parse("{\"a\":{\"id\":\"{{id}}\",\"of\":\"{{ key }}\"}}");
        let rendered = text.unwrap().render(&Values::of(id)).unwrap();
        assert_eq!(
            rendered,
            format!("{{\"a\":{{\"id\":\"{}\",\"of\":\"00003\"}}}}", id.uuid())
        );
        let port = Text::<OfProcess>::parse("{{port.http}}").unwrap();
        let missing = port.render(&Values::of(id)).unwrap_err();
        assert_eq!(missing.to_string(), "nothing stands for {{port.http}}");
    }

    #[test]
    fn what_stands_beside_the_file_is_found_from_its_folder() {
        let values = Values::default().with(Placeholder::TargetDir, "/shop");
        for rendered in [
            Text::<OfProcess>::parse("{{target.dir}}/run").map(|text| text.render(&values)),
            Text::<OfSetup>::parse("{{target.dir}}/run").map(|text| text.render(&values)),
        ] {
            assert_eq!(rendered, Ok(Ok("/shop/run".to_owned())));
        }
        assert!(refused::<OfOperation>("{{target.dir}}").contains("has no meaning"));
    }

    #[test]
    fn a_scheme_can_be_swapped_and_nothing_else() {
        let text = "DSN={{postgres.url as postgresql+asyncpg}}?x";
        let parsed = Text::<OfProcess>::parse(text).unwrap();
        assert_eq!(parsed.to_string(), text);
        let values =
            Values::default().with(Placeholder::Postgres(Postgres::Url), "postgres://u:p@h:1/d");
        assert_eq!(
            parsed.render(&values).unwrap(),
            "DSN=postgresql+asyncpg://u:p@h:1/d?x"
        );
        let said = refused::<OfProcess>("{{postgres.host as x}}");
        assert!(said.contains("swaps a URL's scheme"), "{said}");
        let said = refused::<OfProcess>("{{postgres.url as 1 2}}");
        assert!(said.contains("is no scheme"), "{said}");
    }

    #[test]
    fn what_has_no_meaning_in_a_place_is_refused_there() {
        let said = refused::<OfProcess>("{{id}}");
        assert!(said.starts_with("{{id}} has no meaning in a process"));
        assert!(refused::<OfOperation>("{{postgres.url}}").contains("id, token, number, key"));
        assert!(refused::<OfSetup>("{{port.http}}").contains("[setup]"));
        assert!(refused::<OfSetup>("{{dir}}").contains("[setup]"));
        let said = refused::<OfProcess>("a {{port.http");
        assert!(said.contains("no }} that ends it"), "{said}");
    }
}
