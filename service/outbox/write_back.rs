//! Writing back what became of claimed events. Every statement presents the fencing token it was claimed with: a relay
//! that lost its lease changes nothing.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::ClaimedEvent;

/// An event that the broker, or the contract, would not take.
#[derive(Debug)]
pub struct Rejection {
    /// The event.
    pub event: ClaimedEvent,
    /// Why, for `last_error`.
    pub reason: String,
}

/// How rejected events are tried again.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// At this many claims a rejected event is failed.
    pub max_attempts: i32,
    /// Pause after the first rejection; doubles with each.
    pub base: Duration,
    /// Longest pause.
    pub max: Duration,
}

/// Marks confirmed events published, in one statement. Returns how many were still ours.
pub async fn mark_published(conn: &mut PgConnection, events: &[ClaimedEvent]) -> sqlx::Result<u64> {
    let (ids, tokens) = presented(events.iter());
    let done = sqlx::query(
        "UPDATE outbox_events e
         SET status = 'published', processed_at = clock_timestamp(), claim_token = NULL, last_error = NULL
         FROM unnest($1::uuid[], $2::bigint[]) AS done (id, token)
         WHERE e.id = done.id AND e.status = 'processing' AND e.claim_token = done.token",
    )
    .bind(ids)
    .bind(tokens)
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Sends rejected events into their back-off (doubling, with jitter), or fails them at the cap. Returns how many were
/// failed.
pub async fn reject(
    conn: &mut PgConnection,
    rejections: &[Rejection],
    policy: RetryPolicy,
) -> sqlx::Result<u64> {
    let (ids, tokens) = presented(rejections.iter().map(|rejection| &rejection.event));
    let reasons: Vec<&str> = rejections
        .iter()
        .map(|rejection| rejection.reason.as_str())
        .collect();
    let statuses: Vec<String> = sqlx::query_scalar(
        "UPDATE outbox_events e
         SET status = CASE WHEN attempts >= $4 THEN 'failed' ELSE 'pending' END,
             processed_at = CASE WHEN attempts >= $4 THEN clock_timestamp() END,
             retry_at = CASE WHEN attempts < $4 THEN clock_timestamp()
                 + LEAST($5 * power(2, LEAST(attempts, 30) - 1), $6) * (0.5 + random() / 2) * interval '1 ms' END,
             claim_token = NULL,
             last_error = refused.reason
         FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS refused (id, token, reason)
         WHERE e.id = refused.id AND e.status = 'processing' AND e.claim_token = refused.token
         RETURNING e.status",
    )
    .bind(ids)
    .bind(tokens)
    .bind(reasons)
    .bind(policy.max_attempts)
    .bind(policy.base.as_secs_f64() * 1000.0)
    .bind(policy.max.as_secs_f64() * 1000.0)
    .fetch_all(conn)
    .await?;
    Ok(statuses.iter().filter(|status| *status == "failed").count() as u64)
}

/// Hands back everything that `relay` has in flight, and the attempt with it: an outage costs no retries.
pub async fn release(conn: &mut PgConnection, relay: Uuid) -> sqlx::Result<u64> {
    let released = sqlx::query(
        "UPDATE outbox_events e
         SET status = 'pending', claim_token = NULL, attempts = attempts - 1
         FROM relay_lanes l
         WHERE l.owner = $1 AND e.lane = l.lane AND e.status = 'processing' AND e.claim_token = l.token",
    )
    .bind(relay)
    .execute(conn)
    .await?;
    Ok(released.rows_affected())
}

fn presented<'a>(events: impl Iterator<Item = &'a ClaimedEvent>) -> (Vec<Uuid>, Vec<i64>) {
    events.map(|event| (event.id, event.claim_token)).unzip()
}
