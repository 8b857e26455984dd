//! Problem documents (RFC 9457): what a client learns when it does not get what it asked for. The full cause goes to the
//! log, never to the client.

use axum::Json;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::trace_context;
use crate::bids::PlaceError;
use crate::database::DatabaseError;
use crate::identity::BidId;
use crate::money::Amount;

/// The media type of every problem document.
pub const PROBLEM_TYPE: &str = "application/problem+json";
/// When to try again; what makes the service unavailable is usually over in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What went wrong, for programs. Stable: a code's meaning never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Code {
    MalformedRequest,
    InvalidPath,
    InvalidQuery,
    InvalidHeader,
    MalformedJson,
    IncompleteBody,
    RouteNotFound,
    AuctionNotFound,
    MethodNotAllowed,
    BodyTooSlow,
    BidConflict,
    BodyTooLarge,
    UnsupportedMediaType,
    UnsupportedEncoding,
    InvalidField,
    BidTooLow,
    AuctionClosed,
    HeadTooLarge,
    Internal,
    Unavailable,
    TimedOut,
    TooManyStreams,
    OutcomeUnknown,
}

impl Code {
    /// The status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MalformedRequest
            | Self::InvalidPath
            | Self::InvalidQuery
            | Self::InvalidHeader
            | Self::MalformedJson
            | Self::IncompleteBody => StatusCode::BAD_REQUEST,
            Self::RouteNotFound | Self::AuctionNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BidConflict => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType | Self::UnsupportedEncoding => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::InvalidField | Self::BidTooLow | Self::AuctionClosed => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable | Self::TimedOut | Self::TooManyStreams | Self::OutcomeUnknown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// As written in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MalformedRequest => "malformed_request",
            Self::InvalidPath => "invalid_path",
            Self::InvalidQuery => "invalid_query",
            Self::InvalidHeader => "invalid_header",
            Self::MalformedJson => "malformed_json",
            Self::IncompleteBody => "incomplete_body",
            Self::RouteNotFound => "route_not_found",
            Self::AuctionNotFound => "auction_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooSlow => "body_too_slow",
            Self::BidConflict => "bid_conflict",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::InvalidField => "invalid_field",
            Self::BidTooLow => "bid_too_low",
            Self::AuctionClosed => "auction_closed",
            Self::HeadTooLarge => "head_too_large",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::TooManyStreams => "too_many_streams",
            Self::OutcomeUnknown => "outcome_unknown",
        }
    }

    /// For the OpenAPI document, and for people where there is no more to say.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::MalformedRequest => "this is not an HTTP request",
            Self::InvalidPath => "the path's id is no UUID",
            Self::InvalidQuery => "a query parameter is unknown, or its value is",
            Self::InvalidHeader => "a header's value is wrong",
            Self::MalformedJson => "the body is missing, or no JSON",
            Self::IncompleteBody => "the body ended before it was complete",
            Self::RouteNotFound => "there is nothing at this path",
            Self::AuctionNotFound => "no auction has this name",
            Self::MethodNotAllowed => "the path does not take this method",
            Self::BodyTooSlow => "the body did not arrive in time",
            Self::BidConflict => "the `bid_id` belongs to another bid",
            Self::BodyTooLarge => "the body is longer than `--max-body-bytes`",
            Self::UnsupportedMediaType => "the body must be `application/json`",
            Self::UnsupportedEncoding => "the body must not have a `Content-Encoding`",
            Self::InvalidField => {
                "`field` is missing, unknown, or has a wrong value: `detail` says what was expected"
            }
            Self::BidTooLow => {
                "a bid must be more than `highest_amount`, the first one at least `starting_price`"
            }
            Self::AuctionClosed => "the auction's time is up",
            Self::HeadTooLarge => {
                "the request's line and headers are longer than 32 KiB, or more than 100"
            }
            Self::Internal => "the service failed; the cause is in its log",
            Self::Unavailable => "the database is not available; nothing was changed",
            Self::TimedOut => "the database did not answer in time; nothing was changed",
            Self::TooManyStreams => {
                "all places among the live feeds are taken (`--max-live-streams`)"
            }
            Self::OutcomeUnknown => {
                "the change may or may not have happened; repeat a bid with this `bid_id` to find out"
            }
        }
    }
}

