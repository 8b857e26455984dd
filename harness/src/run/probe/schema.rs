//! The tables of a database: their columns, types and keys, and how SQL writes their names.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sqlx::PgPool;

/// All tables, by `schema.table`.
#[derive(Debug, Clone, Default)]
pub struct Schema(BTreeMap<String, Table>);

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// As SQL writes it, without the schema where that need not be said.
    pub spelled: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// As SQL writes it.
    pub spelled: String,
    /// Its type, as Postgres prints it.
    pub kind: String,
    /// Whether it is a part of the primary key.
    pub is_key: bool,
}

/// A column of a test's: its name, its type, whether it is a part of the key.
#[cfg(test)]
type Drawn<'t> = (&'t str, &'t str, bool);

impl Schema {
    /// Of a database.
    pub async fn of(pool: &PgPool) -> Result<Self> {
        let rows: Vec<(String, String, String, String, String, bool)> = sqlx::query_as(
            "SELECT schema.nspname || '.' || class.relname,
                    CASE schema.nspname WHEN 'public' THEN '' ELSE quote_ident(schema.nspname) || '.' END
                        || quote_ident(class.relname),
                    attname::text, quote_ident(attname), format_type(atttypid, atttypmod),
                    coalesce(attnum = ANY (indkey), false)
             FROM pg_attribute
             JOIN pg_class class ON class.oid = attrelid
             JOIN pg_namespace schema ON schema.oid = relnamespace
             LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
             WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
               AND schema.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
             ORDER BY class.oid, attnum",
        )
        .fetch_all(pool)
        .await
        .context("looking at the database's tables")?;
        let mut all = Self::default();
        for (table, spelled, name, column, kind, is_key) in rows {
            let table = all.0.entry(table).or_default();
            table.spelled = spelled;
            table.columns.push(Column {
                name,
                spelled: column,
                kind,
                is_key,
            });
        }
        Ok(all)
    }

    /// The table of this name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.0.get(name)
    }

    /// As SQL writes it; what is not known any more as the log has it.
    pub fn spelled(&self, table: &str) -> String {
        self.table(table)
            .map_or_else(|| table.to_owned(), |table| table.spelled.clone())
    }

    /// A column of a table.
    pub fn column(&self, table: &str, name: &str) -> Option<&Column> {
        let columns = self.table(table)?.columns.iter();
        columns.into_iter().find(|column| column.name == name)
    }

    /// A column, as SQL writes it.
    pub fn column_spelled(&self, table: &str, name: &str) -> String {
        self.column(table, name)
            .map_or_else(|| name.to_owned(), |column| column.spelled.clone())
    }

    /// The columns of a table's primary key.
    pub fn key(&self, table: &str) -> Vec<&str> {
        let columns = self.table(table).into_iter();
        columns
            .flat_map(|table| &table.columns)
            .filter(|column| column.is_key)
            .map(|column| column.name.as_str())
            .collect()
    }

    /// A value of a column, as SQL writes it.
    pub fn literal(&self, table: &str, column: &str, value: &str) -> String {
        match self.column(table, column) {
            Some(column) if column.is_number() || column.is_truth() => value.to_owned(),
            _ => format!("'{}'", value.replace('\'', "''")),
        }
    }

    #[cfg(test)]
    pub fn made_of(tables: &[(&str, &[Drawn<'_>])]) -> Self {
        let column = |(name, kind, is_key): &Drawn<'_>| Column {
            name: (*name).to_owned(),
            spelled: (*name).to_owned(),
            kind: (*kind).to_owned(),
            is_key: *is_key,
        };
        let table = |(name, columns): &(&str, &[Drawn<'_>])| {
            let table = Table {
                spelled: name.trim_start_matches("public.").to_owned(),
                columns: columns.iter().map(column).collect(),
            };
            ((*name).to_owned(), table)
        };
        Self(tables.iter().map(table).collect())
    }
}

impl Column {
    /// Whether a whole or a broken number stands in it.
    pub fn is_number(&self) -> bool {
        let kind = self.kind.split('(').next().unwrap_or_default();
        matches!(
            kind,
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision"
        )
    }

    /// Whether it is true or false.
    pub fn is_truth(&self) -> bool {
        self.kind == "boolean"
    }

    /// Whether it is a time.
    pub fn is_time(&self) -> bool {
        self.kind.starts_with("time") || self.kind == "date"
    }
}
