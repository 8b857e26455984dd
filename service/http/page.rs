//! Pages of a list: `?after=<sequence>&limit=<count>`.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::{Code, Problem};

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The sequence after which it starts.
    #[serde(default)]
    #[param(minimum = 0, maximum = 9223372036854775807i64, default = 0)]
    pub after: i64,
    /// How many items it has at most.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: i64,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(Code::InvalidQuery, detail);
        let Query(page) =
            Query::<Self>::try_from_uri(&parts.uri).map_err(|error| invalid(error.body_text()))?;
        if page.after < 0 {
            return Err(invalid("after: must not be negative".to_owned()));
        }
        if !(1..=MAX_LIMIT).contains(&page.limit) {
            return Err(invalid(format!("limit: must be 1 to {MAX_LIMIT}")));
        }
        Ok(page)
    }
}

fn default_limit() -> i64 {
    DEFAULT_LIMIT
}
