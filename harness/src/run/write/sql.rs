//! Operations as transactions of the lab's own, over the edge `client -> postgres`.
//!
//! BEGIN, the file's statements and COMMIT are three questions, each sent when the one before has been answered. A
//! transaction can commit only if its COMMIT was sent. So, whatever becomes of the connection:
//!
//! | What happens | The answer |
//! | --- | --- |
//! | no connection, BEGIN or a statement fails, or is not answered | refused: COMMIT was never sent, and never will be |
//! | ROLLBACK was wanted, whatever comes of it | refused |
//! | COMMIT is answered | accepted |
//! | COMMIT is answered by an error of the transaction (a deferred constraint, a serialization failure) | refused: rolled back |
//! | COMMIT is answered by the end of the session, by 08xxx or 40003, or not at all | unknown |

mod failure;

use std::{str::FromStr, sync::Mutex, time::Duration};

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{answer::Answer, http::PATIENCE};
use crate::ask::id::Id;
use failure::{Failure, Stage, meaning};

/// Transactions under way at once; what would be more waits.
const AT_ONCE: usize = 32;
/// Between two looks whether a session has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What the lab's writing sessions are called, before their number: the target's own are told from them.
pub const SESSION: &str = "outbox-lab client";

/// The lab's own way to write.
#[derive(Debug)]
pub(super) struct Writer {
    options: PgConnectOptions,
    idle: Mutex<Vec<Session>>,
    places: Semaphore,
}

/// A connection and what it is called at the server.
#[derive(Debug)]
struct Session {
    name: String,
    connection: PgConnection,
}

/// What one transaction is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transaction<'t> {
    /// Whose it is.
    pub id: Id,
    /// The statements of the file.
    pub statements: &'t str,
    /// Whether it is to be rolled back.
    pub rollback: bool,
    /// Whether the operation was asked for before, and counts once.
    pub again: bool,
}

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// What is known of it.
    pub answer: Answer,
    /// Where nothing is known, the session that may still commit.
    pub session: Option<String>,
}

impl Writer {
    /// Writes over the edge that `url` leads to. Nothing is dialled yet.
    pub fn new(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)
            .with_context(|| format!("{url} is no address of a database"))?
            .statement_cache_capacity(0)
            .disable_statement_logging();
        Ok(Self {
            options,
            idle: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// Carries a transaction out.
    pub async fn write(&self, wanted: Transaction<'_>) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let mut stage = Stage::Connecting;
        let mut name = None;
        let done = self.try_to(wanted, &mut stage, &mut name);
        let done = timeout_at(deadline, done)
            .await
            .unwrap_or_else(|_| Err(Failure::Lost(format!("no answer within {PATIENCE:?}"))));
        let answer = match done {
            Ok(()) if wanted.rollback => Answer::Refused {
                said: "ROLLBACK, as it was meant to".to_owned(),
            },
            Ok(()) => Answer::Accepted {
                said: "COMMIT".to_owned(),
            },
            Err(failure) => meaning(stage, &failure, wanted),
        };
        let session = name.filter(|_| answer.is_open());
        Ended { answer, session }
    }

    async fn try_to(
        &self,
        wanted: Transaction<'_>,
        stage: &mut Stage,
        name: &mut Option<String>,
    ) -> Result<(), Failure> {
        let _place = self
            .places
            .acquire()
            .await
            .map_err(|closed| Failure::Lost(closed.to_string()))?;
        let mut session = self.begin(stage).await?;
        *name = Some(session.name.clone());
        *stage = Stage::Writing;
        if let Err(failure) = session.ask(wanted.statements).await {
            // Nothing of it will be committed, with or without this.
            if failure.leaves_the_session() && session.ask("ROLLBACK").await.is_ok() {
                self.put_back(session);
            }
            return Err(failure);
        }
        // Before it is sent: from here on nobody knows until it is answered.
        let (next, word) = match wanted.rollback {
            true => (Stage::RollingBack, "ROLLBACK"),
            false => (Stage::Committing, "COMMIT"),
        };
        *stage = next;
        let ended = session.ask(word).await;
        if ended.as_ref().err().is_none_or(Failure::leaves_the_session) {
            self.put_back(session);
        }
        ended
    }

    /// A transaction in a session that is free, or in a new one. A session that was cut while it was free says nothing of
    /// what is to be written.
    async fn begin(&self, stage: &mut Stage) -> Result<Session, Failure> {
        loop {
            let idle = self.idle().pop();
            let Some(mut session) = idle else { break };
            if session.ask("BEGIN").await.is_ok() {
                return Ok(session);
            }
        }
        let name = format!("{SESSION} {}", Uuid::now_v7().simple());
        let options = self.options.clone().application_name(&name);
        let connection = options
            .connect()
            .await
            .map_err(|error| Failure::of(&error))?;
        let mut session = Session { name, connection };
        *stage = Stage::Beginning;
        session.ask("BEGIN").await?;
        Ok(session)
    }

    fn put_back(&self, session: Session) {
        self.idle().push(session);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Session {
    /// The simple protocol: as many statements as there are, and no trace of them in the session.
    async fn ask(&mut self, sql: &str) -> Result<(), Failure> {
        let raw = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let asked = self.connection.execute(raw).await;
        asked.map(drop).map_err(|error| Failure::of(&error))
    }
}

/// Ends a session that may still commit, and waits until the server says that it is gone: what it has not committed then,
/// it never will. False if the server does not say so in time.
pub(super) async fn end(observer: &sqlx::PgPool, session: &str, deadline: Instant) -> bool {
    let gone = async {
        loop {
            let left = sqlx::query_scalar::<_, bool>(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            )
            .bind(session)
            .fetch_all(observer)
            .await;
            if left.is_ok_and(|left| left.is_empty()) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    timeout_at(deadline, gone).await.is_ok()
}
