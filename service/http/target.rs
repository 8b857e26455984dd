//! What a request is about: the auction in its path.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::problem::{Code, Problem};
use super::trace_context;
use crate::identity::AuctionId;

/// The auction that the path names.
pub struct Target(pub AuctionId);

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let invalid = |detail: String| Problem::new(Code::InvalidPath, detail);
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection: PathRejection| invalid(rejection.body_text()))?;
        match AuctionId::try_from(text) {
            Ok(auction_id) => {
                trace_context::know_auction(auction_id);
                Ok(Self(auction_id))
            }
            Err(not_a_name) => Err(invalid(not_a_name.to_string())),
        }
    }
}
