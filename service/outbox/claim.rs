//! Claiming: pending events become this relay's, in order, for as long as it holds their lanes.

use sqlx::{FromRow, PgConnection, Row};
use uuid::Uuid;

mod frontier;

pub use frontier::Frontier;
use frontier::Sight;

use crate::traces;

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
    /// Its place there.
    pub sequence: i64,
    /// The fencing token that a write-back must present.
    pub claim_token: i64,
    /// Claims that were neither written back nor handed back, this one included.
    pub attempts: i32,
    /// Trace context of the request that wrote it.
    pub traceparent: Option<String>,
    position: i64,
    lane: i16,
}

impl ClaimedEvent {
    /// The trace of the request that wrote it.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref().and_then(traces::trace_id)
    }
}

/// How a relay claims.
#[derive(Debug, Clone, Copy)]
pub struct ClaimPolicy {
    /// An auction waits for its failed event.
    pub hold_failed: bool,
    /// An event of which so many claims came to nothing is claimed alone: one of those it was claimed with may be what
    /// killed its relays, or it is the one.
    pub suspect_from: i32,
}

/// What a claim came to.
#[derive(Debug, Default)]
pub struct Claim {
    /// In queueing order.
    pub events: Vec<ClaimedEvent>,
    /// There is, or may be, more: the next claim should follow at once.
    pub more: bool,
    /// The only event here is a suspect.
    pub suspect: bool,
    /// A suspect is here, or comes next: nothing is to be claimed before all of this is written back, so that a suspect is
    /// alone in its relay's hands.
    pub wait: bool,
}

/// Claims up to `limit` of the next `window` events from the lanes that `relay` owns under the tokens that `frontier`
/// knows, and counts the attempt.
///
/// - The lanes' rows are locked first: a takeover, a rewind or a recall happens before (and its lane is passed by) or
///   after (and finds our events in flight). A statement that the client gave up is carried out under tokens that the
///   session's rewind replaces, and then takes nothing.
/// - Lanes take turns, and each one's events are taken in the order of their positions, without a gap: nothing is skipped
///   because somebody has locked it.
/// - An event whose auction is held is not claimed but put aside, once and for all: `held`.
pub async fn claim(
    conn: &mut PgConnection,
    relay: Uuid,
    (window, limit): (i64, i64),
    policy: ClaimPolicy,
    frontier: &mut Frontier,
) -> sqlx::Result<Claim> {
    let known = frontier.in_turn();
    if known.lanes.is_empty() {
        return Ok(Claim::default());
    }
    let rows = sqlx::query(CLAIM)
        .bind(relay)
        .bind(&known.lanes)
        .bind(&known.tokens)
        .bind(&known.recalls)
        .bind(&known.floors)
        .bind(window)
        .bind(policy.hold_failed)
        .bind(policy.suspect_from)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    // The first columns are the same in each row, and there is always one.
    let Some(sight) = rows.first() else {
        return Err(sqlx::Error::RowNotFound);
    };
    let put_aside: i64 = sight.try_get("put_aside")?;
    let wait: bool = sight.try_get("suspected")?;
    let sight = Sight::from_row(sight)?;
    let claimed = rows
        .iter()
        .filter(|row| !matches!(row.try_get::<Option<Uuid>, _>("id"), Ok(None)));
    let mut events: Vec<ClaimedEvent> = claimed
        .map(ClaimedEvent::from_row)
        .collect::<sqlx::Result<_>>()?;
    // RETURNING promises no order.
    events.sort_unstable_by_key(|event| event.position);
    let reached = events.iter().map(|event| (event.lane, event.position));
    frontier.learn(&sight, &known.lanes, reached);
    let suspect = matches!(&events[..], [only] if only.attempts > policy.suspect_from);
    Ok(Claim {
        more: !sight.exhausted || put_aside > 0 || sight.passed_by(),
        suspect,
        wait,
        events,
    })
}

