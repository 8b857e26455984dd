//! A client of the API.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::running::Running;

pub fn http() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()?)
}

/// Opens an auction and returns its name.
pub async fn open_auction(api: &Running) -> Result<String> {
    let auction = json!({
        "title": "A lamp", "currency": "EUR", "starting_price": 100, "closes_at": "2099-01-01T00:00:00Z",
    });
    let answer = http()?
        .post(api.url("/auctions"))
        .json(&auction)
        .send()
        .await?;
    let status = answer.status();
    let opened: Value = answer.json().await?;
    let name = opened["auction_id"].as_str();
    Ok(name
        .with_context(|| format!("{status} {opened}"))?
        .to_owned())
}

/// What asks for a bid.
pub fn bid_request(api: &Running, auction: &str, bid: &Value) -> Result<RequestBuilder> {
    let url = api.url(&format!("/auctions/{auction}/bids"));
    Ok(http()?.post(url).json(bid))
}

/// Status and body of what is answered.
pub async fn answer(request: RequestBuilder) -> Result<(u16, Value)> {
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

/// Places a bid, and returns status and body of the answer.
pub async fn place(
    api: &Running,
    auction: &str,
    user_id: &str,
    amount: i64,
) -> Result<(u16, Value)> {
    let bid = json!({ "user_id": user_id, "amount": amount });
    answer(bid_request(api, auction, &bid)?).await
}
