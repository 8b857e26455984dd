//! `POST /auctions`, `GET /auctions/{auction_id}`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;

use super::ApiState;
use super::body::JsonBody;
use super::described::problems;
use super::problem::Problem;
use super::target::Target;
use crate::auctions::{self, Auction, NewAuction};
use crate::identity::AuctionId;

problems!(
    CreateProblems: MalformedJson, UnsupportedMediaType, UnsupportedEncoding, InvalidField, Unavailable, TimedOut, OutcomeUnknown
);
problems!(ReadProblems: InvalidPath, AuctionNotFound, Unavailable, TimedOut, OutcomeUnknown);

/// Opens an auction.
#[utoipa::path(
    post,
    path = "/auctions",
    request_body = NewAuction,
    responses(
        (status = 201, description = "It is open", body = Auction, headers(("Location" = String, description = "The auction"))),
        CreateProblems,
    )
)]
pub async fn create(
    State(state): State<ApiState>,
    JsonBody(wanted): JsonBody<NewAuction>,
) -> Result<impl IntoResponse, Problem> {
    let deadline = state.ops.limits.database_deadline;
    let auction: Auction = state
        .database
        .transaction(deadline, async |connection| {
            auctions::create(connection, &wanted).await
        })
        .await?;
    let location = format!("/auctions/{}", auction.auction_id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(auction)))
}

/// Shows an auction and its highest bid.
#[utoipa::path(
    get,
    path = "/auctions/{auction_id}",
    params(("auction_id" = AuctionId, Path)),
    responses(
        (status = 200, description = "The auction", body = Auction),
        ReadProblems,
    )
)]
pub async fn read(
    State(state): State<ApiState>,
    Target(auction_id): Target,
) -> Result<Json<Auction>, Problem> {
    let deadline = state.ops.limits.database_deadline;
    let found = state
        .database
        .within(deadline, async |connection| {
            auctions::get(connection, auction_id).await
        })
        .await?;
    found.map(Json).ok_or_else(Problem::no_such_auction)
}
