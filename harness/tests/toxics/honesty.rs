//! The client believes what it reads back, never what it is told.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    http::StatusCode,
    routing::{get, post},
};
use outbox_harness::{
    ask::toxic::{Direction, Toxic},
    wire::edge::{EdgeControl, EdgeError},
    wire::toxiproxy::ToxiproxyServer,
};
use serde_json::{Value, json};

use crate::stand::{Stand, ms};

fn proxy(name: &str) -> Value {
    json!({"name": name, "listen": "127.0.0.1:1", "upstream": "127.0.0.1:9", "enabled": true, "toxics": []})
}

/// A server that agrees to everything and does nothing.
async fn liar() -> SocketAddr {
    let shown = |axum::extract::Path(name): axum::extract::Path<String>| async move {
        match name.as_str() {
            "new" => Err(StatusCode::NOT_FOUND),
            name => Ok(Json(proxy(name))),
        }
    };
    let ok = || async { Json(json!({})) };
    let app = Router::new()
        .route(
            "/version",
            get(|| async { Json(json!({"version": "2.12.0"})) }),
        )
        .route(
            "/populate",
            post(|| async {
                (
                    StatusCode::CREATED,
                    Json(json!({"proxies": [proxy("new")]})),
                )
            }),
        )
        .route(
            "/proxies/{p}",
            get(shown)
                .post(ok)
                .patch(ok)
                .delete(|| async { StatusCode::NO_CONTENT }),
        )
        .route(
            "/proxies/{p}/toxics",
            get(|| async { Json(json!([])) }).post(ok),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

#[tokio::test]
async fn a_proxy_that_was_not_made_is_an_error() {
    let control = EdgeControl::connect(liar().await).await.unwrap();
    let made = control.create("new", "127.0.0.1:9".parse().unwrap()).await;
    let error = made.unwrap_err();
    assert!(
        matches!(error, EdgeError::NotTaken { ref proxy, .. } if proxy == "new"),
        "{error}"
    );
}

/// A server that makes proxies in earnest and then agrees to every change without making it.
async fn forgetful() -> (SocketAddr, ToxiproxyServer) {
    let real = ToxiproxyServer::start("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let base = format!("http://{}", real.address());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let relay = move |request: axum::extract::Request| {
        let (base, http) = (base.clone(), http.clone());
        async move {
            let path = request.uri().path().to_owned();
            let reads = request.method() == axum::http::Method::GET;
            if !reads && path != "/populate" {
                return (StatusCode::OK, "{}".to_owned());
            }
            let method = request.method().clone();
            let body = axum::body::to_bytes(request.into_body(), 1 << 20)
                .await
                .unwrap();
            let reply = http.request(method, format!("{base}{path}")).body(body);
            let reply = reply.send().await.unwrap();
            (reply.status(), reply.text().await.unwrap())
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(relay);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, real)
}

#[tokio::test]
async fn a_change_that_did_not_take_is_an_error_that_says_what_was_found() {
    let (api, _real) = forgetful().await;
    let control = EdgeControl::connect(api).await.unwrap();
    let edge = control
        .create("edge", "127.0.0.1:9".parse().unwrap())
        .await
        .unwrap();
    let latency = Toxic::Latency {
        latency: ms(9),
        jitter: ms(0),
    };
    let reset = Toxic::ResetPeer { timeout: ms(0) };
    for toxic in [latency, reset] {
        let error = edge.add(toxic, Direction::Replies, 1.0).await.unwrap_err();
        let EdgeError::NotTaken {
            proxy,
            toxic,
            wanted,
            found,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((proxy.as_str(), found.as_str()), ("edge", "no such toxic"));
        assert!(toxic.is_some_and(|name| name.ends_with("_downstream")));
        assert!(wanted.contains("on downstream"), "{wanted}");
    }
    for change in [edge.cut().await.map(drop), edge.delete().await] {
        let error = change.unwrap_err();
        assert!(matches!(error, EdgeError::NotTaken { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_taken_name_a_bad_name_and_an_unsayable_toxic_are_errors() {
    let stand = Stand::any().await;
    let upstream = stand.echo.address();
    let taken = stand
        .control
        .create(stand.edge.name(), upstream)
        .await
        .unwrap_err();
    assert!(matches!(taken, EdgeError::NameTaken { .. }), "{taken}");
    let bad = stand.control.create("a/b", upstream).await.unwrap_err();
    assert!(matches!(bad, EdgeError::Name { .. }), "{bad}");
    let half = Toxic::SlowClose {
        delay: std::time::Duration::from_micros(500),
    };
    let unsayable = stand
        .edge
        .add(half, Direction::Replies, 1.0)
        .await
        .unwrap_err();
    assert!(
        matches!(unsayable, EdgeError::Unsayable { .. }),
        "{unsayable}"
    );
    stand.finish().await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_error_and_no_panic() {
    let mut stand = Stand::embedded().await;
    stand.edge.cut().await.unwrap();
    drop(stand.server.take());
    let latency = Toxic::Latency {
        latency: ms(9),
        jitter: ms(0),
    };
    let gone = async {
        loop {
            match stand.edge.cut().await {
                Err(error) => break error,
                Ok(_) => tokio::task::yield_now().await,
            }
        }
    };
    crate::stand::within(gone).await;
    stand
        .edge
        .add(latency, Direction::Replies, 1.0)
        .await
        .unwrap_err();
    stand.edge.cut().await.unwrap_err();
}
