//! Claiming: pending events become this relay's, in order, for as long as it holds their lanes.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

mod floor;

pub use floor::Floor;

/// An event in the relay's hands.
#[derive(Debug, Clone, FromRow)]
pub struct ClaimedEvent {
    /// The event; becomes the message id.
    pub id: Uuid,
    /// Its type, as stored.
    pub event_type: String,
    /// Canonical JSON, as text: decoding is the relay's business, and may fail.
    pub payload: String,
    /// Its auction.
    pub auction_id: Uuid,
    /// The fencing token that a write-back must present.
    pub claim_token: i64,
    /// Trace context of the request that wrote it.
    pub traceparent: Option<String>,
    position: i64,
}

/// What a claim saw beside its events, in the same snapshot.
#[derive(Debug, Clone, Copy, FromRow)]
struct Sight {
    /// Some event backs off, has failed, or was put back.
    holding: bool,
    /// The lanes that were looked into, one bit each.
    lanes: i64,
    /// The newest fencing token among them.
    newest_token: i64,
    /// No transaction below it runs any more.
    oldest_running: i64,
    /// No transaction from it on had begun.
    next_to_run: i64,
}

/// Claims up to `limit` events in queueing order from the lanes that `relay` owns, and counts the attempt.
///
/// An auction is passed over while an earlier event of it backs off, or has failed and `hold_failed` says that its
/// successors wait; both by one reading of the clock, or a head would be passed over and its successor taken. The lanes' rows
/// are locked first: a takeover either happens before (and we see nothing) or after
/// (and finds our events in flight). The look begins at `floor`, which is raised by what was seen; it belongs to this
/// relay, and to a time in which nothing that it claimed became pending again.
pub async fn claim(
    conn: &mut PgConnection,
    relay: Uuid,
    limit: i64,
    hold_failed: bool,
    floor: &mut Floor,
) -> sqlx::Result<Vec<ClaimedEvent>> {
    let rows = sqlx::query(
        "WITH held AS MATERIALIZED (
             SELECT lane, token FROM relay_lanes
             WHERE owner = $1 AND NOT draining AND lease_until > clock_timestamp()
             ORDER BY lane
             FOR NO KEY UPDATE
         ), sight AS MATERIALIZED (
             SELECT clock_timestamp() AS now,
                    EXISTS (SELECT FROM outbox_events WHERE status = 'failed' OR retry_at IS NOT NULL) AS holding,
                    (SELECT bit_or(1::bigint << lane::int) FROM held) AS lanes,
                    (SELECT max(token) FROM held) AS newest_token,
                    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
                    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_to_run
         ), due AS MATERIALIZED (
             SELECT e.id, (ARRAY(SELECT token FROM held))[array_position(ARRAY(SELECT lane FROM held), e.lane)] AS token
             FROM outbox_events e
             WHERE e.status = 'pending'
               AND e.position >= (
                   SELECT CASE WHEN holding OR newest_token > $5 OR lanes & ~$6 <> 0 THEN 0 ELSE $4 END FROM sight)
               AND e.lane = ANY (ARRAY(SELECT lane FROM held))
               AND (e.retry_at IS NULL OR e.retry_at <= (SELECT now FROM sight))
               AND (NOT (SELECT holding FROM sight) OR NOT EXISTS (
                       SELECT FROM outbox_events head
                       WHERE head.auction_id = e.auction_id AND head.sequence < e.sequence
                         AND (head.status = 'failed' OR head.retry_at IS NOT NULL)
                         AND (head.retry_at > (SELECT now FROM sight) OR (head.status = 'failed' AND $3))))
             ORDER BY e.position
             LIMIT $2
             FOR UPDATE OF e SKIP LOCKED
         )
         UPDATE outbox_events e
         SET status = 'processing', claim_token = due.token, attempts = attempts + 1, retry_at = NULL
         FROM due, sight
         WHERE e.id = due.id
         RETURNING e.id, e.event_type, e.payload::text AS payload, e.auction_id, e.claim_token, e.traceparent, e.position,
             sight.*",
    )
    .bind(relay)
    .bind(limit)
    .bind(hold_failed)
    .bind(floor.position)
    .bind(floor.newest_token)
    .bind(floor.lanes)
    .fetch_all(conn)
    .await?;
    let mut events = rows
        .iter()
        .map(ClaimedEvent::from_row)
        .collect::<sqlx::Result<Vec<_>>>()?;
    // RETURNING promises no order.
    events.sort_unstable_by_key(|event| event.position);
    if let (Some(row), Some(last)) = (rows.first(), events.last()) {
        let everything = (events.len() as i64) < limit;
        // The same in each row.
        floor.learn(Sight::from_row(row)?, last.position, everything);
    } else {
        floor.saw_nothing();
    }
    Ok(events)
}
