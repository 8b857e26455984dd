//! The HTTP API, path by path as Toxiproxy 2.12 has it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderValue, Method, StatusCode, header::USER_AGENT},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    folded::parse,
    problem::{Problem, Refusal},
    proxy::{Proxy, View},
    toxic::Toxic,
};

/// Toxiproxy's version whose API this is; the build tag tells this server from it.
pub const VERSION: &str = "2.12.0+embedded";

/// On every answer, so that it can be found in a log.
const REQUEST_ID: &str = "x-toxiproxy-request-id";

type Proxies = State<Arc<Shelf>>;

/// All proxies of a server. Changes are rare and each has a deadline, so one lock serialises them.
pub(super) struct Shelf {
    proxies: Mutex<BTreeMap<String, Proxy>>,
    server: CancellationToken,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

impl Shelf {
    /// No proxies; those that come all end with `server`.
    pub(super) fn new(server: CancellationToken) -> Self {
        Self {
            proxies: Mutex::default(),
            server,
        }
    }

    /// Makes what a populate's body asks for, and says what was made.
    pub(super) async fn populate(&self, body: &[u8], made: &mut Vec<View>) -> Result<(), Problem> {
        let asked: Vec<NewProxy> = parse(body)?;
        let asked: Vec<NewProxy> = (1..)
            .zip(asked)
            .map(|(number, asked)| asked.checked(&format!(" at proxy {number}")))
            .collect::<Result<_, _>>()?;
        let mut proxies = self.proxies.lock().await;
        for asked in asked {
            if let Some(old) = proxies.get_mut(&asked.name) {
                asked.replace(old).await?;
                made.push(old.view());
                continue;
            }
            let proxy = asked.start(&self.server).await?;
            made.push(proxy.view());
            proxies.insert(asked.name, proxy);
        }
        Ok(())
    }
}

/// The API's routes over these proxies.
pub(super) fn routes(shelf: Arc<Shelf>) -> Router {
    Router::new()
        .route("/version", get(version))
        .route("/reset", post(reset))
        .route("/populate", post(populate))
        .route("/proxies", get(list).post(create))
        .route(
            "/proxies/{proxy}",
            get(show).post(update).patch(update).delete(delete),
        )
        .route("/proxies/{proxy}/toxics", get(list_toxics).post(add_toxic))
        .route(
            "/proxies/{proxy}/toxics/{toxic}",
            get(show_toxic)
                .post(update_toxic)
                .patch(update_toxic)
                .delete(remove_toxic),
        )
        .layer(from_fn(as_the_genuine_one))
        .with_state(shelf)
}

/// A web page must not be able to drive the proxies of whoever looks at it; no path answers HEAD; every answer has a number.
async fn as_the_genuine_one(request: Request, next: Next) -> Response {
    let agent = request.headers().get(USER_AGENT);
    let mut response = if agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/")) {
        (StatusCode::FORBIDDEN, "User agent not allowed\n").into_response()
    } else if request.method() == Method::HEAD {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    } else {
        next.run(request).await
    };
    let id = Uuid::now_v7().simple().to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[derive(Debug, Deserialize)]
struct NewProxy {
    #[serde(default)]
    name: String,
    #[serde(default)]
    listen: String,
    #[serde(default)]
    upstream: String,
    enabled: Option<bool>,
}

impl NewProxy {
    fn checked(self, place: &str) -> Result<Self, Problem> {
        if self.name.is_empty() {
            return Err(Problem::MissingField(format!("name{place}")));
        }
        if self.upstream.is_empty() {
            return Err(Problem::MissingField(format!("upstream{place}")));
        }
        Ok(self)
    }

    async fn start(&self, server: &CancellationToken) -> Result<Proxy, Problem> {
        let mut proxy =
            Proxy::new(&self.name, &self.listen, &self.upstream, server.clone()).await?;
        if self.enabled.unwrap_or(true) {
            proxy.enable().await?;
        }
        Ok(proxy)
    }

