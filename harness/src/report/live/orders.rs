//! What the page's buttons do.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;

use super::Shared;
use crate::run::live::hand::{Order, Orders};

/// Nothing is broken for longer by one order.
const LONGEST: Duration = Duration::from_secs(600);

type Answer = Result<StatusCode, (StatusCode, String)>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Break {
    choice: usize,
    /// Until it is healed, if not given.
    #[serde(default)]
    lasts_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Heal {
    fault: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rate {
    per_second: u32,
}

pub(super) async fn breaks(State(shared): State<Shared>, Json(asked): Json<Break>) -> Answer {
    let lasts = asked.lasts_ms.map(Duration::from_millis);
    if lasts.is_some_and(|lasts| lasts.is_zero() || lasts > LONGEST) {
        let why = format!("a fault lasts up to {} seconds", LONGEST.as_secs());
        return Err((StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let choice = asked.choice;
    give(&shared, Order::Break { choice, lasts }).await
}

pub(super) async fn heal(State(shared): State<Shared>, Json(asked): Json<Heal>) -> Answer {
    give(&shared, Order::Heal(asked.fault)).await
}

pub(super) async fn rate(State(shared): State<Shared>, Json(asked): Json<Rate>) -> Answer {
    give(&shared, Order::Rate(asked.per_second)).await
}

pub(super) async fn one(State(shared): State<Shared>) -> Answer {
    give(&shared, Order::One).await
}

pub(super) async fn judge(State(shared): State<Shared>) -> Answer {
    give(&shared, Order::Judge).await
}

pub(super) async fn end(State(shared): State<Shared>) -> Answer {
    give(&shared, Order::End).await
}

async fn give(shared: &Shared, order: Order) -> Answer {
    let refused = |why: &str| (StatusCode::CONFLICT, why.to_owned());
    let orders: &Orders = shared
        .orders
        .as_ref()
        .ok_or_else(|| refused("this run goes as its story says; `lab live` takes orders"))?;
    let seen = shared.live.seen();
    let (open, stage) = {
        let picture = seen.borrow();
        (picture.open, picture.stage.clone())
    };
    if !open {
        return Err(refused(&format!("not now: {stage}")));
    }
    match orders.give(order).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(why) => Err(refused(&why)),
    }
}
