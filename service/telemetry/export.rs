//! Where traces go, as OpenTelemetry's specification says it by environment variables.
//!
//! Beyond what the SDK reads for itself (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, `OTEL_RESOURCE_ATTRIBUTES`, headers): traces are
//! exported if an endpoint is named or `OTEL_TRACES_EXPORTER` says `otlp`, unless that says `none` or the SDK is disabled.

use std::{env, sync::OnceLock, time::Duration};

use opentelemetry::Key;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::warn;

use super::collector::Collector;
use crate::tls::{self, Files, Unusable};

/// How long one export may take, unless a variable says otherwise.
const WITHIN: Duration = Duration::from_secs(10);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Why there will be no traces although they are asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("OTEL_TRACES_EXPORTER={0:?}: this program has otlp and none")]
    Exporter(String),
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL={0:?}: this program speaks http/protobuf")]
    Protocol(String),
    #[error("OTEL_EXPORTER_OTLP_TIMEOUT={0:?}: it is a number of milliseconds")]
    Timeout(String),
    #[error(transparent)]
    Exported(#[from] ExporterBuildError),
    #[error(transparent)]
    Tls(#[from] Unusable),
}

/// Makes the exporter that the environment asks for, if it does.
pub(super) fn set_up(
    name: &'static str,
    runtime: &Handle,
) -> Result<Option<SdkTracerProvider>, Trouble> {
    if !is_asked_for(said)? {
        return Ok(None);
    }
    let of_traces = |rest: &str| {
        let of_traces = said(&format!("OTEL_EXPORTER_OTLP_TRACES_{rest}"));
        of_traces.or_else(|| said(&format!("OTEL_EXPORTER_OTLP_{rest}")))
    };
    match of_traces("PROTOCOL") {
        Some(other) if other != "http/protobuf" => return Err(Trouble::Protocol(other)),
        _ => {}
    }
    let within = match of_traces("TIMEOUT") {
        None => WITHIN,
        Some(text) => match text.parse() {
            Ok(ms) => Duration::from_millis(ms),
            Err(_) => return Err(Trouble::Timeout(text)),
        },
    };
    let names = (
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    );
    let files = Files {
        authorities: of_traces("CERTIFICATE").map(Into::into),
        identity: tls::identity(
            names,
            of_traces("CLIENT_CERTIFICATE"),
            of_traces("CLIENT_KEY"),
        )?,
    };
    let https = of_traces("ENDPOINT").is_some_and(|endpoint| {
        let scheme = endpoint.split(':').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("https")
    });
    let tls = if https {
        files.client()?
    } else {
        tls::trusting_nobody()
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(within)
        .with_http_client(Collector::new(tls, runtime.clone(), within))
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource(name))
        .with_batch_exporter(exporter)
        .build();
    let _ = PROVIDER.set(provider.clone());
    Ok(Some(provider))
}

/// Exports what has not been, for as long as `within` at most. Nothing is exported afterwards.
pub(crate) async fn flush(within: Duration) {
    let Some(provider) = PROVIDER.get() else {
        return;
    };
    let last = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(within));
    match tokio::time::timeout(within, last).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => warn!(%error, "the last traces were not exported"),
        Ok(Err(_)) | Err(_) => warn!("the last traces were not exported in time"),
    }
}

/// An empty variable is as if it were not set.
fn said(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_asked_for(said: impl Fn(&str) -> Option<String>) -> Result<bool, Trouble> {
    if said("OTEL_SDK_DISABLED").is_some_and(|disabled| disabled.eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    match said("OTEL_TRACES_EXPORTER").as_deref() {
        Some("none") => Ok(false),
        Some("otlp") => Ok(true),
        Some(other) => Err(Trouble::Exporter(other.to_owned())),
        None => Ok([
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ]
        .into_iter()
        .any(|name| said(name).is_some())),
    }
}

/// What the environment says of this process, and what it is called where that says nothing.
fn resource(name: &'static str) -> Resource {
    let told = Resource::builder().build();
    let called = told.get(&Key::from_static_str("service.name"));
    let named = called.is_some_and(|called| !called.as_str().starts_with("unknown_service"));
    if named {
        return told;
    }
    Resource::builder().with_service_name(name).build()
}

#[cfg(test)]
mod tests {
    use super::is_asked_for;

    #[test]
    fn whether_traces_are_exported_is_the_environments_to_say() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        let of_traces = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://collector:4318/x",
        );
        for (variables, exported) in [
            (vec![], false),
            (vec![endpoint], true),
            (vec![of_traces], true),
            (vec![("OTEL_TRACES_EXPORTER", "otlp")], true),
            (vec![endpoint, ("OTEL_TRACES_EXPORTER", "none")], false),
            (vec![endpoint, ("OTEL_SDK_DISABLED", "True")], false),
            (vec![endpoint, ("OTEL_SDK_DISABLED", "no")], true),
        ] {
            let said = |name: &str| {
                let mut found = variables.iter().filter(|(variable, _)| *variable == name);
                found.next().map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(is_asked_for(said).ok(), Some(exported), "{variables:?}");
        }
        let zipkin = |name: &str| (name == "OTEL_TRACES_EXPORTER").then(|| "zipkin".to_owned());
        assert!(is_asked_for(zipkin).is_err());
    }
}