    /// Makes `proxy` what is asked for here. It stays as it is where that cannot be had, or is there already.
    async fn replace(&self, proxy: &mut Proxy) -> Result<(), Problem> {
        if proxy
            .move_to(Some(&self.listen), Some(&self.upstream))
            .await?
        {
            proxy.remove_all_toxics();
            if self.enabled.unwrap_or(true) {
                proxy.enable().await?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct Version {
    version: &'static str,
}

async fn version() -> Json<Version> {
    Json(Version { version: VERSION })
}

async fn reset(State(shelf): Proxies) -> Result<StatusCode, Problem> {
    for proxy in shelf.proxies.lock().await.values_mut() {
        proxy.enable().await?;
        proxy.remove_all_toxics();
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn list(State(shelf): Proxies) -> Json<BTreeMap<String, View>> {
    let proxies = shelf.proxies.lock().await;
    Json(
        proxies
            .iter()
            .map(|(name, proxy)| (name.clone(), proxy.view()))
            .collect(),
    )
}

async fn create(State(shelf): Proxies, body: Bytes) -> Result<(StatusCode, Json<View>), Problem> {
    let asked: NewProxy = parse(&body)?;
    let asked = asked.checked("")?;
    let mut proxies = shelf.proxies.lock().await;
    if proxies.contains_key(&asked.name) {
        return Err(Problem::ProxyExists);
    }
    let proxy = asked.start(&shelf.server).await?;
    let view = proxy.view();
    proxies.insert(asked.name, proxy);
    Ok((StatusCode::CREATED, Json(view)))
}

/// The reply to a populate: what was made, and what stopped it if something did.
#[derive(Debug, Serialize)]
struct Populated {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
    proxies: Vec<View>,
}

async fn populate(State(shelf): Proxies, body: Bytes) -> (StatusCode, Json<Populated>) {
    let mut proxies = Vec::new();
    let done = shelf.populate(&body, &mut proxies).await;
    let problem = done.err();
    let status = problem
        .as_ref()
        .map_or(StatusCode::CREATED, Problem::status);
    let refusal = problem.as_ref().map(Problem::refusal);
    (status, Json(Populated { refusal, proxies }))
}

async fn show(State(shelf): Proxies, Path(name): Path<String>) -> Result<Json<View>, Problem> {
    let proxies = shelf.proxies.lock().await;
    let proxy = proxies.get(&name).ok_or(Problem::ProxyNotFound)?;
    Ok(Json(proxy.view()))
}

async fn update(
    State(shelf): Proxies,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<View>, Problem> {
    #[derive(Deserialize)]
    struct Change {
        listen: Option<String>,
        upstream: Option<String>,
        enabled: Option<bool>,
    }
    let mut proxies = shelf.proxies.lock().await;
    let proxy = proxies.get_mut(&name).ok_or(Problem::ProxyNotFound)?;
    let change: Change = parse(&body)?;
    let enabled = change.enabled.unwrap_or(proxy.is_up());
    proxy
        .move_to(change.listen.as_deref(), change.upstream.as_deref())
        .await?;
    if enabled {
        proxy.enable().await?;
    } else {
        proxy.disable().await;
    }
    Ok(Json(proxy.view()))
}

async fn delete(State(shelf): Proxies, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let mut proxies = shelf.proxies.lock().await;
    let mut proxy = proxies.remove(&name).ok_or(Problem::ProxyNotFound)?;
    proxy.disable().await;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_toxics(
    State(shelf): Proxies,
    Path(name): Path<String>,
) -> Result<Json<Vec<Toxic>>, Problem> {
    let proxies = shelf.proxies.lock().await;
    let proxy = proxies.get(&name).ok_or(Problem::ProxyNotFound)?;
    Ok(Json(proxy.toxics()))
}

async fn add_toxic(
    State(shelf): Proxies,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Toxic>, Problem> {
    let mut proxies = shelf.proxies.lock().await;
    let proxy = proxies.get_mut(&name).ok_or(Problem::ProxyNotFound)?;
    Ok(Json(proxy.add_toxic(&body)?))
}

async fn show_toxic(
    State(shelf): Proxies,
    Path((name, toxic)): Path<(String, String)>,
) -> Result<Json<Toxic>, Problem> {
    let proxies = shelf.proxies.lock().await;
    let proxy = proxies.get(&name).ok_or(Problem::ProxyNotFound)?;
    Ok(Json(proxy.toxic(&toxic)?))
}

async fn update_toxic(
    State(shelf): Proxies,
    Path((name, toxic)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Toxic>, Problem> {
    let mut proxies = shelf.proxies.lock().await;
    let proxy = proxies.get_mut(&name).ok_or(Problem::ProxyNotFound)?;
    Ok(Json(proxy.update_toxic(&toxic, &body)?))
}

async fn remove_toxic(
    State(shelf): Proxies,
    Path((name, toxic)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut proxies = shelf.proxies.lock().await;
    let proxy = proxies.get_mut(&name).ok_or(Problem::ProxyNotFound)?;
    proxy.remove_toxic(&toxic)?;
    Ok(StatusCode::NO_CONTENT)
}
