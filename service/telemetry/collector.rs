//! The way to a collector, over HTTP and by this program's own TLS.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::ClientConfig;
use tokio::{runtime::Handle, time::timeout};
use tracing::warn;

/// A collector has little to say.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Whom spans are sent to.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    runtime: Handle,
    within: Duration,
    /// Why the last try failed.
    trouble: Mutex<Option<String>>,
}

impl Collector {
    /// Nothing is opened yet.
    pub fn new(tls: ClientConfig, runtime: Handle, within: Duration) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            runtime,
            within,
            trouble: Mutex::default(),
        }
    }

    /// Says why nothing is sent, once, however often it is tried: the exporter itself says no more than "network error".
    fn tell(&self, failure: Option<&HttpError>) {
        let reason = failure.map(|error| with_causes(&**error));
        let mut last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = reason.as_ref().filter(|_| *last != reason) {
            warn!(%reason, "the collector of traces cannot be told");
        }
        *last = reason;
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        let words = this.to_string();
        // Some repeat what caused them.
        if !told.contains(&words) {
            told = format!("{told}: {words}");
        }
        cause = this.source();
    }
    told
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.request(request.map(Body::from));
        let all = async move {
            let (head, body) = answer.await?.into_parts();
            let body = to_bytes(Body::new(body), LONGEST_ANSWER).await?;
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        // Whoever asks is a thread of the exporter's own, and no part of the runtime: even the timer is made within it.
        let within = self.within;
        let sent = self
            .runtime
            .spawn(async move { timeout(within, all).await });
        let answer = match sent.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(late)) => Err(late.into()),
            Err(ended) => Err(ended.into()),
        };
        self.tell(answer.as_ref().err());
        answer
    }
}