/// `$2..$5` are the lanes in the order of their turns: lane, token, recalls, and where to begin. A lane that was recalled
/// while its lock was waited for is not `current`: the snapshot does not show what has become claimable.
///
/// `due` is a nested loop that stops when the window is full: it touches no more entries than it returns, whatever waits in
/// other lanes or behind. The updates go by id: that an event is still pending they say by its other columns, or a plan that
/// was made for an empty table would walk all that is pending once for each of them. `holds` is one probe for each auction of
/// the window, and only while something holds. `cut` is the first suspect: everything before it, or, if it is the first, it
/// alone.
const CLAIM: &str = "
    WITH mine AS MATERIALIZED (
        SELECT lane, token, recalls, array_position($2::smallint[], lane) AS turn FROM relay_lanes
        WHERE lane = ANY($2) AND owner = $1 AND NOT draining AND lease_until > clock_timestamp()
        ORDER BY lane
        FOR NO KEY UPDATE
    ), known AS MATERIALIZED (
        SELECT lane, token, recalls, turn, recalls <> ($4::bigint[])[turn] AS recalled,
               CASE WHEN recalls = ($4::bigint[])[turn] THEN ($5::bigint[])[turn] ELSE 0 END AS floor,
               recalls = (ARRAY(SELECT recalls FROM relay_lanes ORDER BY lane))[lane + 1] AS current
        FROM mine WHERE token = ($3::bigint[])[turn]
        ORDER BY turn
    ), due AS MATERIALIZED (
        SELECT e.id, e.auction_id, e.sequence, e.attempts, e.position, known.token, known.turn
        FROM known CROSS JOIN LATERAL (
            SELECT id, auction_id, sequence, attempts, position FROM outbox_events
            WHERE lane = known.lane AND status = 'pending' AND NOT held AND position >= known.floor
            ORDER BY position LIMIT $6) e
        WHERE known.current
        LIMIT $6
    ), cut AS MATERIALIZED (
        SELECT turn, position FROM due WHERE attempts >= $8 ORDER BY turn, position LIMIT 1
    ), chosen AS MATERIALIZED (
        SELECT due.* FROM due LEFT JOIN cut ON true
        WHERE cut.position IS NULL
           OR (due.turn, due.position) < (cut.turn, cut.position)
           OR (due.position = cut.position
               AND NOT EXISTS (SELECT FROM due d WHERE (d.turn, d.position) < (cut.turn, cut.position)))
    ), holds AS MATERIALIZED (
        SELECT * FROM (
            SELECT a.auction_id,
                   (SELECT h.sequence FROM outbox_events h
                    WHERE h.auction_id = a.auction_id AND (h.status = 'failed' OR h.held) AND ($7 OR h.held)
                    ORDER BY h.auction_id, h.sequence LIMIT 1) AS held_from
            FROM (SELECT DISTINCT auction_id FROM chosen) a
            WHERE EXISTS (SELECT FROM outbox_events WHERE status = 'failed' OR held)
            OFFSET 0) probed
        WHERE held_from IS NOT NULL
    ), judged AS MATERIALIZED (
        SELECT c.id, c.token, c.turn, c.position, (c.sequence > holds.held_from) IS TRUE AS waits
        FROM chosen c LEFT JOIN holds ON holds.auction_id = c.auction_id
    ), put_aside AS (
        UPDATE outbox_events e SET held = true
        FROM judged j
        WHERE j.waits AND e.id = j.id AND e.claim_token IS NULL AND e.processed_at IS NULL AND NOT e.held
        RETURNING e.id
    ), claimed AS (
        UPDATE outbox_events e
        SET status = 'processing', claim_token = j.token, attempts = e.attempts + 1
        FROM (SELECT id, token FROM judged WHERE NOT waits ORDER BY turn, position LIMIT $9) j
        WHERE e.id = j.id AND e.claim_token IS NULL AND e.processed_at IS NULL AND NOT e.held
        RETURNING e.id, e.event_type, e.payload::text AS payload, e.auction_id, e.sequence, e.claim_token, e.attempts,
            e.traceparent, e.position, e.lane
    )
    SELECT pg_current_xact_id()::text::bigint AS horizon,
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
           NOT EXISTS (SELECT FROM cut) AND (SELECT count(*) FROM due) < least($6, $9) AS exhausted,
           EXISTS (SELECT FROM cut) AS suspected,
           (SELECT lane FROM known WHERE turn = (SELECT max(turn) FROM due)) AS last_lane,
           coalesce((SELECT bit_or(1::bigint << lane::int) FROM known WHERE current), 0) AS looked_into,
           ARRAY(SELECT lane FROM known WHERE recalled ORDER BY turn) AS recalled,
           ARRAY(SELECT recalls FROM known WHERE recalled ORDER BY turn) AS recalls,
           (SELECT count(*) FROM put_aside) AS put_aside,
           claimed.*
    FROM (SELECT) AS one LEFT JOIN claimed ON true";
