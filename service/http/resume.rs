//! Where a feed is taken up again: the `Last-Event-ID` header.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Required, Schema};

use super::problem::{Code, Problem};

const HEADER: &str = "Last-Event-ID";

/// The sequence after which the feed goes on, if it is not a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for Resume {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let value = parts.headers.get(HEADER);
        // Whoever has seen no event with an id yet may say so by an empty one.
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(Self(None));
        };
        let sequence = value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        match sequence.filter(|sequence| *sequence >= 0) {
            Some(sequence) => Ok(Self(Some(sequence))),
            None => Err(Problem::new(
                Code::InvalidHeader,
                format!("{HEADER}: must be a sequence"),
            )),
        }
    }
}

impl IntoParams for Resume {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let sequence = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0_i64))
            .maximum(Some(i64::MAX));
        let nothing = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(0));
        let either: Schema = OneOfBuilder::new().item(sequence).item(nothing).into();
        let header = ParameterBuilder::new()
            .name(HEADER)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The sequence after which to resume; empty is as if absent. Applied bids are kept for a time \
                 (`--inbox-retention-s`, 7 days as shipped): whoever resumes from before gets a `gap` event in place of those \
                 that are gone",
            ))
            .schema(Some(either));
        vec![header.build()]
    }
}
