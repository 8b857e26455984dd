//! `GET /`: a page on which a person opens an auction, bids, and watches the live feed. It uses what every client uses, and
//! nothing of it comes from elsewhere.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use axum::routing::get;

const PAGE: &str = include_str!("front/page.html");
const SCRIPT: &str = include_str!("front/page.js");
const STYLE: &str = include_str!("front/page.css");

/// What the page may do: ask where it came from, and nobody else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page and its parts.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|| part("text/html", PAGE)))
        .route("/page.js", get(|| part("text/javascript", SCRIPT)))
        .route("/page.css", get(|| part("text/css", STYLE)))
}

async fn part(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, format!("{kind}; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        // The parts belong together: after an upgrade none of them is an old one.
        (CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (headers, text)
}
