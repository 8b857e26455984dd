//! All SQL on the outbox: who claims a row has it until its lease runs out, by the database's clock.

use std::time::Duration;

use anyhow::Result;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, query, raw_sql};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    bug::{Bug, fires},
    database::ANSWER_WITHIN,
    event::Event,
    within,
};

/// Claimed at once.
const WINDOW: u32 = 64;
/// Tries of an outage that is counted against its events.
const TRIES: i32 = 3;

/// A row that somebody has in hand.
#[derive(Debug, Clone, FromRow)]
pub struct Held {
    /// What is to be published.
    #[sqlx(flatten)]
    pub event: Event,
    /// Presented by whoever writes back: another one means that somebody else has the row now.
    pub token: Uuid,
}

/// What is in hand.
#[derive(Debug)]
pub struct Claim {
    /// In the order of their places.
    pub rows: Vec<Held>,
    /// When nothing more is published, for somebody else may have them soon.
    pub enough: Instant,
}

/// The outbox, as one relay has it.
pub struct Outbox {
    session: PgConnection,
    owner: String,
    lease: Duration,
    cursor: i64,
}

impl Outbox {
    /// For a relay of this name.
    pub fn new(session: PgConnection, owner: &str, lease: Duration) -> Self {
        let owner = owner.replace('\'', "");
        Self {
            session,
            owner,
            lease,
            cursor: 0,
        }
    }

