//! The router without a database: whatever is malformed is refused before Postgres is asked, and Postgres being away is
//! a 503.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::database::DatabaseAddress;

const AUCTION: &str = "/auctions/0198c0de-7a3b-7def-8123-456789abcdef";
const MOMENT: Duration = Duration::from_millis(200);

fn limits() -> HttpLimits {
    HttpLimits {
        body_bytes: 256,
        body_deadline: MOMENT,
        database_deadline: MOMENT,
        request_deadline: 10 * MOMENT,
        keep_alive: MOMENT,
        feed_age: Duration::from_secs(60),
    }
}

fn nowhere() -> Database {
    let address = DatabaseAddress::read("postgres://nobody@127.0.0.1:1/nothing").expect("a URL");
    Database::connect_lazy(&address, 1, MOMENT, MOMENT, "test", &[])
}

fn router() -> Router {
    let database = nowhere();
    let ops = OpsState {
        metrics: Metrics::new(),
        readiness: Readiness::default(),
        database: database.clone(),
        publishes: false,
        backlog: BacklogCache::default(),
        limits: limits(),
    };
    let live = LiveHub::new(database.clone(), 1, MOMENT, CancellationToken::new());
    let state = ApiState {
        database,
        live,
        ops,
    };
    api_router(state, Scraped::Here)
}

fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    let json = ("content-type", "application/json");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(json.0, json.1);
    request.body(body.into()).expect("a request")
}

async fn send(request: Request<Body>) -> Response {
    router()
        .oneshot(request)
        .await
        .expect("the router answers everything")
}

async fn problem(request: Request<Body>) -> (StatusCode, Value) {
    let response = send(request).await;
    let status = response.status();
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body = to_bytes(response.into_body(), 1 << 16)
        .await
        .expect("a body");
    let document: Value = serde_json::from_slice(&body).expect("a document");
    assert_eq!(document["status"], status.as_u16());
    (status, document)
}

