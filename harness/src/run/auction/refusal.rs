//! What a run's own database or vhost is made to refuse: by triggers and a policy, around all edges, and nothing beside
//! this run feels it.

use anyhow::{Result, ensure};
use sqlx::{Connection, PgConnection};

use super::topology::QUEUE;
use crate::{ask::fault::Refused, run::own_servers::OwnServers};

/// So many messages the consumer's queue takes while it refuses more.
const MOST_MESSAGES: u32 = 5;
const POLICY: &str = "lab-refuses";
/// Counts what was refused: a sequence goes on even where the transaction that it counts is rolled back.
const COUNTER: &str = "lab_refused";

/// Raises what a full disk raises (`disk_full`), and counts that it did.
const FULL_DISK: &str = "CREATE FUNCTION lab_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
         PERFORM nextval('lab_refused');
         RAISE EXCEPTION 'refused by the lab' USING ERRCODE = 'disk_full';
     END $$";

impl OwnServers {
    /// Makes a server refuse one kind of thing. Read back.
    pub async fn refuse(&self, what: Refused) -> Result<&'static str> {
        let trigger = match what {
            Refused::Messages => {
                let limit = serde_json::json!({ "max-length": MOST_MESSAGES, "overflow": "reject-publish" });
                let management = self.management();
                management.limit(self.vhost(), POLICY, QUEUE, &limit).await?;
                return Ok("queue_limited");
            }
            Refused::Events => {
                "CREATE TRIGGER lab_refuse BEFORE INSERT ON outbox_events
                 FOR EACH ROW EXECUTE FUNCTION lab_refuse()"
            }
            Refused::Commits => {
                "CREATE CONSTRAINT TRIGGER lab_refuse AFTER INSERT ON bids DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION lab_refuse()"
            }
        };
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        let mut tx = connection.begin().await?;
        for statement in [
            "CREATE SEQUENCE IF NOT EXISTS lab_refused",
            FULL_DISK,
            trigger,
        ] {
            sqlx::query(statement).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok("trigger_set")
    }

    /// Undoes [`refuse`](Self::refuse). That the triggers are gone is read back; a policy's end is the broker's word.
    pub async fn refuse_nothing(&self, what: Refused) -> Result<()> {
        if what == Refused::Messages {
            return self.management().unlimit(self.vhost(), POLICY).await;
        }
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        sqlx::query("DROP FUNCTION lab_refuse CASCADE")
            .execute(&mut connection)
            .await?;
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_trigger WHERE tgname = 'lab_refuse'")
                .fetch_one(&mut connection)
                .await?;
        ensure!(left == 0, "{left} triggers of the lab's are left");
        Ok(())
    }

    /// How often the database has refused.
    pub async fn refused(&self) -> Result<u64> {
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        let count: Option<i64> = sqlx::query_scalar("SELECT pg_sequence_last_value($1::regclass)")
            .bind(COUNTER)
            .fetch_one(&mut connection)
            .await?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }
}