    /// Takes the first rows that are free and have no predecessor in somebody's hands. One statement behind the other in one
    /// message: it is carried out as a whole or not at all, and one relay at a time does it.
    pub async fn claim(&mut self) -> Result<Claim> {
        let enough = Instant::now() + self.lease / 2;
        let lock = match fires(Bug::ParallelWorkers) {
            true => "",
            false => "SELECT pg_advisory_xact_lock(4711);",
        };
        let behind = match fires(Bug::FailedDoesNotHold) {
            true => "",
            false => {
                "UPDATE outbox_events o SET status = 'behind' WHERE status = 'pending' AND EXISTS (
                   SELECT FROM outbox_events f WHERE f.customer = o.customer AND f.id < o.id AND f.status = 'failed');"
            }
        };
        let mut found = self.next_rows();
        if fires(Bug::ClaimInTwoSteps) {
            let sql =
                format!("SELECT 0 AS nothing, array_agg(id)::text AS ids FROM ({found}) AS f");
            let rows = within(
                ANSWER_WITHIN,
                raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.session),
            );
            let rows = rows.await??;
            let ids: Option<String> = sqlx::Row::try_get(&rows[0], "ids")?;
            found = format!(
                "SELECT unnest('{}'::bigint[]) AS id",
                ids.unwrap_or("{}".to_owned())
            );
        }
        let token = match fires(Bug::TokenKept) {
            true => {
                "coalesce((SELECT p.token FROM outbox_events p WHERE p.customer = t.customer AND p.status = 'held' LIMIT 1), '{token}')"
            }
            false => "'{token}'",
        };
        let token = token.replace("{token}", &Uuid::now_v7().to_string());
        let (owner, lease) = (&self.owner, self.lease.as_millis());
        let sql = format!(
            "{lock} {behind}
             UPDATE outbox_events t SET status = 'held', owner = '{owner}', token = {token},
               lease_until = clock_timestamp() + interval '{lease} milliseconds'
             WHERE t.id IN ({found}) RETURNING t.id, t.event_id, t.customer, t.payload, t.token, t.created_at"
        );
        let claimed = raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.session);
        let claimed = within(ANSWER_WITHIN, claimed).await??;
        let mut rows: Vec<Held> = claimed
            .iter()
            .filter(|row| sqlx::Row::try_column(*row, "event_id").is_ok())
            .map(Held::from_row)
            .collect::<Result<_, _>>()?;
        rows.sort_by_key(|row| row.event.id);
        if fires(Bug::OrderByCreatedAt) {
            rows.sort_by_key(|row| row.event.created_at);
        }
        if fires(Bug::OrderByChance) {
            rows.sort_by_key(|row| row.event.event_id.as_u128().reverse_bits());
        }
        Ok(Claim { rows, enough })
    }

    fn next_rows(&self) -> String {
        let free = match () {
            () if fires(Bug::LeaseIgnored) => "o.status IN ('pending', 'held')".to_owned(),
            () if fires(Bug::LeaseNeverEnds) => "o.status = 'pending'".to_owned(),
            () if fires(Bug::StaleClaimCommitsLate) => format!(
                "(o.status = 'pending' OR o.status = 'held' AND o.lease_until < clock_timestamp() AND o.owner <> '{}')",
                self.owner
            ),
            () => {
                "(o.status = 'pending' OR o.status = 'held' AND o.lease_until < clock_timestamp())"
                    .to_owned()
            }
        };
        let first = match () {
            () if fires(Bug::ParallelWorkers) || fires(Bug::LeaseIgnored) => "true",
            () if fires(Bug::FailedDoesNotHold) => {
                "NOT EXISTS (SELECT FROM outbox_events p WHERE p.customer = o.customer AND p.id < o.id
                   AND p.status = 'held' AND p.lease_until >= clock_timestamp())"
            }
            () => {
                "NOT EXISTS (SELECT FROM outbox_events p WHERE p.customer = o.customer AND p.id < o.id
                   AND (p.status = 'failed' OR p.status = 'held' AND p.lease_until >= clock_timestamp()))"
            }
        };
        let ready = match fires(Bug::RetryOvertakes) {
            true => "o.retry_at <= clock_timestamp()",
            false => "true",
        };
        let beyond = match fires(Bug::HighWaterMark) {
            true => self.cursor,
            false => 0,
        };
        let order = match () {
            () if fires(Bug::OrderByCreatedAt) => "o.created_at",
            () if fires(Bug::OrderByChance) => "random()",
            () => "o.id",
        };
        let locked = match fires(Bug::ClaimInTwoSteps) {
            true => "",
            false => "FOR UPDATE SKIP LOCKED",
        };
        format!(
            "SELECT o.id FROM outbox_events o WHERE {free} AND {first} AND {ready} AND o.id > {beyond}
             ORDER BY {order} LIMIT {WINDOW} {locked}"
        )
    }

    /// Marks what is still in hand of these rows' customers. A row that somebody else has now shows another token.
    pub async fn published(&mut self, sent: &[Held]) -> Result<()> {
        let ids: Vec<String> = sent.iter().map(|row| row.event.id.to_string()).collect();
        let tokens: Vec<String> = sent.iter().map(|row| format!("'{}'", row.token)).collect();
        let mine = match fires(Bug::NoFencing) {
            true => "true".to_owned(),
            false => format!("token IN ({})", tokens.join(", ")),
        };
        let sql = format!(
            "UPDATE outbox_events SET status = 'published', published_at = now() WHERE status = 'held' AND {mine}
               AND customer IN (SELECT customer FROM outbox_events WHERE id IN ({}))",
            ids.join(", ")
        );
        let marked = raw_sql(AssertSqlSafe(sql)).execute(&mut self.session);
        within(ANSWER_WITHIN, marked).await??;
        if let Some(last) = sent.iter().map(|row| row.event.id).max() {
            self.cursor = self.cursor.max(last);
        }
        Ok(())
    }

    /// Gives rows back.
    pub async fn give_back(&mut self, rows: &[Held]) -> Result<()> {
        self.set(
            rows,
            "UPDATE outbox_events SET status = 'pending', token = NULL, retry_at = clock_timestamp() + interval '1 second'
             WHERE id = ANY($1) AND status = 'held' AND token = ANY($2)",
        )
        .await
    }

    /// Gives a row up: no message can be made of it. Its successors wait.
    pub async fn give_up(&mut self, row: &Held) -> Result<()> {
        self.set(
            std::slice::from_ref(row),
            "UPDATE outbox_events SET status = 'failed' WHERE id = ANY($1) AND status = 'held' AND token = ANY($2)",
        )
        .await
    }

    async fn set(&mut self, rows: &[Held], sql: &'static str) -> Result<()> {
        let ids: Vec<i64> = rows.iter().map(|row| row.event.id).collect();
        let tokens: Vec<Uuid> = rows.iter().map(|row| row.token).collect();
        let set = query(sql).bind(ids).bind(tokens);
        within(ANSWER_WITHIN, set.execute(&mut self.session)).await??;
        Ok(())
    }

    /// Deletes what was published so long ago.
    pub async fn purge(&mut self, after: Duration) -> Result<()> {
        let old = match fires(Bug::RetentionEatsPending) {
            true => "created_at",
            false => "published_at",
        };
        let sql = format!(
            "DELETE FROM outbox_events WHERE {old} < now() - interval '{} milliseconds'",
            after.as_millis()
        );
        let deleted = raw_sql(AssertSqlSafe(sql)).execute(&mut self.session);
        within(ANSWER_WITHIN, deleted).await??;
        Ok(())
    }

    /// Counts a try of whatever waits.
    pub async fn spend_a_try(&mut self) -> Result<()> {
        let spent = query(
            "UPDATE outbox_events SET tries = tries + 1,
               status = CASE WHEN tries + 1 >= $1 THEN 'failed' ELSE status END
             WHERE status = 'pending'",
        )
        .bind(TRIES);
        within(ANSWER_WITHIN, spent.execute(&mut self.session)).await??;
        Ok(())
    }
}
