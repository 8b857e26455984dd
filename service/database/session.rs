//! What a new session is asked before anybody works in it: whether it is as it was asked for, and whether its server takes
//! writes.

use sqlx::{
    Row,
    postgres::{PgConnection, PgRow},
};

/// Set for every session, and looked for afterwards: where it is missing, so are the settings that statements rely on.
pub(super) const MARK: (&str, &str) = ("outbox.session", "as_asked");

/// In a standby a session is read-only whatever its own settings are, and this program turns that setting off.
const ASK: &str = "SELECT current_setting('outbox.session', true) IS NOT DISTINCT FROM 'as_asked',
                          current_setting('transaction_read_only') = 'on'";
/// protocol_violation: how a pooler refuses a session's settings.
const PROTOCOL_VIOLATION: &str = "08P01";

/// A session that nobody may work in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsuitable {
    /// A standby, or a primary that is one no longer.
    #[error("read-only: this Postgres is a standby; the address must lead to the primary")]
    ReadOnly,
    /// Something in between lends sessions out to many, each without its settings.
    #[error(
        "between this program and Postgres is a pooler (PgBouncer?) that does not pass a session's settings on: give Postgres' own address"
    )]
    Pooled,
}

impl Unsuitable {
    /// Whether it was this that refused the connection.
    pub fn refused(error: &sqlx::Error) -> Option<Self> {
        let refused = error.as_database_error()?;
        let by_pooler = refused.code().as_deref() == Some(PROTOCOL_VIOLATION)
            && refused.message().contains("startup parameter");
        by_pooler.then_some(Self::Pooled)
    }
}

/// Asks a session, in one round trip.
pub(super) async fn examine(
    connection: &mut PgConnection,
) -> Result<Result<(), Unsuitable>, sqlx::Error> {
    let answer: PgRow = sqlx::raw_sql(ASK).fetch_one(connection).await?;
    Ok(match (answer.try_get(0)?, answer.try_get(1)?) {
        (false, _) => Err(Unsuitable::Pooled),
        (true, true) => Err(Unsuitable::ReadOnly),
        (true, false) => Ok(()),
    })
}
