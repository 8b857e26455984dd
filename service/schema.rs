//! The schema that this program needs, the one that the database has, and the way from one to the other.

use std::{fmt, time::Duration};

use anyhow::{Context, Result};
use sqlx::{
    PgConnection,
    migrate::{MigrateError, Migrator},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    backoff::Backoff,
    database::{self, DatabaseAddress, DatabaseError, Unsuitable},
};

/// The schema, embedded.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a command waits for Postgres.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A database's schema, as this program sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    AsNeeded,
    Missing,
    /// At this version: something has not been migrated yet.
    Older(i64),
    /// At this version: it was migrated by a later program.
    Newer(i64),
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = needed();
        match self {
            Self::AsNeeded => write!(f, "the schema is at version {needed}"),
            Self::Missing => write!(f, "the schema is missing: run `outbox-service migrate`"),
            Self::Older(found) => write!(
                f,
                "the schema is at version {found}, and this program needs {needed}: run `outbox-service migrate`"
            ),
            Self::Newer(found) => write!(
                f,
                "the schema is at version {found}, and this program knows {needed}: it is of before"
            ),
        }
    }
}

impl Schema {
    /// Looks which one is there.
    pub async fn of(connection: &mut PgConnection) -> Result<Self, DatabaseError> {
        let found: Result<Option<i64>, sqlx::Error> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
                .fetch_one(&mut *connection)
                .await;
        let refusal = found.as_ref().err().and_then(|error| {
            let refused = error.as_database_error()?;
            refused.code().map(|state| state.into_owned())
        });
        match refusal.as_deref() {
            // undefined_table
            Some("42P01") => Ok(Self::Missing),
            // insufficient_privilege: nothing is known of its version.
            Some("42501") => {
                let there = sqlx::query_scalar("SELECT to_regclass('standings') IS NOT NULL");
                let there: bool = there.fetch_one(connection).await?;
                Ok(if there { Self::AsNeeded } else { Self::Missing })
            }
            _ => Ok(found?.map_or(Self::Missing, Self::at)),
        }
    }

    fn at(version: i64) -> Self {
        match version.cmp(&needed()) {
            std::cmp::Ordering::Less => Self::Older(version),
            std::cmp::Ordering::Equal => Self::AsNeeded,
            std::cmp::Ordering::Greater => Self::Newer(version),
        }
    }
}

fn needed() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// Why this program must not work with a database, now or later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// No text of a client is safe in it.
    #[error(
        "the database's encoding is {0}, which cannot hold every text that a client may send: create it with ENCODING 'UTF8'"
    )]
    Encoding(String),
    #[error(transparent)]
    Reached(Unsuitable),
    #[error("{0}")]
    Newer(Schema),
    #[error("migration {0} of the database is not the one that this program has under that number")]
    Another(i64),
}

/// A connection to a database that may be worked with.
pub(crate) async fn connect(address: &DatabaseAddress) -> Result<PgConnection> {
    answered(async {
        let mut connection = reach(address).await?;
        match unfit(&mut connection).await? {
            Some(unfit) => Err(unfit.into()),
            None => Ok(connection),
        }
    })
    .await
}

/// A connection, whatever schema is there.
async fn reach(address: &DatabaseAddress) -> Result<PgConnection> {
    match database::connect(address, "outbox-service").await {
        Err(DatabaseError::Unsuitable(pooled @ Unsuitable::Pooled)) => {
            Err(Unfit::Reached(pooled).into())
        }
        // Its causes are in its words already.
        met => met.map_err(|error| {
            anyhow::anyhow!("connecting to Postgres; is DATABASE_URL right?: {error}")
        }),
    }
}

async fn answered<T>(asked: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(CONNECT_WITHIN, asked).await.unwrap_or_else(|_| {
        anyhow::bail!("Postgres did not answer within {CONNECT_WITHIN:?}; is DATABASE_URL right?")
    })
}

/// Brings the schema up to date, within `within`. Several may do so at once: one does, the others wait for it.
pub(crate) async fn migrate(address: &DatabaseAddress, within: Duration) -> Result<()> {
    let migrated = timeout(within, async {
        let mut connection = answered(reach(address)).await?;
        // Before anything that waits for a lock: whoever ends this process ends that wait, too.
        end_with_us(&mut connection, within).await?;
        if let Some(unfit) = unfit(&mut connection).await? {
            return Err(unfit.into());
        }
        match MIGRATIONS.run(&mut connection).await {
            Err(MigrateError::VersionMismatch(version)) => Err(Unfit::Another(version).into()),
            Err(MigrateError::VersionMissing(version)) => {
                Err(Unfit::Newer(Schema::Newer(version)).into())
            }
            ran => ran.context("migrating the schema"),
        }
    });
    migrated.await.with_context(|| {
        format!(
            "not migrated within {within:?} (--migrate-within-s): who migrates as well, or holds locks on its tables? What was begun is rolled back"
        )
    })??;
    info!("schema is up to date");
    Ok(())
}

/// Lets the server give up what nobody waits for any more, a wait for a lock included.
async fn end_with_us(connection: &mut PgConnection, within: Duration) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('statement_timeout', $1, false)")
        .bind(within.as_millis().to_string())
        .execute(&mut *connection)
        .await?;
    let notices = sqlx::query(
        "SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'",
    );
    if let Err(error) = notices.execute(connection).await {
        debug!(%error, "the server does not notice when a client goes away");
    }
    Ok(())
}

/// Why the database must not be used, if it must not.
async fn unfit(connection: &mut PgConnection) -> Result<Option<Unfit>> {
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
        .fetch_one(&mut *connection)
        .await
        .context("asking for the database's encoding")?;
    if encoding != "UTF8" {
        return Ok(Some(Unfit::Encoding(encoding)));
    }
    let schema = Schema::of(connection)
        .await
        .context("asking for the schema's version")?;
    Ok(matches!(schema, Schema::Newer(_)).then_some(Unfit::Newer(schema)))
}

/// Looks at the database as soon as it is there, and with `migrates` migrates it within that time. Comes to an end only if
/// it is unfit.
pub(crate) async fn prepare(
    address: &DatabaseAddress,
    migrates: Option<Duration>,
    stop: &CancellationToken,
) -> Unfit {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let look = async || match migrates {
        Some(within) => migrate(address, within).await,
        None => connect(address).await.map(drop),
    };
    while let Err(error) = look().await {
        match error.downcast::<Unfit>() {
            Ok(unfit) => return unfit,
            Err(error) if migrates.is_some() => warn!("schema not migrated yet: {error:#}"),
            Err(error) => debug!("database not looked at yet: {error:#}"),
        }
        backoff.pause(stop).await;
        if stop.is_cancelled() {
            break;
        }
    }
    std::future::pending().await
}
