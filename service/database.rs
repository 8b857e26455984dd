//! Postgres as a dependency that may be slow, gone, or half gone: every use of it is bounded, and a connection goes
//! back to the pool only after an orderly end.
//!
//! What may never happen here: a socket whose state is not known is reused, or keeps its place in the pool.

use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions};
use sqlx::{Connection, Postgres};

mod address;
mod failure;
mod session;

pub use address::DatabaseAddress;
pub use failure::DatabaseError;
pub use session::Unsuitable;

/// A connection that idled longer than this is tried before it is lent, so that a restart of Postgres costs the next
/// request nothing. Busy connections skip the round trip: they were tried when they came back.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How long a finished connection may take to answer that it is fit for the next user.
const RETURN_DEADLINE: Duration = Duration::from_secs(1);
/// What the server's own limits take of the caller's deadline, in percent. A statement ends, and an abandoned transaction
/// is rolled back, before the caller gives up: it is told what happened, and the connection stays fit. A row lock is waited
/// for half as long, so that what one stuck writer holds up gets an answer, and its connection is free again.
const STATEMENT_PERCENT: u32 = 90;
const LOCK_PERCENT: u32 = 50;

/// Settings that statements rely on, whatever the database or the role presets. A statement here sees what was committed
/// before it began, and not before its transaction did: what waited for a row lock looks again. `search_path` and
/// `synchronous_commit` are the deployment's.
const RELIED_ON: [(&str, &str); 3] = [
    session::MARK,
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "off"),
];

/// Planner settings for connections of relay and consumer. Each of their statements is a walk along one index, whatever the
/// statistics say: right after a burst they know nothing of it, and a plan that sorts the whole backlog for each window
/// costs a hundred times as much. Such statements are also planned once and not each time.
pub const BY_INDEX: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_sort", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// How every connection of the service is made.
pub(crate) fn options(address: &DatabaseAddress, application_name: &str) -> PgConnectOptions {
    address
        .options()
        .application_name(application_name)
        .options(RELIED_ON)
}

/// One connection outside any pool, examined as those in a pool are.
pub(crate) async fn connect(
    address: &DatabaseAddress,
    application_name: &str,
) -> Result<PgConnection, DatabaseError> {
    let mut connection = PgConnection::connect_with(&options(address, application_name)).await?;
    examine(&mut connection).await?;
    Ok(connection)
}

/// Asks a connection that is in use whether it still can be.
pub(crate) async fn examine(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    Ok(session::examine(connection).await??)
}

tokio::task_local! {
    /// Whether the connection that this task is being lent was made for it.
    static NEW: Cell<bool>;
}

/// A bounded pool of connections to one database.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    acquire_timeout: Duration,
}

