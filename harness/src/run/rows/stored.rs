//! Whether an operation is in a table.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::time::timeout;

use super::text::{row_text, unquoted};
use crate::ask::{id::Id, target::sql::TableName};

/// Whether some row of the table has an operation's id, however it is spelled there; not in base64.
pub async fn is_in(pool: &PgPool, table: &TableName, id: Id, within: Duration) -> Result<bool> {
    let row = row_text(table);
    let sql = format!("SELECT EXISTS (SELECT FROM {table} WHERE lower({row}) LIKE ANY ($1))");
    let spellings: Vec<String> = id
        .spellings()
        .iter()
        .map(|text| format!("%{text}%"))
        .collect();
    let asked = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(spellings)
        .fetch_one(pool);
    timeout(within, asked)
        .await
        .with_context(|| format!("{} was not looked at within {within:?}", unquoted(table)))?
        .with_context(|| format!("looking for {} in {table}", id.uuid()))
}
