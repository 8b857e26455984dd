//! What went wrong with Postgres, sorted by what the caller can do about it.

use super::Unsuitable;

/// A failed use of the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Nothing happened, and it may work later: no connection, a shutdown, a failover, too many clients, a lock that
    /// was not granted in time.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Nothing happened: this connection leads to where nothing may be done.
    #[error(transparent)]
    Unsuitable(#[from] Unsuitable),
    /// The work did not end in time; nothing was committed.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The connection failed, or time ran out, between COMMIT and its answer: it may have happened.
    #[error("the commit was sent and its answer never came")]
    OutcomeUnknown(#[source] Option<sqlx::Error>),
    /// This very data is refused, today and tomorrow: a value that a column or the database's encoding cannot hold
    /// (class 22), a rule of the schema (class 23).
    #[error("{}", spelled(.0))]
    Refused(#[source] sqlx::Error),
    /// A defect: the statement is wrong, or the schema is not the one that the code expects.
    #[error("{}", spelled(.0))]
    Other(#[source] sqlx::Error),
}

impl DatabaseError {
    /// The named constraint that the statement violated, if that is what happened.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Refused(sqlx::Error::Database(refused)) => refused.constraint(),
            _ => None,
        }
    }

    /// Whether a value cannot be held, rather than being against a rule.
    pub fn is_about_a_value(&self) -> bool {
        match self {
            Self::Refused(sqlx::Error::Database(refused)) => {
                refused.code().is_some_and(|state| class(&state) == "22")
            }
            _ => false,
        }
    }

    /// Whether a table, column or function is not as this program's statements expect it.
    pub fn is_about_the_schema(&self) -> bool {
        match self {
            Self::Other(sqlx::Error::Database(refused)) => refused
                .code()
                .is_some_and(|state| OF_ANOTHER_SCHEMA.contains(&&*state)),
            _ => false,
        }
    }

    /// Whether the same may work later without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::Unsuitable(_)
            | Self::TimedOut
            | Self::OutcomeUnknown(_) => true,
            Self::Refused(_) | Self::Other(_) => false,
        }
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        if let Some(unsuitable) = Unsuitable::refused(&error) {
            return Self::Unsuitable(unsuitable);
        }
        match &error {
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::BeginFailed => Self::Unavailable(error),
            E::Database(refused) => match refused.code().as_deref() {
                // query_canceled: the server enforced statement_timeout.
                Some("57014") => Self::TimedOut,
                Some(state) if is_passing(state) => Self::Unavailable(error),
                // not_null_violation: a column that this version knows nothing of, and so the schema's fault.
                Some("23502") => Self::Other(error),
                Some(state) if matches!(class(state), "22" | "23") => Self::Refused(error),
                _ => Self::Other(error),
            },
            _ => Self::Other(error),
        }
    }
}

/// undefined_table, undefined_column, undefined_function, undefined_object, not_null_violation.
const OF_ANOTHER_SCHEMA: [&str; 5] = ["42P01", "42703", "42883", "42704", "23502"];

/// Whether the connection on which this happened must not be lent again: it broke, its server is going away, or takes no
/// writes.
pub(super) fn ends_its_connection(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    match error {
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::WorkerCrashed => true,
        E::Database(refused) => refused
            .code()
            .is_some_and(|state| state_ends_its_connection(&state)),
        _ => false,
    }
}

fn state_ends_its_connection(state: &str) -> bool {
    // Of class 57 all but query_canceled: admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped.
    class(state) == "08" || state == "25006" || state.starts_with("57P")
}

/// SQLSTATEs that say "not now" and not "never".
fn is_passing(state: &str) -> bool {
    match class(state) {
        // connection_exception, transaction_rollback (deadlock), insufficient_resources, operator_intervention,
        // system_error, invalid_authorization_specification (a password being rotated)
        "08" | "40" | "53" | "57" | "58" | "28" => true,
        // lock_not_available, idle_in_transaction_session_timeout, transaction_timeout, read_only_sql_transaction (a
        // failover), object_not_in_prerequisite_state (a database that lets nobody in, as while it is moved)
        _ => matches!(state, "55P03" | "25P03" | "25P04" | "25006" | "55000"),
    }
}

fn class(state: &str) -> &str {
    state.get(..2).unwrap_or_default()
}

/// With the SQLSTATE, by which the manual explains it.
fn spelled(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(refused) => match refused.code() {
            Some(state) => format!("{state}: {}", refused.message()),
            None => refused.message().to_owned(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for state in [
            "57P01", "57P03", "53300", "40P01", "55P03", "55000", "08006", "25006",
        ] {
            assert!(is_passing(state), "{state}");
        }
        for state in ["23505", "42P01", "22003", "", "5"] {
            assert!(!is_passing(state), "{state}");
        }
    }

    #[test]
    fn what_ends_a_connection_is_told_from_what_only_fails() {
        for state in ["08006", "08P01", "25006", "57P01", "57P02", "57P03"] {
            assert!(state_ends_its_connection(state), "{state}");
        }
        for state in ["57014", "40001", "23505", "55P03", "53300", ""] {
            assert!(!state_ends_its_connection(state), "{state}");
        }
        assert!(ends_its_connection(&sqlx::Error::Protocol(String::new())));
        assert!(!ends_its_connection(&sqlx::Error::PoolTimedOut));
    }

    #[test]
    fn an_exhausted_pool_is_unavailable() {
        let error = DatabaseError::from(sqlx::Error::PoolTimedOut);
        assert!(matches!(error, DatabaseError::Unavailable(_)));
        assert_eq!(error.constraint(), None);
    }

    #[test]
    fn a_missing_row_is_a_defect() {
        assert!(matches!(
            DatabaseError::from(sqlx::Error::RowNotFound),
            DatabaseError::Other(_)
        ));
    }
}
