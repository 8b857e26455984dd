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

use std::{str::FromStr, sync::Mutex, time::Duration};

use anyhow::{Context, Result};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Executor, PgConnection,
    postgres::{PgConnectOptions, PgDatabaseError, PgSeverity},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{answer::Answer, http::PATIENCE};
use crate::{
    ask::id::{Id, Run},
    run::about::About,
};

/// Transactions under way at once; what would be more waits.
const AT_ONCE: usize = 32;
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

/// How far a transaction had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Beginning,
    Writing,
    RollingBack,
    Committing,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    /// The server says so.
    Said {
        ends_the_session: bool,
        code: String,
        text: String,
    },
    /// Nobody says anything any more.
    Lost(String),
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

impl Failure {
    fn of(error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(said) = error else {
            return Self::Lost(error.to_string());
        };
        let Some(said) = said.try_downcast_ref::<PgDatabaseError>() else {
            return Self::Lost(error.to_string());
        };
        let detail = said
            .detail()
            .map_or_else(String::new, |detail| format!(" ({detail})"));
        Self::Said {
            ends_the_session: matches!(said.severity(), PgSeverity::Fatal | PgSeverity::Panic),
            code: said.code().to_owned(),
            text: format!("{} {}{detail}", said.code(), said.message()),
        }
    }

    fn leaves_the_session(&self) -> bool {
        matches!(
            self,
            Self::Said {
                ends_the_session: false,
                ..
            }
        )
    }

    fn text(&self) -> &str {
        match self {
            Self::Said { text, .. } => text,
            Self::Lost(how) => how,
        }
    }
}

/// An error that a commit may have got as an answer although it happened, or will: of the connection, or by its own words.
fn decides_nothing(code: &str) -> bool {
    code.starts_with("08") || code == "40003"
}

const UNIQUE_VIOLATION: &str = "23505";

fn meaning(stage: Stage, failure: &Failure, wanted: Transaction<'_>) -> Answer {
    let text = failure.text().to_owned();
    if stage == Stage::Committing {
        return match failure {
            Failure::Said {
                ends_the_session: false,
                code,
                ..
            } if !decides_nothing(code) => {
                if wanted.again && is_of(wanted.id, failure) {
                    return stored_before(text);
                }
                Answer::Refused {
                    said: format!("COMMIT was answered: {text}"),
                }
            }
            _ => Answer::Unknown {
                said: None,
                reason: format!("COMMIT was sent, and was not answered: {text}"),
            },
        };
    }
    match stage {
        Stage::Writing if wanted.again && is_of(wanted.id, failure) => stored_before(text),
        Stage::Writing if failure.leaves_the_session() => Answer::Refused { said: text },
        Stage::Connecting => Answer::Refused {
            said: format!("never asked for: {text}"),
        },
        Stage::RollingBack => Answer::Refused {
            said: format!("ROLLBACK, as it was meant to; {text}"),
        },
        Stage::Beginning | Stage::Writing | Stage::Committing => Answer::Refused {
            said: format!("COMMIT was never sent: {text}"),
        },
    }
}

/// Whether a row of this very operation is there already. Only somebody who asked for it before can have written it.
fn is_of(id: Id, failure: &Failure) -> bool {
    let Failure::Said { code, text, .. } = failure else {
        return false;
    };
    code == UNIQUE_VIOLATION && names(text, id.run).contains(&id)
}

fn names(text: &str, run: Run) -> Vec<Id> {
    About::of([text.as_bytes()], run).ids
}

fn stored_before(text: String) -> Answer {
    Answer::Accepted {
        said: format!("stored before: {text}"),
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

const LOOK_EVERY: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> Id {
        Id {
            run: Run::of(1),
            key: 3,
            number: 4,
        }
    }

    fn said(code: &str, text: String, ends_the_session: bool) -> Failure {
        Failure::Said {
            ends_the_session,
            code: code.to_owned(),
            text,
        }
    }

    fn kind(stage: Stage, failure: &Failure, again: bool) -> &'static str {
        let wanted = Transaction {
            id: id(),
            statements: "",
            rollback: false,
            again,
        };
        match meaning(stage, failure, wanted) {
            Answer::Accepted { .. } => "accepted",
            Answer::Refused { .. } => "refused",
            Answer::Unknown { .. } => "unknown",
            Answer::Nonsense { .. } => "nonsense",
        }
    }

    #[test]
    fn what_was_never_told_to_commit_is_refused_whatever_became_of_it() {
        let lost = Failure::Lost("connection reset".to_owned());
        let shut_down = said("57P01", "terminating".to_owned(), true);
        for stage in [
            Stage::Connecting,
            Stage::Beginning,
            Stage::Writing,
            Stage::RollingBack,
        ] {
            assert_eq!(kind(stage, &lost, true), "refused", "{stage:?}");
            assert_eq!(kind(stage, &shut_down, true), "refused", "{stage:?}");
        }
    }

    #[test]
    fn a_commit_without_an_answer_is_unknown() {
        let open = [
            Failure::Lost("connection reset".to_owned()),
            said("57P01", "terminating connection".to_owned(), true),
            said("08006", "server closed the connection".to_owned(), false),
            said("40003", "statement completion unknown".to_owned(), false),
        ];
        for failure in open {
            assert_eq!(
                kind(Stage::Committing, &failure, true),
                "unknown",
                "{failure:?}"
            );
        }
    }

    #[test]
    fn an_error_of_the_transaction_at_commit_has_rolled_it_back() {
        for code in ["23503", "40001", "23505"] {
            let failure = said(code, "no".to_owned(), false);
            assert_eq!(kind(Stage::Committing, &failure, true), "refused", "{code}");
        }
    }

    #[test]
    fn the_row_of_an_operation_that_was_asked_for_before_is_a_yes_and_anybody_elses_is_none() {
        let own = said(
            "23505",
            format!("Key (id)=({}) already exists.", id().uuid()),
            false,
        );
        let other = said(
            "23505",
            "Key (name)=(ann) already exists.".to_owned(),
            false,
        );
        for stage in [Stage::Writing, Stage::Committing] {
            assert_eq!(kind(stage, &own, true), "accepted");
            assert_eq!(kind(stage, &own, false), "refused");
            assert_eq!(kind(stage, &other, true), "refused");
        }
    }
}
