//! A look at a target's tables, as far as its file names them: what is stored, what waits, what took effect. Around all
//! faults, and reading only.

mod effects;
mod outbox;
pub mod shape;
pub mod stored;
mod text;

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::time::timeout;

use crate::{
    ask::{
        id::Run,
        target::{Target, effects::Effects, outbox::Outbox, sql::TableName},
    },
    history::{EffectRow, Item, OutboxRow},
    run::about::{About, number},
};
pub use outbox::Counts;
use text::row_text;

/// Beyond what the server itself was told.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The lab's own eyes on a target's tables.
#[derive(Debug, Clone)]
pub struct Tables {
    pool: PgPool,
    run: Run,
    business: Option<TableName>,
    outbox: Option<Outbox>,
    effects: Option<Effects>,
}

/// The tables at one instant. What the file does not name is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// What is stored. An operation with two rows is there twice.
    pub stored: Option<Read<Item>>,
    /// The outbox's rows; with `sent = "gone"` those that were not sent.
    pub outbox: Option<Vec<OutboxRow>>,
    /// What took effect.
    pub effects: Option<Read<EffectRow>>,
}

/// What was read of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// What is of this run.
    pub rows: Vec<T>,
    /// What looks like an operation and is none of this run's, a sentence each.
    pub odd: Vec<String>,
    /// Rows about nothing that the lab asked for.
    pub strangers: u64,
}

impl<T> Default for Read<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            odd: Vec::new(),
            strangers: 0,
        }
    }
}

impl Tables {
    /// The tables that a target file names, in the database that `pool` connects to around all faults.
    pub fn of(target: &Target, run: Run, pool: PgPool) -> Self {
        Self {
            pool,
            run,
            business: target.look.business.clone(),
            outbox: target.outbox.clone(),
            effects: target.effects.clone(),
        }
    }

    /// Reads all of them in one REPEATABLE READ transaction.
    ///
    /// # Errors
    /// When a table or a condition is not as the file says, a row is in two states, or the time is up.
    pub async fn look(&self, within: Duration) -> Result<Sight> {
        self.in_transaction(within, async |connection| {
            let stored = match &self.business {
                Some(table) => Some(business(connection, table, self.run).await?),
                None => None,
            };
            let outbox = match &self.outbox {
                Some(outbox) => Some(outbox::read(connection, outbox, self.run).await?),
                None => None,
            };
            let effects = match &self.effects {
                Some(effects) => Some(effects::read(connection, effects, self.run).await?),
                None => None,
            };
            Ok(Sight {
                stored,
                outbox,
                effects,
            })
        })
        .await
    }

    /// How many rows of the outbox are in which state; none where there is no `[outbox]`, or its rows do not show whether
    /// they were sent.
    pub async fn waiting(&self, within: Duration) -> Result<Option<Counts>> {
        let Some(outbox) = &self.outbox else {
            return Ok(None);
        };
        self.in_transaction(within, async |connection| {
            outbox::count(connection, outbox).await
        })
        .await
    }

    async fn in_transaction<T>(
        &self,
        within: Duration,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T>,
    ) -> Result<T> {
        let looked = async {
            let mut connection = self.pool.acquire().await?;
            let mut transaction = connection
                .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await?;
            // The server's own deadline, so that nobody goes on reading for a look that was given up.
            let limit = format!("SET LOCAL statement_timeout = {}", within.as_millis());
            sqlx::raw_sql(AssertSqlSafe(limit))
                .execute(&mut *transaction)
                .await?;
            let seen = work(&mut transaction).await?;
            transaction.commit().await?;
            Ok(seen)
        };
        timeout(within + ANSWER_WITHIN, looked)
            .await
            .with_context(|| format!("the target's tables were not read within {within:?}"))?
    }
}

async fn business(
    connection: &mut PgConnection,
    table: &TableName,
    run: Run,
) -> Result<Read<Item>> {
    let sql = format!("SELECT {} FROM {table}", row_text(table));
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await
        .with_context(|| format!("reading the business table {table}"))?;
    let mut read = Read::default();
    for row in rows {
        let about = About::of([row.as_bytes()], run);
        read.strangers += u64::from(about.ids.is_empty() && about.odd.is_empty());
        read.odd.extend(about.odd);
        let ids = about.ids.into_iter();
        read.rows
            .extend(ids.map(|id| crate::run::about::item(id, number(id))));
    }
    Ok(read)
}
