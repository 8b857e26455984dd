//! The embedded server's HTTP API, by status and by shape, and the official client on it.

use outbox_harness::wire::toxiproxy::ToxiproxyServer;
use reqwest::Method;
use serde_json::{Value, json};
use toxiproxy_rust::{client::Client, proxy::ProxyPack};

use crate::{
    echo::Echo,
    stand::{Stand, exchange},
};

pub struct Caller {
    pub http: reqwest::Client,
    pub server: ToxiproxyServer,
}

impl Caller {
    pub async fn new() -> Self {
        let server = ToxiproxyServer::start("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, server }
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method: Method = method.parse().unwrap();
        let url = format!("http://{}{path}", self.server.address());
        let mut request = self.http.request(method, url);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = crate::stand::within(request.send()).await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }
}

#[tokio::test]
async fn proxies_are_made_shown_changed_and_deleted() {
    let caller = Caller::new().await;
    let new = json!({"name": "p", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"});
    let (status, made) = caller.call("POST", "/proxies", new.clone()).await;
    assert_eq!(status, 201);
    let listen = made["listen"].as_str().unwrap();
    assert!(
        listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"),
        "{made}"
    );
    assert_eq!(
        (&made["enabled"], &made["toxics"]),
        (&json!(true), &json!([]))
    );

    let (status, refusal) = caller.call("POST", "/proxies", new).await;
    assert_eq!(
        (status, refusal),
        (409, json!({"error": "proxy already exists", "status": 409}))
    );
    assert_eq!(
        caller.call("GET", "/proxies", Value::Null).await,
        (200, json!({"p": made.clone()}))
    );
    assert_eq!(
        caller.call("GET", "/proxies/p", Value::Null).await,
        (200, made.clone())
    );

    for method in ["POST", "PATCH"] {
        let (status, down) = caller
            .call(method, "/proxies/p", json!({"enabled": false}))
            .await;
        assert_eq!(
            (status, &down["enabled"], &down["listen"]),
            (200, &json!(false), &made["listen"])
        );
    }
    let (status, moved) = caller
        .call(
            "PATCH",
            "/proxies/p",
            json!({"enabled": true, "upstream": "127.0.0.1:10"}),
        )
        .await;
    assert_eq!((status, &moved["upstream"]), (200, &json!("127.0.0.1:10")));
    assert_eq!(moved["listen"], made["listen"]);

    assert_eq!(
        caller.call("DELETE", "/proxies/p", Value::Null).await.0,
        204
    );
    let gone = json!({"error": "proxy not found", "status": 404});
    for method in ["GET", "DELETE"] {
        assert_eq!(
            caller.call(method, "/proxies/p", Value::Null).await,
            (404, gone.clone())
        );
    }
}

#[tokio::test]
async fn toxics_are_made_shown_changed_and_deleted() {
    let caller = Caller::new().await;
    let new = json!({"name": "p", "upstream": "127.0.0.1:9"});
    caller.call("POST", "/proxies", new).await;
    let latency = json!({"type": "latency", "attributes": {"latency": 7}});
    let made = json!({
        "name": "latency_downstream", "type": "latency", "stream": "downstream", "toxicity": 1.0,
        "attributes": {"latency": 7, "jitter": 0},
    });
    let path = "/proxies/p/toxics/latency_downstream";
    assert_eq!(
        caller
            .call("POST", "/proxies/p/toxics", latency.clone())
            .await,
        (200, made.clone())
    );
    assert_eq!(
        caller.call("POST", "/proxies/p/toxics", latency).await,
        (409, json!({"error": "toxic already exists", "status": 409}))
    );
    assert_eq!(
        caller.call("GET", path, Value::Null).await,
        (200, made.clone())
    );
    assert_eq!(
        caller.call("GET", "/proxies/p/toxics", Value::Null).await,
        (200, json!([made]))
    );

    let change = json!({"toxicity": 0.5, "attributes": {"jitter": 3}});
    for method in ["POST", "PATCH"] {
        let (status, changed) = caller.call(method, path, change.clone()).await;
        assert_eq!(status, 200);
        assert_eq!(changed["attributes"], json!({"latency": 7, "jitter": 3}));
        assert_eq!(changed["toxicity"], json!(0.5));
    }
    assert_eq!(caller.call("DELETE", path, Value::Null).await.0, 204);
    assert_eq!(
        caller.call("DELETE", path, Value::Null).await,
        (404, json!({"error": "toxic not found", "status": 404}))
    );
}

#[tokio::test]
async fn bad_requests_are_refused_in_toxiproxys_words() {
    let caller = Caller::new().await;
    caller
        .call(
            "POST",
            "/proxies",
            json!({"name": "p", "upstream": "127.0.0.1:9"}),
        )
        .await;
    let cases = [
        (
            "/proxies",
            json!({"upstream": "x:1"}),
            "missing required field: name",
        ),
        (
            "/proxies",
            json!({"name": "q"}),
            "missing required field: upstream",
        ),
        ("/proxies", json!([]), "bad request body: "),
        (
            "/proxies/p/toxics",
            json!({"type": "rain"}),
            "invalid toxic type",
        ),
        (
            "/proxies/p/toxics",
            json!({"type": "latency", "stream": "up"}),
            "stream was invalid, can be either",
        ),
        (
            "/proxies/p/toxics",
            json!({"type": "latency", "attributes": {"latency": -1}}),
            "bad request body: ",
        ),
    ];
    for (path, body, words) in cases {
        let (status, refusal) = caller.call("POST", path, body.clone()).await;
        assert_eq!((status, &refusal["status"]), (400, &json!(400)), "{body}");
        let error = refusal["error"].as_str().unwrap();
        assert!(error.starts_with(words), "{body}: {error}");
    }
}

#[tokio::test]
async fn populate_keeps_equals_replaces_others_and_reports_what_it_made() {
    let caller = Caller::new().await;
    let first = json!([{"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"}]);
    let (status, made) = caller.call("POST", "/populate", first).await;
    assert_eq!(
        (status, made["proxies"][0]["enabled"].clone()),
        (201, json!(true))
    );
    let listen = made["proxies"][0]["listen"].clone();
    let toxic = json!({"type": "timeout"});
    caller.call("POST", "/proxies/a/toxics", toxic).await;

    let same = json!([{"name": "a", "listen": listen, "upstream": "127.0.0.1:9"}]);
    let (_, kept) = caller.call("POST", "/populate", same).await;
    assert_eq!(kept["proxies"][0]["toxics"].as_array().unwrap().len(), 1);

    let other = json!([
        {"name": "a", "listen": listen, "upstream": "127.0.0.1:10"},
        {"name": "b", "listen": listen, "upstream": "127.0.0.1:10"},
    ]);
    let (status, partly) = caller.call("POST", "/populate", other).await;
    assert_eq!(
        (status, &partly["status"]),
        (500, &json!(500)),
        "b wants a's port: {partly}"
    );
    assert_eq!(partly["proxies"].as_array().unwrap().len(), 1);
    assert_eq!(partly["proxies"][0]["toxics"], json!([]));
}

#[tokio::test]
async fn reset_enables_all_and_removes_toxics_and_the_version_is_told() {
    let caller = Caller::new().await;
    caller
        .call(
            "POST",
            "/proxies",
            json!({"name": "p", "upstream": "127.0.0.1:9"}),
        )
        .await;
    caller
        .call("POST", "/proxies/p/toxics", json!({"type": "timeout"}))
        .await;
    caller
        .call("PATCH", "/proxies/p", json!({"enabled": false}))
        .await;
    assert_eq!(caller.call("POST", "/reset", Value::Null).await.0, 204);
    let (_, proxy) = caller.call("GET", "/proxies/p", Value::Null).await;
    assert_eq!(
        (&proxy["enabled"], &proxy["toxics"]),
        (&json!(true), &json!([]))
    );
    let (status, version) = caller.call("GET", "/version", Value::Null).await;
    assert!(status == 200 && version["version"].as_str().unwrap().starts_with("2.12."));
}

#[tokio::test]
async fn the_official_client_drives_it() {
    let stand = Stand::any().await;
    let (api, name) = (stand.api, stand.edge.name().to_owned());
    let echo = Echo::start().await;
    let upstream = echo.address().to_string();
    let other = format!("{name} too");
    let driven = tokio::task::spawn_blocking(move || {
        let client = Client::new(api);
        assert!(client.is_running());
        assert!(client.version()?.contains("\"2."));
        client.populate(vec![ProxyPack::new(
            other.clone(),
            "127.0.0.1:0".into(),
            upstream,
        )])?;
        assert!(client.all()?.contains_key(&other));
        client.find_proxy(&other)?.delete()?;
        assert!(client.find_proxy(&other).is_err());

        let proxy = client.find_proxy(&name)?;
        proxy
            .with_latency("downstream".into(), 5, 1, 1.0)
            .with_bandwidth("upstream".into(), 4000, 0.5)
            .with_slow_close("downstream".into(), 10, 1.0)
            .with_slicer("upstream".into(), 512, 8, 0, 1.0)
            .with_limit_data("downstream".into(), 1_000_000, 1.0)
            .with_timeout("upstream".into(), 0, 0.0);
        assert_eq!(proxy.toxics()?.len(), 6);
        proxy.with_down(|| {
            let seen = client.find_proxy(&name).unwrap();
            assert!(!seen.proxy_pack.enabled);
        })?;
        proxy.apply(|| ())?;
        assert!(proxy.toxics()?.is_empty());
        Ok::<(), String>(())
    });
    driven.await.unwrap().unwrap();
    exchange(&mut stand.dial().await, b"ping").await.unwrap();
    stand.finish().await;
}
