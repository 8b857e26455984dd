//! Bidders: what one of them sends, and what it hears.

use std::time::Duration;

use reqwest::{header::CONTENT_TYPE, redirect};

use super::answer;
use crate::{
    history::{Asked, Outcome},
    judge::auction::bid::Bid,
    system::Api,
};

/// How long a bidder waits before it gives up without knowing. Longer than the service takes to say 503 by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everybody who bids or reads lists. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bidders {
    pub(super) http: reqwest::Client,
}

impl Bidders {
    /// Bidders that follow no redirect and ask nobody's proxy.
    pub fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { http })
    }

    /// Sends one bid to one process of the API.
    pub async fn ask(&self, bid: &Asked, api: &Api) -> Outcome {
        let url = format!("{}/auctions/{}/bids", api.url, bid.key.0);
        let body = serde_json::json!({ "bid_id": bid.id, "user_id": bid.user_id(), "amount": bid.amount() });
        match self.http.post(url).json(&body).send().await {
            Ok(response) => hear(bid, response).await,
            Err(error) => Outcome::Unknown {
                status: None,
                reason: root_cause(&error),
            },
        }
    }
}

async fn hear(bid: &Asked, response: reqwest::Response) -> Outcome {
    let status = response.status().as_u16();
    let media_type = response.headers().get(CONTENT_TYPE);
    let media_type = media_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match response.bytes().await {
        Ok(body) => answer::read(bid, status, &media_type.unwrap_or_default(), &body),
        Err(error) => Outcome::Unknown {
            status: Some(status),
            reason: format!("the answer broke off: {}", root_cause(&error)),
        },
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
