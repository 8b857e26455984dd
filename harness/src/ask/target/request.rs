//! A request over HTTP: `POST {{api}}/orders`.

use std::fmt::{Display, Formatter};

use serde::Deserialize;

use super::{
    placeholder::Placeholder,
    text::{OfOperation, Text},
};
use crate::ask::spelling::did_you_mean;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Writes.
    Post,
    /// Writes.
    Put,
    /// Writes.
    Patch,
    /// Writes.
    Delete,
}

impl Method {
    const NAMED: [(&'static str, Self); 5] = [
        ("GET", Self::Get),
        ("POST", Self::Post),
        ("PUT", Self::Put),
        ("PATCH", Self::Patch),
        ("DELETE", Self::Delete),
    ];

    /// As HTTP has it.
    pub fn name(self) -> &'static str {
        let known = Self::NAMED.into_iter().find(|(_, method)| *method == self);
        known.map_or("?", |(name, _)| name)
    }
}

/// A method and a URL that begins with `{{api}}`: every request goes over an edge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Request {
    /// What it does.
    pub method: Method,
    /// With what.
    pub url: Text<OfOperation>,
}

impl TryFrom<String> for Request {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wanted = "write a method and a path of the API, such as \"POST {{api}}/orders\"";
        let (method, url) = text
            .trim()
            .split_once(' ')
            .ok_or_else(|| format!("{text:?} is no request; {wanted}"))?;
        let names = Method::NAMED.map(|(name, _)| name);
        let known = Method::NAMED.into_iter().find(|(name, _)| *name == method);
        let (_, method) = known.ok_or_else(|| {
            format!(
                "{method:?} is no method{}; {wanted}",
                did_you_mean(method, names)
            )
        })?;
        let url = url.trim();
        if !url.starts_with("{{api}}") && url.starts_with("http") {
            return Err(format!(
                "{url:?} goes around the edges, and is fixed besides; {wanted}"
            ));
        }
        let path = url.strip_prefix("{{api}}");
        if !path.is_some_and(|path| path.starts_with('/')) || url.contains(' ') {
            return Err(format!("{url:?} is no path of the API; {wanted}"));
        }
        let url = Text::parse(url)?;
        if url
            .placeholders()
            .filter(|open| **open == Placeholder::Api)
            .count()
            > 1
        {
            return Err(format!("\"{url}\" says {{{{api}}}} twice; {wanted}"));
        }
        Ok(Self { method, url })
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method.name(), self.url)
    }
}
