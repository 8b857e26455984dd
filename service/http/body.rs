//! JSON bodies: read within limits, then parsed into types that cannot be wrong.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::OpsState;
use super::problem::{Code, Problem};

/// How much of a body that is too long is thrown away before the answer, in multiples of the limit. A client that still
/// sends when the connection closes may never see the answer.
const DRAINED_LIMITS: usize = 256;

/// A JSON object in the request's body.
pub struct JsonBody<T>(pub T);

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    OpsState: FromRef<S>,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = OpsState::from_ref(state).limits;
        let (head, body) = request.into_parts();
        let waits_for_leave = head.headers.contains_key(EXPECT);
        let read = read(body, limits.body_bytes, waits_for_leave);
        // The body is read before the media type is judged, for the same reason that a long one is drained.
        let bytes = within(limits.body_deadline, read).await?;
        if !is_json(&head.headers) {
            let detail = "the body must be application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        parse(&bytes).map(Self)
    }
}

async fn within(
    deadline: Duration,
    read: impl Future<Output = Result<Vec<u8>, Problem>>,
) -> Result<Vec<u8>, Problem> {
    match tokio::time::timeout(deadline, read).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            Code::BodyTooSlow,
            format!("the body did not arrive within {} ms", deadline.as_millis()),
        )),
    }
}

async fn read(body: Body, limit: usize, waits_for_leave: bool) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new(
            Code::BodyTooLarge,
            format!("a body has at most {limit} bytes"),
        )
    };
    let announced = http_body_size(&body);
    if waits_for_leave && announced > limit as u64 {
        return Err(too_large());
    }
    let mut kept = Vec::new();
    let mut seen = 0_usize;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(
                Code::IncompleteBody,
                "the body ended before it was complete",
            )
        })?;
        seen = seen.saturating_add(chunk.len());
        if seen <= limit {
            kept.extend_from_slice(&chunk);
        } else if seen > limit.saturating_mul(DRAINED_LIMITS) {
            break;
        }
    }
    if seen > limit {
        Err(too_large())
    } else {
        Ok(kept)
    }
}

fn http_body_size(body: &Body) -> u64 {
    axum::body::HttpBody::size_hint(body).lower()
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Broken JSON is a 400, JSON that does not say the right thing is a 422.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::new(Code::MalformedJson, "the body is missing"));
    }
    // serde would take an array for a struct, field by field.
    let object = bytes.trim_ascii_start().first() == Some(&b'{');
    if !object && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        return Err(Problem::new(
            Code::InvalidField,
            "the body must be a JSON object",
        ));
    }
    match Json::from_bytes(bytes) {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => {
            let code = match rejection {
                JsonRejection::JsonDataError(_) => Code::InvalidField,
                _ => Code::MalformedJson,
            };
            Err(Problem::new(code, rejection.body_text()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auctions::NewAuction;

    fn code(body: &str) -> Code {
        parse::<NewAuction>(body.as_bytes()).expect_err(body).code()
    }

    #[test]
    fn broken_json_is_told_from_wrong_values() {
        for broken in [
            "",
            " ",
            "{",
            "{]",
            "nul",
            "{} {}",
            r#"{"title": "\ud800"}"#,
            r#"{"starting_price": 1e999}"#,
        ] {
            assert_eq!(code(broken), Code::MalformedJson, "{broken}");
        }
        for wrong in [
            "null",
            "[]",
            r#"["a", "EUR", 1, "2030-01-01T00:00:00Z"]"#,
            "7",
            "{}",
            r#"{"colour": 1}"#,
        ] {
            assert_eq!(code(wrong), Code::InvalidField, "{wrong}");
        }
    }

    #[test]
    fn a_problem_names_the_field() {
        let body = r#"{"title": "t", "currency": "EUR", "starting_price": -1}"#;
        let problem = parse::<NewAuction>(body.as_bytes()).expect_err("negative");
        let document = serde_json::to_string(&problem).expect("JSON");
        assert!(
            document.contains("starting_price: an amount is"),
            "{document}"
        );
    }

    #[test]
    fn only_json_is_json() {
        let named = |name: &'static str| {
            HeaderMap::from_iter([(CONTENT_TYPE, axum::http::HeaderValue::from_static(name))])
        };
        assert!(is_json(&named("application/json")));
        assert!(is_json(&named("Application/JSON; charset=utf-8")));
        assert!(!is_json(&named("application/jsonp")));
        assert!(!is_json(&named("text/plain")));
        assert!(!is_json(&HeaderMap::new()));
    }
}
