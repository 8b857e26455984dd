//! Which relay publishes which lanes: leases by the database's clock, fair shares, takeover of a dead relay's work.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// What one beat changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beat {
    /// Lanes owned after the beat.
    pub owned: i64,
    /// Of these, newly acquired: there may be work in them.
    pub acquired: i64,
    /// Events that an earlier owner had in flight and that are pending again.
    pub reclaimed: u64,
}

/// Says that the relay lives and renews its leases; gives up what is more than its share, and takes what is free or
/// expired up to its share. When it has its share already, that is one statement.
///
/// `wants_ring` repeats the doorbell's flag, which is lost when the relay was thought dead for a while.
pub async fn beat(
    conn: &mut PgConnection,
    relay: Uuid,
    lease: Duration,
    wants_ring: bool,
) -> sqlx::Result<Beat> {
    let lease_ms = lease.as_secs_f64() * 1000.0;
    let pulse = renew(conn, relay, lease_ms, wants_ring).await?;
    let mut beat = Beat {
        owned: pulse.owned,
        ..Beat::default()
    };
    if pulse.owned == pulse.share && pulse.draining == 0 {
        return Ok(beat);
    }
    let mut tx = conn.begin().await?;
    beat.owned -= shed(&mut tx, relay, pulse.owned - pulse.share).await?;
    let acquired = acquire(&mut tx, relay, lease_ms, pulse.share - beat.owned).await?;
    beat.reclaimed = reclaim(&mut tx, &acquired).await?;
    tx.commit().await?;
    beat.acquired = acquired.len() as i64;
    beat.owned += beat.acquired;
    Ok(beat)
}

/// Sets whether writers should ring for `relay`.
pub async fn want_ring(conn: &mut PgConnection, relay: Uuid, wanted: bool) -> sqlx::Result<()> {
    sqlx::query("UPDATE relays SET wants_ring = $2 WHERE relay_id = $1")
        .bind(relay)
        .bind(wanted)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives up every lane and the relay's own row, so that others need not wait for the leases.
pub async fn leave(conn: &mut PgConnection, relay: Uuid) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query(
        "UPDATE relay_lanes SET owner = NULL, draining = false, lease_until = '-infinity' WHERE owner = $1",
    )
    .bind(relay)
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM relays WHERE relay_id = $1")
        .bind(relay)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// A living relay's part of the lanes.
#[derive(sqlx::FromRow)]
struct Pulse {
    /// What it should have, at most.
    share: i64,
    /// What it has.
    owned: i64,
    /// Of these, the ones that it is giving up.
    draining: i64,
}

/// Renews living leases, and only those: an expired one may have been taken, and comes back with a new token if at all.
async fn renew(
    conn: &mut PgConnection,
    relay: Uuid,
    lease_ms: f64,
    wants_ring: bool,
) -> sqlx::Result<Pulse> {
    // Lanes are locked in their order, as the claim does, so that the two never deadlock.
    sqlx::query_as(
        "WITH alive AS (
             INSERT INTO relays (relay_id, alive_until, wants_ring)
             VALUES ($1, clock_timestamp() + $2 * interval '1 ms', $3)
             ON CONFLICT (relay_id) DO UPDATE SET alive_until = excluded.alive_until, wants_ring = excluded.wants_ring
         ), dead AS (
             DELETE FROM relays WHERE alive_until < clock_timestamp() AND relay_id <> $1
         ), mine AS MATERIALIZED (
             SELECT lane FROM relay_lanes WHERE owner = $1 AND lease_until > clock_timestamp()
             ORDER BY lane FOR NO KEY UPDATE
         ), renewed AS (
             UPDATE relay_lanes l SET lease_until = clock_timestamp() + $2 * interval '1 ms'
             FROM mine WHERE l.lane = mine.lane
             RETURNING l.draining
         )
         SELECT ceil((SELECT count(*) FROM relay_lanes)::float8
                    / (1 + (SELECT count(*) FROM relays WHERE relay_id <> $1 AND alive_until >= clock_timestamp())))::bigint
                    AS share,
                (SELECT count(*) FROM renewed) AS owned,
                (SELECT count(*) FROM renewed WHERE draining) AS draining",
    )
    .bind(relay)
    .bind(lease_ms)
    .bind(wants_ring)
    .fetch_one(conn)
    .await
}

/// Stops claiming from `surplus` lanes, and gives up those of them that have nothing in flight. Returns how many were
/// given up. Two statements: the second one sees every claim that the first one waited for.
async fn shed(conn: &mut PgConnection, relay: Uuid, surplus: i64) -> sqlx::Result<i64> {
    sqlx::query(
        "UPDATE relay_lanes SET draining = lane IN (
             SELECT lane FROM relay_lanes WHERE owner = $1 ORDER BY draining DESC, lane DESC LIMIT $2)
         WHERE owner = $1",
    )
    .bind(relay)
    .bind(surplus.max(0))
    .execute(&mut *conn)
    .await?;
    if surplus <= 0 {
        return Ok(0);
    }
    let given_up = sqlx::query(
        "UPDATE relay_lanes l SET owner = NULL, draining = false, lease_until = '-infinity'
         WHERE owner = $1 AND draining
           AND NOT EXISTS (SELECT FROM outbox_events e WHERE e.lane = l.lane AND e.status = 'processing')",
    )
    .bind(relay)
    .execute(conn)
    .await?;
    Ok(given_up.rows_affected() as i64)
}

async fn acquire(
    conn: &mut PgConnection,
    relay: Uuid,
    lease_ms: f64,
    wanted: i64,
) -> sqlx::Result<Vec<i16>> {
    if wanted <= 0 {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(
        "UPDATE relay_lanes
         SET owner = $1, token = nextval('relay_tokens'), draining = false, lease_until = clock_timestamp() + $2 * interval '1 ms'
         WHERE lane IN (
             SELECT lane FROM relay_lanes WHERE owner IS NULL OR lease_until <= clock_timestamp()
             ORDER BY lane LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING lane",
    )
    .bind(relay)
    .bind(lease_ms)
    .bind(wanted)
    .fetch_all(conn)
    .await
}

/// What an earlier owner had in flight is pending again; its attempt stays counted, since nobody knows what killed it.
async fn reclaim(conn: &mut PgConnection, lanes: &[i16]) -> sqlx::Result<u64> {
    if lanes.is_empty() {
        return Ok(0);
    }
    let reclaimed = sqlx::query(
        "UPDATE outbox_events SET status = 'pending', claim_token = NULL
         WHERE status = 'processing' AND lane = ANY($1)",
    )
    .bind(lanes)
    .execute(conn)
    .await?;
    Ok(reclaimed.rows_affected())
}