#[tokio::test]
async fn the_page_and_its_parts_are_there_and_may_ask_nobody_else() {
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
    ] {
        let response = send(request("GET", path, "")).await;
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers["content-type"], kind);
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let body = to_bytes(response.into_body(), 1 << 16).await;
        let text = String::from_utf8(body.expect("a body").into()).expect("text");
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn malformed_requests_are_the_clients_mistake() {
    let bids = format!("{AUCTION}/bids");
    let nul = r#"{"user_id": "a\u0000", "amount": 1}"#;
    let cases = [
        (request("GET", "/nothing", ""), 404, "route_not_found"),
        (request("DELETE", AUCTION, ""), 405, "method_not_allowed"),
        (request("GET", "/auctions/7", ""), 400, "invalid_path"),
        (request("GET", "/auctions/%ff", ""), 400, "invalid_path"),
        (
            request("GET", &format!("{bids}?limit=0"), ""),
            400,
            "invalid_query",
        ),
        (
            request("GET", &format!("{bids}?after=-1"), ""),
            400,
            "invalid_query",
        ),
        (
            request("GET", &format!("{bids}?page=2"), ""),
            400,
            "invalid_query",
        ),
        (request("POST", &bids, ""), 400, "malformed_json"),
        (request("POST", &bids, "{"), 400, "malformed_json"),
        (request("POST", &bids, "[]"), 422, "invalid_field"),
        (request("POST", &bids, nul), 422, "invalid_field"),
        (
            request("POST", &bids, "x".repeat(257)),
            413,
            "body_too_large",
        ),
    ];
    for (request, status, code) in cases {
        let asked = format!("{} {}", request.method(), request.uri());
        let (answered, document) = problem(request).await;
        assert_eq!(
            (answered.as_u16(), document["code"].as_str()),
            (status, Some(code)),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn another_media_type_is_unsupported() {
    let mut text = request("POST", "/auctions", "{}");
    text.headers_mut()
        .insert("content-type", "text/plain".parse().expect("a value"));
    assert_eq!(problem(text).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let endless = Body::from_stream(futures_util::stream::pending::<
        Result<Vec<u8>, std::io::Error>,
    >());
    let (status, document) = problem(request("POST", "/auctions", endless)).await;
    assert_eq!(
        (status.as_u16(), document["code"].as_str()),
        (408, Some("body_too_slow"))
    );
}

#[tokio::test]
async fn a_feed_resumes_from_a_sequence_only() {
    for wrong in ["x", "-1", "1.5", " ", "9223372036854775808"] {
        let mut feed = request("GET", &format!("{AUCTION}/live"), "");
        feed.headers_mut()
            .insert("last-event-id", wrong.parse().expect("a value"));
        assert_eq!(problem(feed).await.1["code"], "invalid_header", "{wrong:?}");
    }
}

#[tokio::test]
async fn without_postgres_the_answer_is_to_come_back() {
    let response = send(request("GET", AUCTION, "")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(
        send(request("GET", "/healthz", "")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        send(request("GET", "/metrics", "")).await.status(),
        StatusCode::OK
    );
    let unready = send(request("GET", "/readyz", "")).await;
    assert_eq!(unready.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_encoded_body_is_unsupported() {
    for (coding, code) in [
        ("gzip", "unsupported_encoding"),
        ("identity", "malformed_json"),
    ] {
        let mut encoded = request("POST", "/auctions", "\u{1f}");
        let headers = encoded.headers_mut();
        headers.insert("content-encoding", coding.parse().expect("a value"));
        assert_eq!(problem(encoded).await.1["code"], code);
    }
}

async fn described() -> Value {
    let response = send(request("GET", "/openapi.json", "")).await;
    let body = to_bytes(response.into_body(), 1 << 20)
        .await
        .expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

#[tokio::test]
async fn what_surrounds_every_route_is_described_at_every_route() {
    let document = described().await;
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 8, "{:?}", paths.keys());
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let responses = &operation["responses"];
            for code in described::SURROUNDING {
                let status = code.status().as_u16().to_string();
                let response = &responses[&status];
                let meaning = response["description"].as_str().unwrap_or_default();
                assert!(meaning.contains(code.as_str()), "{method} {path} {status}");
                assert!(
                    response["content"][problem::PROBLEM_TYPE].is_object(),
                    "{method} {path} {status}"
                );
            }
        }
    }
}

#[tokio::test]
async fn rules_that_are_kept_are_described() {
    let document = described().await;
    let schemas = &document["components"]["schemas"];
    for (pointer, rule) in [
        ("/AuctionId/format", "uuid".into()),
        ("/BidId/format", "uuid".into()),
        ("/UserId/pattern", r"^[^\u0000]*$".into()),
        ("/Title/pattern", r"^[^\u0000]*$".into()),
        ("/Amount/minimum", 1.into()),
        ("/ClosingTime/format", "date-time".into()),
        ("/NewAuction/additionalProperties", Value::Bool(false)),
        ("/BidRequest/additionalProperties", Value::Bool(false)),
    ] {
        assert_eq!(schemas.pointer(pointer), Some(&rule), "{pointer}");
    }
    let place = &document["paths"]["/auctions/{auction_id}/bids"]["post"];
    assert_eq!(
        place.pointer("/parameters/0/schema/$ref"),
        Some(&"#/components/schemas/AuctionId".into())
    );
    assert!(place["responses"]["503"]["headers"]["Retry-After"].is_object());
}

#[tokio::test]
async fn metrics_are_in_one_place() {
    let router = |scraped| {
        let state = OpsState {
            metrics: Metrics::new(),
            readiness: Readiness::default(),
            database: nowhere(),
            publishes: false,
            backlog: BacklogCache::default(),
            limits: limits(),
        };
        ops_router(state, scraped)
    };
    for (scraped, status) in [(Scraped::Here, 200), (Scraped::Elsewhere, 404)] {
        let answer = router(scraped)
            .oneshot(request("GET", "/metrics", ""))
            .await;
        assert_eq!(answer.expect("answered").status().as_u16(), status);
    }
}
