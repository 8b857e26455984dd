//! JSON bodies: read within limits, then parsed into types that cannot be wrong.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::OpsState;
use super::problem::{Code, Problem};

/// Reads the body of every request before anything else looks at it. Whatever is wrong with the request, a client that
/// still sends when the connection closes may never see the answer.
pub async fn arrive(State(state): State<OpsState>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(head, body)).await;
    }
    let limit = state.limits.body_bytes;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if head.headers.contains_key(EXPECT) && announced > limit {
        // The client asked before sending: nothing is under way.
        return too_large(limit).into_response();
    }
    match read(body, limit, state.limits.body_deadline).await {
        Ok(bytes) => next.run(Request::from_parts(head, bytes.into())).await,
        Err(problem) => problem.into_response(),
    }
}

/// Keeps at most `limit` bytes; the rest is thrown away as long as there is time.
async fn read(body: Body, limit: usize, allowed: Duration) -> Result<Vec<u8>, Problem> {
    let deadline = Instant::now() + allowed;
    let mut kept = Vec::new();
    let mut seen = 0_usize;
    let mut chunks = body.into_data_stream();
    loop {
        match timeout_at(deadline, chunks.next()).await {
            Ok(Some(Ok(chunk))) => {
                seen = seen.saturating_add(chunk.len());
                if seen <= limit {
                    kept.extend_from_slice(&chunk);
                }
            }
            Ok(None) if seen <= limit => return Ok(kept),
            Err(_) if seen <= limit => {
                let detail = format!("the body did not arrive within {} ms", allowed.as_millis());
                return Err(Problem::new(Code::BodyTooSlow, detail));
            }
            Ok(None) | Err(_) => return Err(too_large(limit)),
            Ok(Some(Err(_))) => {
                let detail = "the body ended before it was complete";
                return Err(Problem::new(Code::IncompleteBody, detail));
            }
        }
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("a body has at most {limit} bytes"),
    )
}

/// A JSON object in the request's body.
pub struct JsonBody<T>(pub T);

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body must be application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        if is_encoded(request.headers()) {
            let detail = "the body must not have a Content-Encoding";
            return Err(Problem::new(Code::UnsupportedEncoding, detail));
        }
        match Bytes::from_request(request, state).await {
            Ok(bytes) => parse(&bytes).map(Self),
            Err(rejection) => Err(Problem::new(Code::IncompleteBody, rejection.body_text())),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Broken JSON is a 400, JSON that does not say the right thing is a 422.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::new(Code::MalformedJson, "the body is missing"));
    }
    // All of it first, or a wrong value before the break would hide the break. And serde would take an array for a
    // struct, field by field.
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(_)) => {}
        Ok(_) => {
            let detail = "the body must be a JSON object";
            return Err(Problem::invalid_field(None, detail));
        }
        Err(broken) => return Err(Problem::new(Code::MalformedJson, broken.to_string())),
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        wrong_field(&path, &error.into_inner())
    })
}

/// Says which field is wrong and what was expected. Only the words of our own types say more than the kind of mistake.
fn wrong_field(path: &str, error: &serde_json::Error) -> Problem {
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let said = said.strip_suffix(&place).unwrap_or(&said);
    let mistakes = [
        ("missing field `", "is missing"),
        ("unknown field `", "is not a field of this request"),
        ("duplicate field `", "is there twice"),
    ];
    for (mistake, expected) in mistakes {
        let named = said.strip_prefix(mistake);
        if let Some((field, _)) = named.and_then(|rest| rest.split_once('`')) {
            return Problem::invalid_field(Some(field), expected);
        }
    }
    Problem::invalid_field(Some(path), said)
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
    fn a_problem_names_the_field_and_what_was_expected() {
        let good = r#""title": "t", "currency": "EUR", "closes_at": "2030-01-01T00:00:00Z""#;
        let amount = "starting_price: an amount is a whole number of minor units greater than zero";
        let cases = [
            (format!(r#"{{{good}, "starting_price": -1}}"#), amount),
            (format!(r#"{{{good}, "starting_price": "7"}}"#), amount),
            (format!(r#"{{{good}, "starting_price": 1.5}}"#), amount),
            (format!(r#"{{{good}, "starting_price": null}}"#), amount),
            (
                format!(r#"{{{good}, "starting_price": {{"a": []}}}}"#),
                amount,
            ),
            (
                format!(r#"{{{good}, "starting_price": 18446744073709551616}}"#),
                amount,
            ),
            (
                r#"{"title": 7}"#.to_owned(),
                "title: a title has 1 to 200 characters, none of them NUL",
            ),
            (format!("{{{good}}}"), "starting_price: is missing"),
            (
                format!(r#"{{{good}, "starting_price": 1, "colour": 1}}"#),
                "colour: is not a field of this request",
            ),
            (
                format!(r#"{{{good}, "title": "u"}}"#),
                "title: is there twice",
            ),
        ];
        for (body, detail) in cases {
            let problem = parse::<NewAuction>(body.as_bytes()).expect_err(&body);
            let document = serde_json::to_value(&problem).expect("JSON");
            assert_eq!(document["detail"], detail, "{body}");
            let field = detail.split_once(':').map(|(field, _)| field);
            assert_eq!(document["field"].as_str(), field, "{body}");
        }
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
