//! Which relay publishes which lanes: leases by the database's clock, fair shares, takeover of a dead relay's work.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// A lane that a relay owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// Which.
    pub lane: i16,
    /// The fencing token that a claim from it must present.
    pub token: i64,
    /// How often its events were recalled so far.
    pub recalls: i64,
}

/// What one beat came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// Lanes owned after the beat.
    pub held: Vec<Held>,
    /// How many of them are newly acquired: there may be work in them.
    pub acquired: u64,
    /// Events that an earlier owner had in flight and that are pending again.
    pub reclaimed: u64,
    /// Events that an earlier owner had in flight and that are given up: they have ended too many owners.
    pub failed: u64,
}

/// What a rewind came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewound {
    /// The lanes, under their new tokens.
    pub held: Vec<Held>,
    /// Events that were in flight and are pending again.
    pub handed_back: u64,
}

/// Says that the relay lives and renews its leases; gives up what is more than its share, and takes what is free or
/// expired up to its share. When it has its share already, that is one statement.
///
/// `wants_ring` repeats the doorbell's flag, which is lost when the relay was thought dead for a while. What was in flight
/// in an acquired lane is pending again, or failed if it has been claimed `max_attempts` times for nothing.
pub async fn beat(
    conn: &mut PgConnection,
    relay: Uuid,
    lease: Duration,
    wants_ring: bool,
    max_attempts: i32,
) -> sqlx::Result<Beat> {
    let lease_ms = lease.as_secs_f64() * 1000.0;
    let pulse = renew(conn, relay, lease_ms, wants_ring).await?;
    let owned = pulse.lanes.len() as i64;
    if owned == pulse.share && !pulse.draining {
        return Ok(Beat {
            held: pulse.held(),
            ..Beat::default()
        });
    }
    let mut tx = conn.begin().await?;
    lock(&mut tx, relay).await?;
    if owned > pulse.share || pulse.draining {
        shed(&mut tx, relay, owned - pulse.share).await?;
    }
    let kept = held(&mut tx, relay).await?.len() as i64;
    let acquired = acquire(&mut tx, relay, lease_ms, pulse.share - kept).await?;
    let (reclaimed, failed) = reclaim(&mut tx, &acquired, max_attempts).await?;
    let held = held(&mut tx, relay).await?;
    tx.commit().await?;
    Ok(Beat {
        held,
        acquired: acquired.len() as u64,
        reclaimed,
        failed,
    })
}

/// Hands back everything that `relay` has in flight, and the attempt with it: what was not the event's own doing costs it
/// nothing.
///
/// The lanes come under new tokens first. Whatever statement of before is still to be carried out — a claim whose answer
/// nobody waits for, a mark that was given up — then finds another token and changes nothing; a claim that was carried out
/// while the lanes' lock was waited for is found in flight and handed back.
pub async fn rewind(conn: &mut PgConnection, relay: Uuid) -> sqlx::Result<Rewound> {
    let mut tx = conn.begin().await?;
    let held: Vec<Held> = sqlx::query_as(
        "WITH mine AS MATERIALIZED (
             SELECT lane FROM relay_lanes WHERE owner = $1 ORDER BY lane FOR NO KEY UPDATE
         )
         UPDATE relay_lanes l SET token = nextval('relay_tokens') FROM mine WHERE l.lane = mine.lane
         RETURNING l.lane, l.token, l.recalls",
    )
    .bind(relay)
    .fetch_all(&mut *tx)
    .await?;
    let lanes: Vec<i16> = held.iter().map(|held| held.lane).collect();
    // A statement of its own: it sees every claim that the one before has waited for.
    let handed_back = sqlx::query(
        "UPDATE outbox_events SET status = 'pending', claim_token = NULL, attempts = greatest(attempts - 1, 0)
         WHERE status = 'processing' AND lane = ANY($1)",
    )
    .bind(lanes)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Rewound {
        held,
        handed_back: handed_back.rows_affected(),
    })
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
    lock(&mut tx, relay).await?;
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
    /// How many it should have, at most.
    share: i64,
    /// What it has,
    lanes: Vec<i16>,
    /// under which tokens,
    tokens: Vec<i64>,
    /// and how often recalled.
    recalls: Vec<i64>,
    /// Whether it is giving some of them up.
    draining: bool,
}

