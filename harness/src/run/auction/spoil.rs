//! What a run's own database is made to hold against the service: an event of which no message can be made, and rows that
//! somebody else has locked. Around all edges, and nothing beside this run feels it.

use anyhow::{Result, ensure};
use sqlx::{Connection, PgConnection};

use crate::{ask::auction::harm::Locked, run::own_servers::OwnServers};

/// Spoils the first event that is stored from now on, and keeps what it was. A sequence decides which one is the first, also
/// among transactions that do not see each other.
const SPOIL: [&str; 4] = [
    "CREATE TABLE lab_spoiled (id UUID PRIMARY KEY, payload JSONB NOT NULL)",
    "CREATE SEQUENCE lab_spoil_turns",
    r#"CREATE FUNCTION lab_spoil() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
         IF nextval('lab_spoil_turns') = 1 THEN
             INSERT INTO lab_spoiled VALUES (NEW.id, NEW.payload);
             NEW.payload := '{"spoiled": "by the lab"}';
         END IF;
         RETURN NEW;
     END $$"#,
    "CREATE TRIGGER lab_spoil BEFORE INSERT ON outbox_events FOR EACH ROW EXECUTE FUNCTION lab_spoil()",
];

impl OwnServers {
    /// Has the next event stored with a payload that is none.
    pub async fn spoil(&self) -> Result<&'static str> {
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        let mut tx = connection.begin().await?;
        for statement in SPOIL {
            sqlx::query(statement).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok("trigger_set")
    }

    /// How many spoilt events were given up.
    pub async fn spoiled(&self) -> Result<u64> {
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM lab_spoiled JOIN outbox_events USING (id) WHERE status = 'failed'",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(count.unsigned_abs())
    }

    /// Gives spoilt events their payloads back. What became of them meanwhile stays as it is.
    pub async fn mend(&self) -> Result<()> {
        let mut connection = PgConnection::connect(&self.database_url()).await?;
        sqlx::query("DROP FUNCTION lab_spoil CASCADE")
            .execute(&mut connection)
            .await?;
        let spoiled: i64 = sqlx::query_scalar("SELECT count(*) FROM lab_spoiled")
            .fetch_one(&mut connection)
            .await?;
        let mended = sqlx::query(
            "UPDATE outbox_events e SET payload = s.payload FROM lab_spoiled s WHERE e.id = s.id",
        )
        .execute(&mut connection)
        .await?;
        let mended = mended.rows_affected();
        ensure!(
            mended == spoiled.unsigned_abs(),
            "{mended} of {spoiled} spoilt events are mended"
        );
        Ok(())
    }

    /// A session that holds all rows of a table until it ends. It takes them in the order in which the service does: in
    /// another one, one of the two would end as a deadlock's victim.
    pub async fn lock(&self, what: Locked) -> Result<PgConnection> {
        let rows = match what {
            Locked::Lanes => "SELECT FROM relay_lanes ORDER BY lane FOR UPDATE",
            Locked::Auctions => "SELECT FROM auctions ORDER BY auction_id FOR UPDATE",
        };
        let mut connection = PgConnection::connect(&self.observing_url()).await?;
        sqlx::query("BEGIN").execute(&mut connection).await?;
        let locked = sqlx::query(rows).execute(&mut connection).await?;
        ensure!(locked.rows_affected() > 0, "there is nothing to lock");
        Ok(connection)
    }
}
