//! `GET /openapi.json`: the API as its routes describe it.

use axum::Extension;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa::OpenApi;

use super::described::problems;
use super::problem::Problem;
use crate::standings::{Gap, Standing};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "outbox-service",
        description = "Bids over HTTP, published through a transactional outbox.\n\n\
            Each answer that is not a success is a problem document (RFC 9457) with a stable `code`, also where no \
            operation is described: 404 `route_not_found`, and 405 `method_not_allowed` with `Allow`."
    ),
    components(schemas(Gap, Problem, Standing))
)]
struct Base;

/// What is not said at any route.
pub fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The finished document. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Document(Bytes);

impl Document {
    /// The document of routes that have said what they are.
    pub fn new(described: &utoipa::openapi::OpenApi) -> Self {
        // Plain data cannot fail to become JSON.
        Self(Bytes::from(described.to_json().unwrap_or_default()))
    }
}

problems!(Problems:);

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses(
        (status = 200, description = "An OpenAPI document", content_type = "application/json", body = serde_json::Value),
        Problems,
    )
)]
pub async fn document(Extension(Document(json)): Extension<Document>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], json)
}
