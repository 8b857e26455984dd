//! Writing back what became of claimed events. Every statement presents the fencing token it was claimed with: a relay
//! that lost its lease changes nothing.

use sqlx::PgConnection;
use uuid::Uuid;

use super::ClaimedEvent;

/// An event that no message can be made of.
#[derive(Debug)]
pub struct Undecodable {
    /// The event.
    pub event: ClaimedEvent,
    /// Why, for `last_error`.
    pub reason: String,
}

/// What became of a mark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marked {
    /// Published by this mark, or by an earlier one whose answer was lost.
    pub published: u64,
    /// No longer ours to mark.
    pub stale: u64,
}

/// Marks confirmed events published, in one statement. `again` says that an earlier try may have been carried out: what is
/// published by now was then marked by it.
pub async fn mark_published(
    conn: &mut PgConnection,
    events: &[ClaimedEvent],
    again: bool,
) -> sqlx::Result<Marked> {
    let (ids, tokens) = presented(events.iter());
    let done = sqlx::query(
        "UPDATE outbox_events e
         SET status = 'published', processed_at = clock_timestamp(), claim_token = NULL, last_error = NULL
         FROM unnest($1::uuid[], $2::bigint[]) AS done (id, token)
         WHERE e.id = done.id AND e.status = 'processing' AND e.claim_token = done.token",
    )
    .bind(&ids)
    .bind(tokens)
    .execute(&mut *conn)
    .await?;
    let all = events.len() as u64;
    let mut published = done.rows_affected();
    if again && published < all {
        let by_now: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM outbox_events WHERE id = ANY($1) AND status = 'published'",
        )
        .bind(ids)
        .fetch_one(conn)
        .await?;
        published = by_now.unsigned_abs();
    }
    Ok(Marked {
        published,
        stale: all.saturating_sub(published),
    })
}

/// Fails events that no message can be made of: no other try would mend them. Returns how many were still ours.
pub async fn fail(conn: &mut PgConnection, undecodable: &[Undecodable]) -> sqlx::Result<u64> {
    let (ids, tokens) = presented(undecodable.iter().map(|undecodable| &undecodable.event));
    let reasons: Vec<&str> = undecodable
        .iter()
        .map(|undecodable| undecodable.reason.as_str())
        .collect();
    let failed = sqlx::query(
        "UPDATE outbox_events e
         SET status = 'failed', processed_at = clock_timestamp(), claim_token = NULL, last_error = bad.reason
         FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS bad (id, token, reason)
         WHERE e.id = bad.id AND e.status = 'processing' AND e.claim_token = bad.token",
    )
    .bind(ids)
    .bind(tokens)
    .bind(reasons)
    .execute(conn)
    .await?;
    Ok(failed.rows_affected())
}

/// Clears a suspect that a message could be made of: it does not end its relays. False if it was no longer ours.
pub async fn acquit(conn: &mut PgConnection, event: &ClaimedEvent) -> sqlx::Result<bool> {
    let acquitted = sqlx::query(
        "UPDATE outbox_events SET attempts = 1 WHERE id = $1 AND status = 'processing' AND claim_token = $2",
    )
    .bind(event.id)
    .bind(event.claim_token)
    .execute(conn)
    .await?;
    Ok(acquitted.rows_affected() == 1)
}

fn presented<'a>(events: impl Iterator<Item = &'a ClaimedEvent>) -> (Vec<Uuid>, Vec<i64>) {
    events.map(|event| (event.id, event.claim_token)).unzip()
}
