use std::{sync::Arc, time::Duration};

use reqwest::{Client, StatusCode};

use super::*;
use crate::run::live::hand::Hand;

fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

async fn served() -> (Page, String) {
    let (hand, orders) = Hand::new(Vec::new(), |_, _| None, (1, 10), Duration::from_secs(1));
    let live = Arc::new(Live::new(Some(hand)));
    let page = Page::serve(live, Some(orders), 0).await.expect("a page");
    let url = page.url.clone();
    (page, url)
}

#[tokio::test]
async fn whoever_knows_the_token_sees_the_page_and_nobody_else_does() {
    let (page, url) = served().await;
    let got =
        |url: String| async move { client().get(url).send().await.expect("an answer").status() };
    assert_eq!(got(url.clone()).await, StatusCode::OK);
    assert_eq!(got(format!("{url}live.js")).await, StatusCode::OK);
    let (host, token) = url.trim_end_matches('/').rsplit_once('/').expect("a token");
    assert_eq!(got(format!("{host}/")).await, StatusCode::NOT_FOUND);
    let other = token.replace(|sign: char| sign.is_ascii_digit(), "a");
    assert_eq!(
        got(format!("{host}/{other}/events")).await,
        StatusCode::NOT_FOUND
    );
    page.end().await;
}

#[tokio::test]
async fn another_origin_and_another_name_for_this_machine_are_refused() {
    let (page, url) = served().await;
    let with = |name: &'static str, value: &'static str| {
        let asked = client().post(format!("{url}one")).header(name, value);
        async move { asked.send().await.expect("an answer").status() }
    };
    assert_eq!(
        with("origin", "http://evil.example").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(with("origin", "null").await, StatusCode::FORBIDDEN);
    assert_eq!(
        with("sec-fetch-site", "cross-site").await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        with("host", "evil.example").await,
        StatusCode::MISDIRECTED_REQUEST
    );
    // Its own page may ask, and is told that nothing goes on.
    assert_eq!(
        with("sec-fetch-site", "same-origin").await,
        StatusCode::CONFLICT
    );
    page.end().await;
}

#[tokio::test]
async fn nothing_of_the_page_may_come_from_elsewhere() {
    let (page, url) = served().await;
    let answer = client().get(&url).send().await.expect("an answer");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let text = answer.text().await.expect("a page");
    assert!(
        !text.contains("http://") && !text.contains("https://") && !text.contains("style=\""),
        "{text}"
    );
    page.end().await;
}

#[tokio::test]
async fn whoever_looks_is_told_what_there_was_and_when_it_is_over() {
    let (page, url) = served().await;
    let stream = client()
        .get(format!("{url}events"))
        .send()
        .await
        .expect("a stream");
    page.end().await;
    let told = stream.text().await.expect("events");
    assert!(
        told.starts_with("event: before\ndata: {\"choices\":[]"),
        "{told}"
    );
    assert!(
        told.contains("event: picture") && told.contains("\"over\":true"),
        "{told}"
    );
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_with_a_reason() {
    let (page, url) = served().await;
    let asked = client()
        .post(format!("{url}break"))
        .json(&serde_json::json!({ "choice": 0, "lasts_ms": 0 }));
    let answer = asked.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer
            .text()
            .await
            .expect("why")
            .contains("up to 600 seconds")
    );
    page.end().await;
}
