//! The writer's side: an event enters the outbox with the change that it announces, or not at all.

use sqlx::types::Json;
use sqlx::{PgConnection, Postgres};
use uuid::Uuid;

use crate::events::{BID_PLACED, BidPlaced};

/// Appends an event and rings the relay that owns its lane, if it sleeps. To be called inside the transaction that makes
/// the event true, as its last statement: there is no variant for a pool, because an event without its change must not
/// exist.
///
/// The bell is rung only if that relay asked for it: NOTIFY serialises commits, and a busy relay comes by anyway. Postgres
/// delivers it with the commit.
pub async fn append(
    connection: &mut PgConnection,
    event: &BidPlaced,
    traceparent: Option<&str>,
) -> Result<(), sqlx::Error> {
    let auction_id: Uuid = event
        .auction_id
        .parse()
        .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query::<Postgres>(
        // The transaction has its id before the position is drawn: `Frontier` relies on it.
        "WITH begun AS MATERIALIZED (
             SELECT pg_current_xact_id() AS id
         ), appended AS (
             INSERT INTO outbox_events (id, event_type, payload, auction_id, sequence, traceparent)
             SELECT $1, $2, $3, $4, $5, $6 FROM begun WHERE begun.id IS NOT NULL
             RETURNING lane
         )
         SELECT pg_notify($7, lane::text) FROM appended
         WHERE EXISTS (
             SELECT FROM relay_lanes l JOIN relays r ON r.relay_id = l.owner WHERE l.lane = appended.lane AND r.wants_ring)",
    )
    .bind(Uuid::now_v7())
    .bind(BID_PLACED)
    .bind(Json(event))
    .bind(auction_id)
    .bind(event.sequence)
    .bind(traceparent)
    .bind(super::DOORBELL)
    .execute(connection)
    .await?;
    Ok(())
}
