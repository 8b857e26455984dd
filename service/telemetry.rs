//! What a process tells of itself: log lines, to stderr, for people or for machines; and traces, to a collector.

use std::io::{IsTerminal, stderr};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Level, Metadata, Subscriber, warn};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    config::{LogArgs, LogFormat},
    traces,
};

mod collector;
mod export;

pub(crate) use export::flush;

/// Starts telling for the whole process: `traced` is what it is called in traces, if it has any. A line that cannot be
/// written (a full disk, a reader that is gone) is lost, and nothing else; so is a trace that cannot be exported.
pub(crate) fn start(log: &LogArgs, traced: Option<&'static str>, runtime: &Handle) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(stderr)
        .log_internal_errors(false);
    let lines = match log.log_format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let logged = EnvFilter::new(&log.log).add_directive(untraced());
    let set_up = match traced {
        Some(name) => export::set_up(name, runtime),
        None => Ok(None),
    };
    let (provider, trouble) = match set_up {
        Ok(provider) => (provider, None),
        Err(trouble) => (None, Some(trouble)),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(logged))
        .with(provider.map(exported))
        .init();
    // The specification wants a program that goes on.
    if let Some(trouble) = trouble {
        warn!("no traces are exported: {trouble}");
    }
}

fn untraced() -> tracing_subscriber::filter::Directive {
    let directive = format!("{}=off", traces::TARGET);
    directive.parse().expect("a target and a level")
}

/// Spans go to the collector, and what is logged within one goes with it.
fn exported<S>(provider: SdkTracerProvider) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    traces::take();
    let wanted = |what: &Metadata<'_>| {
        if what.is_span() {
            what.target() == traces::TARGET
        } else {
            what.target().starts_with("outbox_service") && *what.level() <= Level::INFO
        }
    };
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("outbox-service"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_context_activation(false)
        .with_filter(filter_fn(wanted).with_max_level_hint(Level::INFO))
}
