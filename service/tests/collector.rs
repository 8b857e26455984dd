//! A collector of traces, as OTLP over HTTP has it, in the clear or with TLS.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post, serve::Listener};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

/// What a process has told.
#[derive(Debug, Clone)]
pub struct Told {
    pub service: String,
    pub span: Span,
}

type Heard = Arc<Mutex<Vec<Told>>>;

/// Dropped, it is gone.
pub struct Collector {
    endpoint: String,
    heard: Heard,
    serving: JoinHandle<()>,
}

impl Collector {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        Ok(Self::listen(listener, endpoint))
    }

    /// One that is spoken to with TLS, as `localhost`.
    pub async fn encrypted(tls: ServerConfig) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        Ok(Self::listen(Encrypted { listener, acceptor }, endpoint))
    }

    fn listen<L: Listener<Addr = SocketAddr>>(listener: L, endpoint: String) -> Self {
        let heard = Heard::default();
        let router = Router::new()
            .route("/v1/traces", post(hear))
            .with_state(heard.clone());
        let serving = tokio::spawn(async move {
            // Ends with the case.
            let _ = axum::serve(listener, router).await;
        });
        Self {
            endpoint,
            heard,
            serving,
        }
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// The spans of a trace.
    pub fn of(&self, trace_id: &str) -> Result<Vec<Told>> {
        let heard = self.heard.lock().ok().context("a case panicked")?;
        let of_trace = |told: &&Told| hex(&told.span.trace_id) == trace_id;
        Ok(heard.iter().filter(of_trace).cloned().collect())
    }
}

/// Hands out connections whose handshake has succeeded.
struct Encrypted {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // Whoever does not trust, or is not trusted, is not waited for: one case, one client.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Told {
    pub fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    pub fn is(&self, kind: SpanKind) -> bool {
        self.span.kind() == kind
    }

    /// An attribute that is text.
    pub fn says(&self, name: &str) -> Option<String> {
        text(&self.span.attributes, name)
    }
}

async fn hear(State(heard): State<Heard>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let Ok(mut heard) = heard.lock() else {
        return StatusCode::INTERNAL_SERVER_ERROR;
    };
    for resource in request.resource_spans {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let service = text(&attributes, "service.name").unwrap_or_default();
        let spans = resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        heard.extend(spans.map(|span| Told {
            service: service.clone(),
            span,
        }));
    }
    StatusCode::OK
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
