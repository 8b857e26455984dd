//! `GET /healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::OpsState;
use super::described::problems;
use super::problem::{Code, Problem};
use crate::database::{self, DatabaseError};
use crate::inbox::parked;
use crate::metrics::EXPOSITION_TYPE;
use crate::outbox::backlog;
use crate::readiness::Report;
use crate::schema::Schema;

/// How old the backlog gauges may be: many scrapers cost one query.
const BACKLOG_MAX_AGE: Duration = Duration::from_secs(1);
/// How long a probe or a scrape may spend in Postgres.
pub(crate) const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// When the backlog was last measured. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct BacklogCache(Arc<Mutex<Option<Instant>>>);

problems!(Problems:);

/// The process is alive. Says nothing about what it depends on: a restart would not mend that.
#[utoipa::path(
    get,
    path = "/healthz",
    responses((status = 200, description = "It is", content_type = "text/plain", body = String), Problems)
)]
pub async fn healthz() -> &'static str {
    "alive\n"
}

/// Whether the process can work, and if not, why.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, description = "It can", body = Report),
        (status = 503, description = "It cannot, and why", body = Report),
        Problems,
    )
)]
pub async fn readyz(State(state): State<OpsState>) -> Response {
    let postgres = state.readiness.depend_on("postgres");
    match probe(&state).await {
        Ok(Schema::AsNeeded) => postgres.up(),
        // Of before, while a later version is being rolled out: bids are taken and applied all the while.
        Ok(newer @ Schema::Newer(_)) if !state.publishes => postgres.up_although(newer.to_string()),
        Ok(unfit) => postgres.down(unfit.to_string()),
        Err(error) => postgres.down(error.to_string()),
    }
    let report = state.readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

/// The metrics in OpenMetrics text.
#[utoipa::path(
    get,
    path = "/metrics",
    responses(
        (status = 200, description = "All metrics", content_type = "application/openmetrics-text", body = String),
        Problems,
    )
)]
pub async fn metrics(State(state): State<OpsState>) -> Result<Response, Problem> {
    refresh_backlog(&state).await;
    match state.metrics.expose() {
        Ok(exposed) => Ok(([(CONTENT_TYPE, EXPOSITION_TYPE)], exposed).into_response()),
        Err(error) => Err(Problem::new(Code::Internal, error.to_string())),
    }
}

async fn probe(state: &OpsState) -> Result<Schema, DatabaseError> {
    let probe = state.database.within(PROBE_DEADLINE, async |connection| {
        database::examine(connection).await?;
        Schema::of(connection).await
    });
    probe.await
}

/// Measures the backlog unless somebody just did. A failure leaves the gauges as they are and is counted.
async fn refresh_backlog(state: &OpsState) {
    let mut measured = state.backlog.0.lock().await;
    if measured.is_some_and(|at| at.elapsed() < BACKLOG_MAX_AGE) {
        return;
    }
    let measure = state.database.within(PROBE_DEADLINE, async |connection| {
        let backlog = backlog::measure(connection).await?;
        Ok::<_, DatabaseError>((backlog, parked::measure(connection).await?))
    });
    match measure.await {
        Ok((backlog, waiting)) => {
            state.metrics.outbox.show(backlog);
            state.metrics.consumer.show(waiting);
        }
        Err(error) => {
            tracing::warn!(%error, "the backlog could not be measured");
            state.metrics.outbox.stale.inc();
        }
    }
    *measured = Some(Instant::now());
}
