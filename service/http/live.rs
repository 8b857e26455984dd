//! `GET /auctions/{auction_id}/live`: server-sent events of what the consumer applied.
//!
//! First a `standing`, then a `bid` for every applied bid, in sequence order and without gaps. An event's id is the
//! bid's sequence, so a client that comes back with `Last-Event-ID` misses nothing. What is not kept so long is not passed
//! over in silence: a `gap` says which bids are missing.
//!
//! A feed ends at its age. Of one on which nothing happens the kernel takes the few comments for days, read or not: no other
//! deadline would notice in time that nobody reads.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::unfold;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, timeout_at};
use tracing::Span;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::ApiState;
use super::described::problems;
use super::problem::{Code, Problem};
use super::resume::Resume;
use super::target::Target;
use super::trace_context;
use crate::auctions;
use crate::bids::Bid;
use crate::database::DatabaseError;
use crate::identity::AuctionId;
use crate::live::Subscription;
use crate::standings::{self, Gap, Next, Standing};

/// How many bids a feed reads at once.
const READ_AHEAD: i64 = 100;
/// What part of its age is left to chance: feeds that began together, after a restart, do not come back together.
const AGE_BY_CHANCE: f64 = 0.1;

/// A proxy neither keeps events for later nor changes them. nginx looks at the first header and at no other, and buffers
/// without it.
const PASS_ON: [(HeaderName, HeaderValue); 2] = [
    (
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    ),
    (
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    ),
];

/// An event of a feed, for the OpenAPI document.
pub struct FeedEvent;

impl PartialSchema for FeedEvent {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let kinds = ["standing", "bid", "gap"];
        ObjectBuilder::new()
            .property("event", text().enum_values(Some(kinds)))
            .property("id", text().pattern(Some(r"^\d+$")))
            .property(
                "data",
                text()
                    .content_media_type("application/json")
                    .description(Some("A Standing, a Bid or a Gap")),
            )
            .required("event")
            .required("data")
            .into()
    }
}

impl ToSchema for FeedEvent {}

problems!(
    FeedProblems: InvalidPath, InvalidHeader, AuctionNotFound, Unavailable, TimedOut, TooManyStreams, OutcomeUnknown
);

/// Shows an auction live.
#[utoipa::path(
    get,
    path = "/auctions/{auction_id}/live",
    params(
        ("auction_id" = AuctionId, Path),
        Resume,
    ),
    responses(
        (status = 200, headers(("X-Accel-Buffering" = String, description = "`no`: a proxy passes each event on at once")), description = "Events: first `standing` (Standing), then `bid` (Bid) for every applied bid, in order and without gaps; each one's id is the sequence to resume after. `gap` (Gap) stands for applied bids that are not kept for feeds any more: those after `after`, up to `until`, are in `GET /auctions/{auction_id}/bids?after=…`, and the feed goes on behind them. After some hours the feed ends: take it up again with `Last-Event-ID`", body = FeedEvent, content_type = "text/event-stream"),
        FeedProblems,
    )
)]
pub async fn feed(
    State(state): State<ApiState>,
    Target(auction_id): Target,
    Resume(resume_after): Resume,
) -> Result<impl IntoResponse, Problem> {
    // Before the first read, so that no wake-up falls between them.
    let subscription = state.live.subscribe(auction_id).ok_or_else(|| {
        Problem::new(
            Code::TooManyStreams,
            "all places among the live feeds are taken",
        )
    })?;
    let deadline = state.ops.limits.database_deadline;
    let read = state.live.database().within(deadline, async |connection| {
        match auctions::get(connection, auction_id).await? {
            Some(_) => standings::standing(connection, auction_id).await.map(Some),
            None => Ok::<_, DatabaseError>(None),
        }
    });
    let standing = read.await?.ok_or_else(Problem::no_such_auction)?;
    let keep_alive = KeepAlive::new().interval(state.ops.limits.keep_alive);
    let open = Open::count(&state.ops.metrics.api.live_streams);
    let share = rand::random_range(1.0 - AGE_BY_CHANCE..=1.0);
    let ends = Instant::now() + state.ops.limits.feed_age.mul_f64(share);
    let feed = Feed {
        state,
        auction_id,
        subscription,
        shown: resume_after.unwrap_or(standing.last_sequence),
        standing: Some((standing, resume_after.is_some())),
        missed: None,
        unshown: VecDeque::new(),
        logged: trace_context::logged(),
        _open: open,
    };
    let events = unfold(feed, move |mut feed| async move {
        let event = timeout_at(ends, feed.next()).await.ok()??;
        Some((Ok::<_, Infallible>(event), feed))
    });
    Ok((PASS_ON, Sse::new(events).keep_alive(keep_alive)))
}

struct Feed {
    state: ApiState,
    auction_id: AuctionId,
    subscription: Subscription,
    /// The sequence of the last bid that was shown.
    shown: i64,
    /// The first event, and whether the client resumes.
    standing: Option<(Standing, bool)>,
    /// What comes next, in this order.
    missed: Option<Gap>,
    unshown: VecDeque<Bid>,
    /// What its log lines are seen by: it outlives its request.
    logged: Span,
    _open: Open,
}

impl Feed {
    /// The next event, however long it takes; `None` when the process stops.
    async fn next(&mut self) -> Option<Event> {
        if let Some((standing, resumes)) = self.standing.take() {
            let event = Event::default().event("standing");
            // A client that resumes is still to be shown what lies before the standing: no id, or it would skip that.
            let event = if resumes {
                event
            } else {
                event.id(self.shown.to_string())
            };
            return Some(with_data(event, &standing));
        }
        loop {
            if let Some(gap) = self.missed.take() {
                self.shown = gap.until;
                let event = Event::default().event("gap").id(gap.until.to_string());
                return Some(with_data(event, &gap));
            }
            if let Some(bid) = self.unshown.pop_front() {
                self.shown = bid.sequence;
                let event = Event::default().event("bid").id(bid.sequence.to_string());
                return Some(with_data(event, &bid));
            }
            let goes_on = match self.read().await {
                Some(next) if next == Next::default() => self.subscription.moved().await,
                Some(next) => {
                    self.missed = next.gap;
                    self.unshown = next.bids.into();
                    true
                }
                None => self.subscription.pause().await,
            };
            if !goes_on {
                return None;
            }
        }
    }

    /// What was applied since, unless it cannot be read now: the client need not reconnect for that.
    async fn read(&self) -> Option<Next> {
        let deadline = self.state.ops.limits.database_deadline;
        let read = self
            .state
            .live
            .database()
            .within(deadline, async |connection| {
                standings::next_after(connection, self.auction_id, self.shown, READ_AHEAD).await
            });
        match read.await {
            Ok(next) => Some(next),
            Err(error) => {
                self.logged
                    .in_scope(|| tracing::warn!(%error, "a live feed could not read"));
                None
            }
        }
    }
}

/// One open feed in the gauge.
struct Open(Gauge);

impl Open {
    fn count(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn with_data(event: Event, data: &impl serde::Serialize) -> Event {
    // Plain data cannot fail to become JSON; if it did, the comment would keep the order of the rest.
    event
        .json_data(data)
        .unwrap_or_else(|error| Event::default().comment(error.to_string()))
}