impl Database {
    /// Prepares a pool without connecting, so that a service starts while Postgres is away.
    ///
    /// `acquire_timeout` bounds the wait for a connection, a free one or a new one; `deadline` is the longest that anybody
    /// is lent a connection for, and the server ends before it what is under way. `settings` are the server's, for each
    /// connection.
    pub fn connect_lazy(
        address: &DatabaseAddress,
        max_connections: u32,
        acquire_timeout: Duration,
        deadline: Duration,
        application_name: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let share = |percent: u32| (deadline * percent / 100).as_millis().max(1);
        let options = options(address, application_name)
            .options([
                ("statement_timeout", share(STATEMENT_PERCENT)),
                ("lock_timeout", share(LOCK_PERCENT)),
                (
                    "idle_in_transaction_session_timeout",
                    share(STATEMENT_PERCENT),
                ),
            ])
            .options(settings.iter().copied());
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(acquire_timeout)
            .test_before_acquire(false)
            .after_connect(|_, _| {
                // Examined where it is lent: what fails here is tried again until the time is up, and its cause is lost.
                let _ = NEW.try_with(|new| new.set(true));
                Box::pin(async { Ok(()) })
            })
            .before_acquire(|connection, lent| {
                Box::pin(async move {
                    if lent.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Self {
            pool,
            acquire_timeout,
        }
    }

    /// Lends a connection to `work` for at most `deadline`.
    ///
    /// When the time is up, or the caller goes away, the connection is cut instead of reused: the server rolls back
    /// what was not committed. `work` must not commit anything by itself if it matters whether it did: that is what
    /// [`Database::transaction`] is for.
    pub async fn within<T, E>(
        &self,
        deadline: Duration,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DatabaseError> + Error + 'static,
    {
        self.lend(deadline, &AtomicBool::new(false), work).await
    }

    /// Runs `work` in one transaction: committed if it succeeds, rolled back if it fails, times out or is dropped.
    ///
    /// The only place that commits, and so the only source of [`DatabaseError::OutcomeUnknown`].
    pub async fn transaction<T, E>(
        &self,
        deadline: Duration,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DatabaseError> + Error + 'static,
    {
        let committing = AtomicBool::new(false);
        let bracketed = async |connection: &mut PgConnection| {
            let mut transaction = connection.begin().await.map_err(DatabaseError::from)?;
            match work(&mut transaction).await {
                Ok(done) => {
                    committing.store(true, Ordering::Relaxed);
                    match transaction.commit().await {
                        Ok(()) => Ok(done),
                        Err(error) => Err(DatabaseError::OutcomeUnknown(Some(error)).into()),
                    }
                }
                Err(refused) => {
                    // At once and not when the connection is returned: the row locks are worth a round trip. If it
                    // fails, the connection is broken and the server rolls back.
                    let _ = transaction.rollback().await;
                    Err(refused)
                }
            }
        };
        self.lend(deadline, &committing, bracketed).await
    }

    /// A connection of its own for LISTEN, outside the pool. The caller bounds its waits.
    pub async fn listener(&self) -> Result<PgListener, DatabaseError> {
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.acquire_timeout)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(self.pool.connect_options().as_ref().clone());
        Ok(PgListener::connect_with(&own).await?)
    }

    /// A connection that can be worked with.
    async fn borrow(&self) -> Result<Loan, DatabaseError> {
        let acquire = NEW.scope(Cell::new(false), async {
            let connection = self.pool.acquire().await?;
            Ok::<_, sqlx::Error>((connection, NEW.with(Cell::get)))
        });
        let (connection, new) = acquire.await?;
        let mut loan = Loan(Some(connection));
        if let Some(connection) = loan.0.as_deref_mut().filter(|_| new) {
            match tokio::time::timeout(self.acquire_timeout, examine(connection)).await {
                Ok(examined) => examined?,
                Err(_) => return Err(DatabaseError::TimedOut),
            }
        }
        Ok(loan)
    }

    async fn lend<T, E>(
        &self,
        deadline: Duration,
        committing: &AtomicBool,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DatabaseError> + Error + 'static,
    {
        let mut loan = self.borrow().await?;
        let Some(connection) = loan.0.as_deref_mut() else {
            unreachable!("a loan holds its connection until it ends")
        };
        match tokio::time::timeout(deadline, work(connection)).await {
            Ok(finished) => {
                match &finished {
                    Err(error) if ends_its_connection(error) => drop(loan),
                    _ => loan.give_back(),
                }
                finished
            }
            Err(_) if committing.load(Ordering::Relaxed) => {
                Err(DatabaseError::OutcomeUnknown(None).into())
            }
            Err(_) => Err(DatabaseError::TimedOut.into()),
        }
    }
}

/// A lent connection. Dropped before its work ended, it cuts the connection and frees its place in the pool.
struct Loan(Option<PoolConnection<Postgres>>);

impl Loan {
    /// Gives an orderly connection back. sqlx tests it first, without a limit if left alone: a peer that went silent
    /// just now would keep the place for ever, so the test gets a deadline.
    fn give_back(mut self) {
        if let Some(mut connection) = self.0.take() {
            spawn_bounded(connection.return_to_pool());
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// Whether something in the chain of causes says that this connection is of no more use to anybody: it broke, or its
/// server takes no writes. In the pool it would fail one caller after another.
fn ends_its_connection(error: &(dyn Error + 'static)) -> bool {
    if let Some(DatabaseError::Unsuitable(_)) = error.downcast_ref() {
        return true;
    }
    let mut cause = Some(error);
    while let Some(this) = cause {
        if let Some(failed) = this.downcast_ref() {
            return failure::ends_its_connection(failed);
        }
        cause = this.source();
    }
    false
}

fn spawn_bounded(returned: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(tokio::time::timeout(RETURN_DEADLINE, returned));
}
