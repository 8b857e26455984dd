//! Request bodies as Go reads JSON: keys in any case, and a null as if it were not there.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;

/// Reads a body.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .and_then(|value| serde_json::from_value(folded(value)))
        .map_err(|error| Problem::BadBody(error.to_string()))
}

fn folded(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.to_lowercase(), folded(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(values) => Value::Array(values.into_iter().map(folded).collect()),
        plain => plain,
    }
}
