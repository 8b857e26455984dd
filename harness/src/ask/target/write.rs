//! `[write]`: how an operation is asked for.

use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter},
};

use reqwest::header::HeaderName;
use serde::Deserialize;

use super::{
    json::Json,
    mistake::Mistake,
    placeholder::{Placeholder, Values},
    request::{Method, Request},
    sql::transaction_word,
    status::Statuses,
    text::{OfOperation, Text},
};
use crate::ask::id::{Id, Run};

/// How an operation is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Over what.
    pub how: How,
    /// Whether the same operation, asked for twice, counts once.
    pub again: bool,
    /// What waits for what.
    pub serial: Serial,
}

/// Over what an operation is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// A request.
    Http(Http),
    /// A transaction.
    Sql(Sql),
}

/// A request of the target's API.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// What is asked.
    pub request: Request,
    /// What is said beside it.
    pub headers: BTreeMap<String, Text<OfOperation>>,
    /// What is sent.
    pub body: Body,
    /// What the answer means.
    pub statuses: Statuses,
}

/// What a request sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(Json),
    /// Text, of the type that the headers name.
    Text(Text<OfOperation>),
}

/// A transaction of the lab's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Sql {
    /// What it does between its BEGIN and its COMMIT.
    pub statements: Text<OfOperation>,
    /// So many of a hundred are rolled back.
    pub rollback: u8,
}

/// What waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serial {
    /// Each operation of a key for the one before.
    #[default]
    Key,
    /// Nothing for anything.
    None,
}

/// As the file says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteTable {
    http: Option<Request>,
    json: Option<Json>,
    body: Option<Text<OfOperation>>,
    headers: Option<BTreeMap<String, Text<OfOperation>>>,
    accepted: Option<Vec<u16>>,
    refused: Option<Vec<u16>>,
    sql: Option<Text<OfOperation>>,
    rollback: Option<u8>,
    #[serde(default)]
    again: bool,
    #[serde(default)]
    serial: Serial,
}

impl WriteTable {
    pub fn understood(mut self) -> Result<Write, Mistake> {
        let (again, serial) = (self.again, self.serial);
        let how = match (self.http.take(), self.sql.take()) {
            (Some(request), None) => How::Http(self.http(request)?),
            (None, Some(statements)) => How::Sql(self.sql(statements)?),
            (None, None) => {
                let problem = "says neither http nor sql; write http = \"POST {{api}}/orders\", or sql = \"INSERT INTO …\"";
                return Err(Mistake::at("", problem));
            }
            (Some(_), Some(_)) => {
                let problem = "both http and sql; an operation is asked for by one of them";
                return Err(Mistake::at("sql", problem));
            }
        };
        let write = Write { how, again, serial };
        if !write.placeholders().iter().any(|open| open.identifies()) {
            let key = match write.how {
                How::Http(_) => "http",
                How::Sql(_) => "sql",
            };
            let problem = "nothing in it tells one operation from another; put {{id}} where the message's content comes from ({{token}} or {{number}} where no UUID fits)";
            return Err(Mistake::at(key, problem));
        }
        Ok(write)
    }

    fn http(self, request: Request) -> Result<Http, Mistake> {
        if request.method == Method::Get {
            let problem = "a GET writes nothing; write POST, PUT, PATCH or DELETE";
            return Err(Mistake::at("http", problem));
        }
        if self.rollback.is_some() {
            let problem = "rollback is of a transaction of the lab's own, and http has none; leave it out, or write sql";
            return Err(Mistake::at("rollback", problem));
        }
        let headers = self.headers.unwrap_or_default();
        for name in headers.keys() {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                let problem = format!("{name:?} is no header's name");
                return Err(Mistake::at(format!("headers.{name}"), problem));
            }
        }
        let body = match (self.json, self.body) {
            (Some(_), Some(_)) => {
                let problem = "both json and body; a request has one";
                return Err(Mistake::at("body", problem));
            }
            (Some(json), None) => Body::Json(json),
            (None, Some(text)) => {
                typed(&text, &headers)?;
                Body::Text(text)
            }
            (None, None) => Body::None,
        };
        Ok(Http {
            request,
            headers,
            body,
            statuses: Statuses::new(self.accepted, self.refused)?,
        })
    }

    fn sql(self, statements: Text<OfOperation>) -> Result<Sql, Mistake> {
        let of_http = [
            ("json", self.json.is_some()),
            ("body", self.body.is_some()),
            ("headers", self.headers.is_some()),
            ("accepted", self.accepted.is_some()),
            ("refused", self.refused.is_some()),
        ];
        if let Some((key, _)) = of_http.into_iter().find(|(_, said)| *said) {
            let problem = format!("{key} is of a request, and sql has none; leave it out");
            return Err(Mistake::at(key, problem));
        }
        if statements.is_blank() {
            return Err(Mistake::at(
                "sql",
                "is empty; write the statements of one operation",
            ));
        }
        if statements
            .placeholders()
            .any(|open| *open == Placeholder::Api)
        {
            let problem = "{{api}} has no meaning in SQL; it is where a request goes";
            return Err(Mistake::at("sql", problem));
        }
        if let Some(word) = transaction_word(&statements.to_string()) {
            let problem = format!(
                "found {word}: the lab begins and ends the transaction itself, or it could not roll any back; leave it out"
            );
            return Err(Mistake::at("sql", problem));
        }
        let rollback = self.rollback.unwrap_or_default();
        if rollback > 99 {
            let problem = format!(
                "rollback = {rollback}: a share in percent that leaves something; at most 99"
            );
            return Err(Mistake::at("rollback", problem));
        }
        Ok(Sql {
            statements,
            rollback,
        })
    }
}

/// What is sent has a type, and is what its type says.
fn typed(
    body: &Text<OfOperation>,
    headers: &BTreeMap<String, Text<OfOperation>>,
) -> Result<(), Mistake> {
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let Some((_, media_type)) = headers.iter().find(|(name, _)| is_type(name)) else {
        let problem = "a body of no type; say it: headers = { content-type = \"application/xml\" }";
        return Err(Mistake::at("body", problem));
    };
    if !media_type.to_string().contains("json") {
        return Ok(());
    }
    let example = Id {
        run: Run::of(0),
        key: 0,
        number: 1,
    };
    // Of the lab's environment nothing is known here: what depends on it is seen when it is sent.
    match body.render(&Values::of(example)).map(|text| {
        serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| (text.clone(), error))
    }) {
        Ok(Err((text, error))) => Err(Mistake::at(
            "body",
            format!("is no JSON once its placeholders are filled: {error}: {text}"),
        )),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

impl Write {
    /// What it leaves open.
    pub fn placeholders(&self) -> Vec<&Placeholder> {
        match &self.how {
            How::Sql(sql) => sql.statements.placeholders().collect(),
            How::Http(http) => {
                let mut all: Vec<_> = http.request.url.placeholders().collect();
                all.extend(http.headers.values().flat_map(Text::placeholders));
                match &http.body {
                    Body::None => {}
                    Body::Json(json) => all.extend(json.placeholders()),
                    Body::Text(text) => all.extend(text.placeholders()),
                }
                all
            }
        }
    }

    /// Whether it is asked for over HTTP.
    pub fn is_http(&self) -> bool {
        matches!(self.how, How::Http(_))
    }
}

/// In a few words.
impl Display for Write {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match &self.how {
            How::Http(http) => write!(f, "{}", http.request),
            How::Sql(sql) => match sql.rollback {
                0 => f.write_str("a transaction of SQL"),
                share => write!(f, "a transaction of SQL, {share} of a hundred rolled back"),
            },
        }
    }
}
