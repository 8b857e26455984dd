//! `GET /openapi.json`.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::{auctions, bids, live, operations};
use crate::standings::{Gap, Standing};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "outbox-service",
        description = "Bids over HTTP, published through a transactional outbox"
    ),
    paths(
        auctions::create,
        auctions::read,
        bids::place,
        bids::list,
        live::feed,
        operations::healthz,
        operations::readyz,
        operations::metrics,
    ),
    components(schemas(Gap, Standing))
)]
struct Api;

/// The API's own description.
pub async fn document() -> Json<Document> {
    Json(Api::openapi())
}
