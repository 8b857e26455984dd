//! What clients of the genuine server rely on without its saying so: how Go reads JSON and addresses.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Caller;

const ECHO: &str = "127.0.0.1:9";

/// A caller with a proxy `p` on a port of its own, and that address.
async fn with_proxy() -> (Caller, String) {
    let caller = Caller::new().await;
    let new = json!({"name": "p", "listen": "127.0.0.1:0", "upstream": ECHO});
    let (status, made) = caller.call("POST", "/proxies", new).await;
    assert_eq!(status, 201, "{made}");
    let listen = made["listen"].as_str().expect("an address").to_owned();
    (caller, listen)
}

#[tokio::test]
async fn keys_are_read_in_any_case_and_nulls_as_if_they_were_not_there() {
    let caller = Caller::new().await;
    let new = json!({"NAME": "p", "Listen": "127.0.0.1:0", "Upstream": ECHO, "enabled": null});
    let (status, made) = caller.call("POST", "/proxies", new).await;
    assert_eq!((status, &made["enabled"]), (201, &json!(true)), "{made}");
    let toxic = json!({"Type": "latency", "STREAM": "UpStream", "Attributes": {"Latency": 7, "jitter": null}});
    let (status, toxic) = caller.call("POST", "/proxies/p/toxics", toxic).await;
    assert_eq!((status, &toxic["stream"]), (200, &json!("upstream")));
    assert_eq!(toxic["attributes"], json!({"latency": 7, "jitter": 0}));
    let path = "/proxies/p/toxics/latency_upstream";
    let (_, changed) = caller
        .call("PATCH", path, json!({"attributes": {"LATENCY": 9}}))
        .await;
    assert_eq!(changed["attributes"]["latency"], 9);
    let (_, down) = caller
        .call("PATCH", "/proxies/p", json!({"ENABLED": false}))
        .await;
    assert_eq!(down["enabled"], false);
}

#[tokio::test]
async fn an_address_is_the_same_however_it_is_spelt() {
    let (caller, listen) = with_proxy().await;
    caller
        .call("POST", "/proxies/p/toxics", json!({"type": "timeout"}))
        .await;
    let spelt = listen.replace("127.0.0.1", "localhost");
    let same = json!([{"name": "p", "listen": spelt, "upstream": ECHO}]);
    let (status, kept) = caller.call("POST", "/populate", same).await;
    assert_eq!(status, 201);
    assert_eq!(
        kept["proxies"][0]["toxics"]
            .as_array()
            .expect("toxics")
            .len(),
        1,
        "{kept}"
    );
    let (_, kept) = caller
        .call("PATCH", "/proxies/p", json!({"listen": spelt}))
        .await;
    assert_eq!(
        (&kept["listen"], &kept["enabled"]),
        (&json!(listen), &json!(true))
    );
}

#[tokio::test]
async fn an_address_that_cannot_be_had_changes_nothing() {
    let (caller, listen) = with_proxy().await;
    caller
        .call("POST", "/proxies/p/toxics", json!({"type": "timeout"}))
        .await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let before = caller.call("GET", "/proxies/p", Value::Null).await;
    for bad in [
        "bad",
        "127.0.0.1:99999",
        "no.such.host.invalid:1",
        taken.as_str(),
    ] {
        let (status, refusal) = caller
            .call("PATCH", "/proxies/p", json!({"listen": bad}))
            .await;
        assert_eq!(status, 500, "{bad}: {refusal}");
        let one = json!([{"name": "p", "listen": bad, "upstream": ECHO}]);
        assert_eq!(caller.call("POST", "/populate", one).await.0, 500, "{bad}");
        assert_eq!(
            caller.call("GET", "/proxies/p", Value::Null).await,
            before,
            "{bad}"
        );
    }
    std::net::TcpStream::connect(&listen).expect("it still listens");
    let new = json!({"name": "q", "listen": taken, "upstream": ECHO});
    let (_, refusal) = caller.call("POST", "/proxies", new).await;
    let said = format!("listen tcp {taken}: bind: address already in use");
    assert_eq!(refusal["error"], said);
}

#[tokio::test]
async fn an_address_without_a_host_is_every_interface() {
    let caller = Caller::new().await;
    let new = json!({"name": "p", "upstream": ECHO});
    let (status, made) = caller.call("POST", "/proxies", new).await;
    let listen = made["listen"].as_str().expect("an address");
    let port = listen.rsplit_once(':').expect("a port").1;
    assert_eq!(status, 201);
    std::net::TcpStream::connect(format!("127.0.0.1:{port}")).expect("it listens");
    let (status, moved) = caller
        .call("PATCH", "/proxies/p", json!({"listen": ""}))
        .await;
    assert_eq!(status, 200, "{moved}");
    assert_ne!(moved["listen"], made["listen"]);
}

#[tokio::test]
async fn toxics_that_do_nothing_and_odd_slices_are_taken() {
    let (caller, _) = with_proxy().await;
    for toxic in [
        json!({"type": "noop"}),
        json!({"type": "noop", "name": "other", "attributes": null}),
        json!({"type": "slicer"}),
        json!({"type": "slicer", "name": "wide", "attributes": {"average_size": 5, "size_variation": 5}}),
    ] {
        let (status, made) = caller.call("POST", "/proxies/p/toxics", toxic).await;
        assert_eq!(status, 200, "{made}");
    }
}

#[tokio::test]
async fn every_answer_has_a_number_and_nothing_answers_head() {
    let (caller, _) = with_proxy().await;
    let ask = async |method: Method, path: &str| {
        let url = format!("http://{}{path}", caller.server.address());
        let answer = caller
            .http
            .request(method, url)
            .send()
            .await
            .expect("an answer");
        let id = answer.headers().get("x-toxiproxy-request-id").cloned();
        (answer.status().as_u16(), id.expect("a number"))
    };
    let (status, first) = ask(Method::GET, "/proxies/p").await;
    let (_, second) = ask(Method::GET, "/proxies/p").await;
    assert_eq!(status, 200);
    assert_ne!(first, second);
    assert_eq!(ask(Method::GET, "/proxies/none").await.0, 404);
    assert_eq!(ask(Method::HEAD, "/proxies/p").await.0, 405);
}
