//! `POST /auctions/{auction_id}/bids`, `GET /auctions/{auction_id}/bids`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ApiState;
use super::body::JsonBody;
use super::described::problems;
use super::page::Page;
use super::problem::Problem;
use super::target::Target;
use super::trace_context::{self, TraceContext};
use crate::auctions;
use crate::bids::{self, Bid, NewBid, PlaceError, Placed};
use crate::database::DatabaseError;
use crate::identity::{AuctionId, BidId, UserId};
use crate::metrics::{ApiMetrics, Refusal};
use crate::money::Amount;

/// What a bidder sends.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BidRequest {
    /// Makes a repeated request the same bid. Without one the service chooses, and every request is a new bid.
    bid_id: Option<BidId>,
    /// Who bids.
    user_id: UserId,
    /// How much, in the auction's minor unit.
    amount: Amount,
}

/// A part of an auction's bids.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BidPage {
    /// In order of their sequence.
    pub bids: Vec<Bid>,
    /// Where the next part starts, if this one is full.
    pub next_after: Option<i64>,
}

problems!(
    PlaceProblems: InvalidPath, MalformedJson, AuctionNotFound, BidConflict, UnsupportedMediaType, UnsupportedEncoding,
    InvalidField, BidTooLow, AuctionClosed, Unavailable, TimedOut, OutcomeUnknown
);
problems!(ListProblems: InvalidPath, InvalidQuery, AuctionNotFound, Unavailable, TimedOut, OutcomeUnknown);

/// Places a bid.
#[utoipa::path(
    post,
    path = "/auctions/{auction_id}/bids",
    params(("auction_id" = AuctionId, Path)),
    request_body = BidRequest,
    responses(
        (status = 201, description = "It counts", body = Bid, headers(("Location" = String, description = "The bid"))),
        (status = 200, description = "An earlier request had placed the same bid", body = Bid),
        PlaceProblems,
    )
)]
pub async fn place(
    State(state): State<ApiState>,
    Target(auction_id): Target,
    Extension(trace): Extension<TraceContext>,
    JsonBody(request): JsonBody<BidRequest>,
) -> Result<Response, Problem> {
    let bid = NewBid {
        bid_id: request.bid_id.unwrap_or_else(BidId::generate),
        auction_id,
        user_id: request.user_id,
        amount: request.amount,
    };
    trace_context::know_bid(bid.bid_id);
    let deadline = state.ops.limits.database_deadline;
    let placed = state
        .database
        .transaction(deadline, async |connection| {
            bids::place(connection, &bid, trace.traceparent()).await
        })
        .await;
    answer(placed, bid.bid_id, &state.ops.metrics.api)
}

/// Lists the bids of an auction.
#[utoipa::path(
    get,
    path = "/auctions/{auction_id}/bids",
    params(("auction_id" = AuctionId, Path), Page),
    responses(
        (status = 200, description = "The bids", body = BidPage),
        ListProblems,
    )
)]
pub async fn list(
    State(state): State<ApiState>,
    Target(auction_id): Target,
    page: Page,
) -> Result<Json<BidPage>, Problem> {
    let deadline = state.ops.limits.database_deadline;
    let read = state.database.within(deadline, async |connection| {
        let bids = bids::list(connection, auction_id, page.after, page.limit).await?;
        // Only an empty page can belong to an auction that does not exist.
        let known = !bids.is_empty() || auctions::get(connection, auction_id).await?.is_some();
        Ok::<_, DatabaseError>(known.then_some(bids))
    });
    let bids = read.await?.ok_or_else(Problem::no_such_auction)?;
    let full = i64::try_from(bids.len()).is_ok_and(|count| count == page.limit);
    let next_after = bids.last().filter(|_| full).map(|bid| bid.sequence);
    Ok(Json(BidPage { bids, next_after }))
}

fn answer(
    placed: Result<Placed, PlaceError>,
    bid_id: BidId,
    metrics: &ApiMetrics,
) -> Result<Response, Problem> {
    match placed {
        Ok(Placed {
            bid,
            repeated: true,
        }) => {
            metrics.bids_repeated.inc();
            Ok(Json(bid).into_response())
        }
        Ok(Placed {
            bid,
            repeated: false,
        }) => {
            metrics.bids_placed.inc();
            let before = bid.sequence - 1;
            let location = format!("/auctions/{}/bids?after={before}&limit=1", bid.auction_id);
            Ok((StatusCode::CREATED, [(LOCATION, location)], Json(bid)).into_response())
        }
        Err(error) => {
            let problem = Problem::from(error);
            let refusal = Refusal {
                code: problem.code().as_str(),
            };
            metrics.bids_refused.get_or_create(&refusal).inc();
            Err(problem.about(Some(bid_id)))
        }
    }
}
