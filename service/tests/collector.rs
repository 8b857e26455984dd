//! A collector of traces, as OTLP over HTTP has it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinHandle};

/// What a process has told.
#[derive(Debug, Clone)]
pub struct Told {
    pub service: String,
    pub span: Span,
}

type Heard = Arc<Mutex<Vec<Told>>>;

/// Dropped, it is gone.
pub struct Collector {
    address: SocketAddr,
    heard: Heard,
    serving: JoinHandle<()>,
}

impl Collector {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let heard = Heard::default();
        let router = Router::new()
            .route("/v1/traces", post(hear))
            .with_state(heard.clone());
        let serving = tokio::spawn(async move {
            // Ends with the case.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            heard,
            serving,
        })
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans of a trace.
    pub fn of(&self, trace_id: &str) -> Result<Vec<Told>> {
        let heard = self.heard.lock().ok().context("a case panicked")?;
        let of_trace = |told: &&Told| hex(&told.span.trace_id) == trace_id;
        Ok(heard.iter().filter(of_trace).cloned().collect())
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
