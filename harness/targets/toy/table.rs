//! The table, in its three forms. One relay at a time works on it: it holds a lock in a transaction, and the server takes
//! the lock back from whoever says nothing for too long.

use std::{str::FromStr, time::Duration};

use anyhow::{Context, Result};
use sqlx::{
    Connection, PgConnection, Postgres, Row, Transaction,
    postgres::{PgConnectOptions, PgRow},
    query, query_scalar,
};
use tokio::time::timeout;
use uuid::Uuid;

/// How long connecting may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// When the server takes the lock back, in milliseconds; a relay lets go in half of that.
const TAKEN_BACK_AFTER: &str = "10000";
pub const HELD_FOR: Duration = Duration::from_secs(5);
/// Looked at once.
const WINDOW: i64 = 256;
/// The lock of those that have no row to lock.
const LOCK: i64 = 4711;

/// How the table shows what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A column says it
    Status,
    /// The row is deleted
    Delete,
    /// A cursor has passed it
    Cursor,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Its place: what is committed later has a higher one, within its lane.
    pub seq: i64,
    /// What has an order.
    pub lane: String,
    /// The event's id.
    pub tag: Uuid,
    /// What is published.
    pub note: String,
}

/// The connection to it.
pub struct Table {
    connection: PgConnection,
    form: Form,
}

/// The lock.
pub struct Held<'t> {
    transaction: Transaction<'t, Postgres>,
    form: Form,
    /// Where the cursor is.
    pub cursor: i64,
}

/// Connects within the time for an answer.
pub async fn connect(url: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(url)
        .context("reading the database's address")?
        .options([
            ("statement_timeout", "5000"),
            ("idle_in_transaction_session_timeout", TAKEN_BACK_AFTER),
        ]);
    let connected = timeout(ANSWER_WITHIN, PgConnection::connect_with(&options)).await;
    connected
        .context("the database does not answer")?
        .context("connecting to the database")
}

impl Table {
    pub async fn open(url: &str, form: Form) -> Result<Self> {
        let connection = connect(url).await?;
        Ok(Self { connection, form })
    }

    /// Takes the lock, unless another relay has it.
    pub async fn hold(&mut self) -> Result<Option<Held<'_>>> {
        let form = self.form;
        let mut transaction = self.connection.begin().await?;
        let cursor: Option<i64> = match form {
            Form::Cursor => {
                query_scalar("SELECT upto FROM parcels_read FOR UPDATE SKIP LOCKED")
                    .fetch_optional(&mut *transaction)
                    .await?
            }
            Form::Status | Form::Delete => {
                let locked: bool = query_scalar("SELECT pg_try_advisory_xact_lock($1)")
                    .bind(LOCK)
                    .fetch_one(&mut *transaction)
                    .await?;
                locked.then_some(0)
            }
        };
        Ok(cursor.map(|cursor| Held {
            transaction,
            form,
            cursor,
        }))
    }

    pub async fn close(self) {
        let _ = timeout(ANSWER_WITHIN, self.connection.close()).await;
    }
}

impl Held<'_> {
    /// The next parcels, in order.
    pub async fn next(&mut self, by_timestamp: bool) -> Result<Vec<Parcel>> {
        let sql = match (self.form, by_timestamp) {
            (Form::Status, false) => {
                "SELECT seq, lane, tag, note FROM parcels WHERE state = 'new' AND seq > $1 ORDER BY seq LIMIT $2"
            }
            (Form::Status, true) => {
                "SELECT seq, lane, tag, note FROM parcels WHERE state = 'new' AND seq > $1 ORDER BY born LIMIT $2"
            }
            (_, false) => {
                "SELECT seq, lane, tag, note FROM parcels WHERE seq > $1 ORDER BY seq LIMIT $2"
            }
            (_, true) => {
                "SELECT seq, lane, tag, note FROM parcels WHERE seq > $1 ORDER BY born LIMIT $2"
            }
        };
        let rows = query(sql)
            .bind(self.cursor)
            .bind(WINDOW)
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(parcel).collect()
    }

    /// Marks parcels as sent, and lets go.
    pub async fn sent(self, parcels: &[Parcel]) -> Result<()> {
        self.mark(parcels, "sent").await
    }

    /// Marks parcels so that they are never tried again, and lets go.
    pub async fn given_up(self, parcels: &[Parcel]) -> Result<()> {
        self.mark(parcels, "given up").await
    }

    async fn mark(mut self, parcels: &[Parcel], state: &str) -> Result<()> {
        let places: Vec<i64> = parcels.iter().map(|parcel| parcel.seq).collect();
        let marked = match self.form {
            Form::Status => query("UPDATE parcels SET state = $2 WHERE seq = ANY($1)")
                .bind(&places)
                .bind(state),
            Form::Delete => query("DELETE FROM parcels WHERE seq = ANY($1)").bind(&places),
            Form::Cursor => query("UPDATE parcels_read SET upto = $1").bind(places.iter().max()),
        };
        marked.execute(&mut *self.transaction).await?;
        Ok(self.transaction.commit().await?)
    }

    /// The highest place there is.
    pub async fn end(&mut self) -> Result<i64> {
        let end = query_scalar("SELECT coalesce(max(seq), 0) FROM parcels");
        Ok(end.fetch_one(&mut *self.transaction).await?)
    }

    /// Lets go.
    pub async fn let_go(self) -> Result<()> {
        Ok(self.transaction.rollback().await?)
    }
}

fn parcel(row: &PgRow) -> Result<Parcel> {
    Ok(Parcel {
        seq: row.try_get("seq")?,
        lane: row.try_get("lane")?,
        tag: row.try_get("tag")?,
        note: row.try_get("note")?,
    })
}