impl Pulse {
    fn held(&self) -> Vec<Held> {
        let lanes = self.lanes.iter().zip(&self.tokens).zip(&self.recalls);
        lanes
            .map(|((lane, token), recalls)| Held {
                lane: *lane,
                token: *token,
                recalls: *recalls,
            })
            .collect()
    }
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
             RETURNING l.lane, l.token, l.recalls, l.draining
         )
         SELECT ceil((SELECT count(*) FROM relay_lanes)::float8
                    / (1 + (SELECT count(*) FROM relays WHERE relay_id <> $1 AND alive_until >= clock_timestamp())))::bigint
                    AS share,
                coalesce(array_agg(lane), '{}') AS lanes, coalesce(array_agg(token), '{}') AS tokens,
                coalesce(array_agg(recalls), '{}') AS recalls, coalesce(bool_or(draining), false) AS draining
         FROM renewed",
    )
    .bind(relay)
    .bind(lease_ms)
    .bind(wants_ring)
    .fetch_one(conn)
    .await
}

/// Stops claiming from `surplus` lanes, and gives up those of them that have nothing in flight. Two statements: the second
/// one sees every claim that the first one waited for.
async fn shed(conn: &mut PgConnection, relay: Uuid, surplus: i64) -> sqlx::Result<()> {
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
        return Ok(());
    }
    sqlx::query(
        "UPDATE relay_lanes l SET owner = NULL, draining = false, lease_until = '-infinity'
         WHERE owner = $1 AND draining
           AND NOT EXISTS (SELECT FROM outbox_events e WHERE e.lane = l.lane AND e.status = 'processing')",
    )
    .bind(relay)
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks a relay's lanes in their order, as every statement does that locks several: no two of them deadlock.
async fn lock(conn: &mut PgConnection, relay: Uuid) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM relay_lanes WHERE owner = $1 ORDER BY lane FOR NO KEY UPDATE")
        .bind(relay)
        .execute(conn)
        .await?;
    Ok(())
}

/// Lanes under a living lease.
async fn held(conn: &mut PgConnection, relay: Uuid) -> sqlx::Result<Vec<Held>> {
    sqlx::query_as(
        "SELECT lane, token, recalls FROM relay_lanes WHERE owner = $1 AND lease_until > clock_timestamp()",
    )
    .bind(relay)
    .fetch_all(conn)
    .await
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

/// What an earlier owner had in flight is pending again. Its attempt stays counted, since nobody knows what ended that
/// owner; an event that has been there too often is given up. Returns how many are pending, and how many given up.
async fn reclaim(
    conn: &mut PgConnection,
    lanes: &[i16],
    max_attempts: i32,
) -> sqlx::Result<(u64, u64)> {
    if lanes.is_empty() {
        return Ok((0, 0));
    }
    let statuses: Vec<String> = sqlx::query_scalar(
        "UPDATE outbox_events
         SET status = CASE WHEN attempts >= $2 THEN 'failed' ELSE 'pending' END,
             processed_at = CASE WHEN attempts >= $2 THEN clock_timestamp() END,
             last_error = CASE WHEN attempts >= $2
                 THEN 'claimed ' || attempts || ' times by relays that ended before they had sent it' ELSE last_error END,
             claim_token = NULL
         WHERE status = 'processing' AND lane = ANY($1)
         RETURNING status",
    )
    .bind(lanes)
    .bind(max_attempts)
    .fetch_all(conn)
    .await?;
    let failed = statuses.iter().filter(|status| *status == "failed").count() as u64;
    Ok((statuses.len() as u64 - failed, failed))
}
