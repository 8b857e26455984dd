//! Placeholders: the only templating that a target file has. A closed list; no conditions, no loops.

use std::{collections::BTreeMap, fmt::Display};

use crate::{ask::id::Id, ask::spelling::nearest};

/// What a text leaves open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder {
    /// `{{id}}`: the operation, as a UUID.
    Id,
    /// `{{token}}`: the operation, as 40 letters and digits.
    Token,
    /// `{{number}}`: the operation, as 19 digits.
    Number,
    /// `{{key}}`: what the operation belongs to, five digits.
    Key,
    /// `{{api}}`: where whoever plays the API takes requests.
    Api,
    /// `{{postgres.…}}`.
    Postgres(Postgres),
    /// `{{rabbitmq.…}}`.
    Rabbitmq(Rabbitmq),
    /// `{{stomp.port}}`.
    StompPort,
    /// `{{port.NAME}}`: a free port; that of `http` is where the process takes requests.
    Port(String),
    /// `{{dir}}`: a folder of the process's own.
    Dir,
    /// `{{process.number}}`: which of several, from 1.
    ProcessNumber,
    /// `{{run}}`: ten letters and digits.
    Run,
    /// `{{target.dir}}`: the folder of the target file, for what stands beside it.
    TargetDir,
    /// `{{env.NAME}}`: from the lab's own environment.
    Env(String),
}

/// What can be said of the database's address. Names are of letters, digits and `_`: nothing needs encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Postgres {
    /// `postgres://user:password@host:port/database`.
    Url,
    /// `jdbc:postgresql://host:port/database`, without credentials.
    Jdbc,
    /// `Host=…;Port=…;Database=…;Username=…;Password=…;SSL Mode=Disable`.
    Ado,
    /// `host=… port=… user=… password=… dbname=…`.
    Dsn,
    /// Its host.
    Host,
    /// Its port.
    Port,
    /// Who connects.
    User,
    /// By what he is known.
    Password,
    /// The run's own.
    Database,
}

/// What can be said of the broker's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rabbitmq {
    /// `amqp://user:password@host:port/vhost`.
    Url,
    /// `http://host:port` of the management plugin.
    Api,
    /// Its host.
    Host,
    /// Its port.
    Port,
    /// Who connects.
    User,
    /// By what he is known.
    Password,
    /// The run's own.
    Vhost,
}

const NAMED: [(&str, Placeholder); 26] = [
    ("id", Placeholder::Id),
    ("token", Placeholder::Token),
    ("number", Placeholder::Number),
    ("key", Placeholder::Key),
    ("api", Placeholder::Api),
    ("postgres.url", Placeholder::Postgres(Postgres::Url)),
    ("postgres.jdbc", Placeholder::Postgres(Postgres::Jdbc)),
    ("postgres.ado", Placeholder::Postgres(Postgres::Ado)),
    ("postgres.dsn", Placeholder::Postgres(Postgres::Dsn)),
    ("postgres.host", Placeholder::Postgres(Postgres::Host)),
    ("postgres.port", Placeholder::Postgres(Postgres::Port)),
    ("postgres.user", Placeholder::Postgres(Postgres::User)),
    (
        "postgres.password",
        Placeholder::Postgres(Postgres::Password),
    ),
    (
        "postgres.database",
        Placeholder::Postgres(Postgres::Database),
    ),
    ("rabbitmq.url", Placeholder::Rabbitmq(Rabbitmq::Url)),
    ("rabbitmq.api", Placeholder::Rabbitmq(Rabbitmq::Api)),
    ("rabbitmq.host", Placeholder::Rabbitmq(Rabbitmq::Host)),
    ("rabbitmq.port", Placeholder::Rabbitmq(Rabbitmq::Port)),
    ("rabbitmq.user", Placeholder::Rabbitmq(Rabbitmq::User)),
    (
        "rabbitmq.password",
        Placeholder::Rabbitmq(Rabbitmq::Password),
    ),
    ("rabbitmq.vhost", Placeholder::Rabbitmq(Rabbitmq::Vhost)),
    ("stomp.port", Placeholder::StompPort),
    ("dir", Placeholder::Dir),
    ("process.number", Placeholder::ProcessNumber),
    ("run", Placeholder::Run),
    ("target.dir", Placeholder::TargetDir),
];

