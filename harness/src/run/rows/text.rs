//! The text of a whole row, in which whatever is in it can be found.

use crate::ask::target::sql::TableName;

/// An expression for the text of a row of `table`, where `FROM` names that table and gives it no other name. Columns may be
/// called like the table; a `bytea` stands there in hexadecimal.
pub(super) fn row_text(table: &TableName) -> String {
    let own = table.as_str().rsplit('.').next().unwrap_or(table.as_str());
    // With the star it is the row, whatever columns are called.
    format!("row_to_json({own}.*)::text")
}

/// The table's name as people say it.
pub(super) fn unquoted(table: &TableName) -> String {
    table.as_str().replace('"', "")
}