/// A problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says more than a page would.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status in digits.
    status: u16,
    /// What went wrong, for programs.
    code: Code,
    /// What went wrong, for people.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// With `bid_too_low`: what the bid had to be more than.
    #[serde(skip_serializing_if = "Option::is_none")]
    highest_amount: Option<Amount>,
    /// With `bid_too_low`: what the first bid had to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_price: Option<Amount>,
    /// With `invalid_field`: which one, unless it is the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    field: Option<Box<str>>,
    /// With `outcome_unknown`: the bid that may have been placed, also if the service chose its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    bid_id: Option<BidId>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into().into_boxed_str(),
            highest_amount: None,
            starting_price: None,
            field: None,
            bid_id: None,
        }
    }

    /// A problem of which its code says all.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    /// A wrong field.
    pub fn invalid_field(field: Option<&str>, expected: &str) -> Self {
        let detail = match field {
            Some(field) => format!("{field}: {expected}"),
            None => expected.to_owned(),
        };
        Self {
            field: field.map(Box::from),
            ..Self::new(Code::InvalidField, detail)
        }
    }

    /// Tells the bid's name, if the client needs it to find out what became of the bid.
    pub fn about(self, bid_id: Option<BidId>) -> Self {
        match self.code {
            Code::OutcomeUnknown => Self { bid_id, ..self },
            _ => self,
        }
    }

    /// Of which kind it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// No auction has the name that was asked for.
    pub fn no_such_auction() -> Self {
        PlaceError::AuctionNotFound.into()
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        let detail = error.to_string();
        match error {
            PlaceError::AuctionNotFound => Self::new(Code::AuctionNotFound, detail),
            PlaceError::Closed => Self::new(Code::AuctionClosed, detail),
            PlaceError::Conflict => Self::new(Code::BidConflict, detail),
            PlaceError::NotHighest(highest) => Self {
                highest_amount: Some(highest),
                ..Self::new(Code::BidTooLow, detail)
            },
            PlaceError::BelowStart(start) => Self {
                starting_price: Some(start),
                ..Self::new(Code::BidTooLow, detail)
            },
            PlaceError::Database(error) => error.into(),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        trace_context::logged().in_scope(|| match &error {
            DatabaseError::Other(_) => tracing::error!(?error, "a defect in a statement"),
            DatabaseError::Refused(_) if !error.is_about_a_value() => {
                tracing::error!(?error, "a rule of the schema that the code does not know");
            }
            _ => tracing::warn!(?error, "the database failed a request"),
        });
        let of_another_schema = error.is_about_the_schema();
        match error {
            DatabaseError::Unavailable(_) | DatabaseError::Unsuitable(_) => {
                Self::of(Code::Unavailable)
            }
            DatabaseError::TimedOut => Self::of(Code::TimedOut),
            DatabaseError::OutcomeUnknown(_) => Self::new(
                Code::OutcomeUnknown,
                "the change may or may not have happened; repeat a bid with the same bid_id to find out",
            ),
            DatabaseError::Refused(_) if error.is_about_a_value() => Self::new(
                Code::InvalidField,
                "the database cannot hold a value of this request; nothing was changed",
            ),
            _ if of_another_schema => Self::new(
                Code::Unavailable,
                "the database's schema is not this version's; nothing was changed",
            ),
            DatabaseError::Refused(_) | DatabaseError::Other(_) => Self::of(Code::Internal),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code;
        let status = code.status();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if code == Code::UnsupportedEncoding {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(problem: Problem) -> serde_json::Value {
        serde_json::to_value(problem).expect("a problem is JSON")
    }

    #[test]
    fn a_low_bid_learns_what_to_beat() {
        let highest = Amount::try_from(500).expect("positive");
        let document = document(PlaceError::NotHighest(highest).into());
        assert_eq!(
            document,
            serde_json::json!({
                "type": "about:blank",
                "title": "Unprocessable Entity",
                "status": 422,
                "code": "bid_too_low",
                "detail": "a bid must be more than 500",
                "highest_amount": 500,
            })
        );
    }

    #[test]
    fn a_defect_tells_the_client_nothing() {
        let defect = DatabaseError::Other(sqlx::Error::ColumnNotFound("secret".into()));
        let document = document(defect.into()).to_string();
        assert!(!document.contains("secret"), "{document}");
    }

    #[test]
    fn unavailable_says_when_to_come_back() {
        let response = Problem::from(DatabaseError::OutcomeUnknown(None)).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_TYPE);
    }

    #[test]
    fn only_who_has_to_ask_again_learns_the_bids_name() {
        let bid_id = BidId::generate();
        let unknown = Problem::from(DatabaseError::OutcomeUnknown(None)).about(Some(bid_id));
        assert_eq!(document(unknown)["bid_id"], bid_id.to_string());
        let unchanged = Problem::from(DatabaseError::TimedOut).about(Some(bid_id));
        assert!(document(unchanged)["bid_id"].is_null());
    }

    #[test]
    fn a_code_is_spelled_one_way() {
        for code in [
            Code::InvalidPath,
            Code::BidTooLow,
            Code::OutcomeUnknown,
            Code::TooManyStreams,
        ] {
            assert_eq!(serde_json::json!(code), code.as_str());
        }
    }
}