impl Placeholder {
    /// Reads what stands between the braces.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some((_, known)) = NAMED.into_iter().find(|(known, _)| *known == name) {
            return Ok(known);
        }
        match name.split_once('.') {
            Some(("port", port)) if is_word(port) => return Ok(Self::Port(port.to_owned())),
            Some(("env", variable)) if is_word(variable) => {
                return Ok(Self::Env(variable.to_owned()));
            }
            _ => {}
        }
        let known = NAMED.iter().map(|(known, _)| *known);
        let known: Vec<&str> = known.chain(["port.http", "env.HOME"]).collect();
        let meant = nearest(name, known.iter().copied());
        let advice = match meant {
            Some(meant) => format!("did you mean {{{{{meant}}}}}?"),
            None => format!(
                "there are {}, port.NAME, env.NAME",
                known[..NAMED.len()].join(", ")
            ),
        };
        Err(format!("{{{{{name}}}}} is no placeholder; {advice}"))
    }

    /// Whether it has a scheme, which can be swapped.
    pub(super) fn is_url(&self) -> bool {
        matches!(
            self,
            Self::Api
                | Self::Postgres(Postgres::Url)
                | Self::Rabbitmq(Rabbitmq::Url | Rabbitmq::Api)
        )
    }

    /// Whether it says which operation it is.
    pub fn identifies(&self) -> bool {
        matches!(self, Self::Id | Self::Token | Self::Number)
    }
}

/// As files write it, with its braces.
impl Display for Placeholder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(name) => write!(f, "{{{{port.{name}}}}}"),
            Self::Env(name) => write!(f, "{{{{env.{name}}}}}"),
            named => {
                let known = NAMED.iter().find(|(_, known)| known == named);
                write!(f, "{{{{{}}}}}", known.map_or("?", |(name, _)| name))
            }
        }
    }
}

fn is_word(text: &str) -> bool {
    let mut signs = text.bytes();
    let first = |sign: u8| sign.is_ascii_alphabetic() || sign == b'_';
    signs.next().is_some_and(first) && signs.all(|sign| first(sign) || sign.is_ascii_digit())
}

/// What placeholders stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<Placeholder, String>);

impl Values {
    /// What stands for an operation.
    #[must_use]
    pub fn of(operation: Id) -> Self {
        let values = Self::default()
            .with(Placeholder::Id, operation.uuid().to_string())
            .with(Placeholder::Token, operation.token())
            .with(Placeholder::Key, operation.key_text())
            .with(Placeholder::Run, operation.run.to_string());
        match operation.number() {
            Some(number) => values.with(Placeholder::Number, number.to_string()),
            None => values,
        }
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, placeholder: Placeholder, value: impl Into<String>) -> Self {
        self.0.insert(placeholder, value.into());
        self
    }

    pub(super) fn get(&self, placeholder: &Placeholder) -> Option<&str> {
        self.0.get(placeholder).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_placeholder_is_read_as_it_is_shown() {
        let free = [
            Placeholder::Port("http".to_owned()),
            Placeholder::Env("HOME".to_owned()),
        ];
        for placeholder in NAMED.into_iter().map(|(_, known)| known).chain(free) {
            let shown = placeholder.to_string();
            let name = shown.strip_prefix("{{").unwrap().strip_suffix("}}");
            assert_eq!(Placeholder::parse(name.unwrap()), Ok(placeholder));
        }
    }

    #[test]
    fn an_unknown_one_is_answered_with_the_nearest() {
        let said = Placeholder::parse("postgres.uri").unwrap_err();
        assert_eq!(
            said,
            "{{postgres.uri}} is no placeholder; did you mean {{postgres.url}}?"
        );
        let said = Placeholder::parse("weather").unwrap_err();
        assert!(said.contains("there are id, token, number"), "{said}");
        for no_name in ["port.", "port.a b", "env.1A", "env."] {
            assert!(Placeholder::parse(no_name).is_err(), "{no_name}");
        }
    }
}
