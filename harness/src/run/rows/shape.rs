//! What the database itself says of a table.

use anyhow::{Context, Result};
use sqlx::PgConnection;

use crate::ask::target::sql::TableName;

/// A table's columns and its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its columns.
    pub columns: Vec<String>,
    /// Those of its primary key.
    pub key: Vec<String>,
    /// Its name without quotes, and its schema.
    pub name: String,
    /// The schema that it was found in.
    pub schema: String,
}

impl Shape {
    /// Of a table that is there.
    pub async fn of(connection: &mut PgConnection, table: &TableName) -> Result<Self> {
        let found: Option<(String, String, Vec<String>, Vec<String>)> = sqlx::query_as(
            "SELECT schema.nspname::text, class.relname::text,
                    array(SELECT attname::text FROM pg_attribute
                          WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum),
                    array(SELECT attname::text FROM pg_attribute
                          JOIN pg_index ON indrelid = attrelid AND attnum = ANY (indkey)
                          WHERE attrelid = class.oid AND indisprimary ORDER BY attnum)
             FROM pg_class class JOIN pg_namespace schema ON schema.oid = relnamespace
             WHERE class.oid = to_regclass($1)",
        )
        .bind(table.as_str())
        .fetch_optional(connection)
        .await
        .with_context(|| format!("looking at the table {table}"))?;
        let (schema, name, columns, key) = found.with_context(|| {
            format!("there is no table {table}; [setup] makes the tables, or the target when it starts: is the name right?")
        })?;
        Ok(Self {
            columns,
            key,
            name,
            schema,
        })
    }
}
