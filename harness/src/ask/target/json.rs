//! JSON with placeholders, written as TOML. A string stays a string, also one that is a number's placeholder; whoever needs
//! a number, or null, writes `body` instead.

use std::fmt::Formatter;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::{
    placeholder::{Placeholder, Values},
    text::{OfOperation, Text, Unset},
};

/// A value with open places.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// A string.
    Text(Text<OfOperation>),
    /// A value without an open place.
    Plain(serde_json::Value),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// How TOML hands out a date.
const DATE: &str = "$__toml_private_datetime";

impl Json {
    /// The value with every placeholder's own in its place.
    pub fn render(&self, values: &Values) -> Result<serde_json::Value, Unset> {
        Ok(match self {
            Self::Text(text) => text.render(values)?.into(),
            Self::Plain(value) => value.clone(),
            Self::List(items) => {
                let items = items.iter().map(|item| item.render(values));
                items.collect::<Result<Vec<_>, _>>()?.into()
            }
            Self::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.render(values)?)));
                serde_json::Value::Object(fields.collect::<Result<_, _>>()?)
            }
        })
    }

    /// What it leaves open.
    pub fn placeholders(&self) -> Vec<&Placeholder> {
        match self {
            Self::Text(text) => text.placeholders().collect(),
            Self::Plain(_) => Vec::new(),
            Self::List(items) => items.iter().flat_map(Self::placeholders).collect(),
            Self::Object(fields) => fields
                .iter()
                .flat_map(|(_, value)| value.placeholders())
                .collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Text::parse(text).map(Json::Text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Plain(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json, E> {
        let number = serde_json::Number::from_f64(number);
        let number = number.ok_or_else(|| E::custom("JSON has no such number"))?;
        Ok(Json::Plain(number.into()))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Json, E> {
        Ok(Json::Plain(truth.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(name) = fields.next_key::<String>()? {
            if name == DATE {
                return Err(A::Error::custom("JSON has no dates; write it as text"));
            }
            object.push((name, fields.next_value()?));
        }
        Ok(Json::Object(object))
    }
}
