//! How operations are written: over HTTP or as a transaction, one after the other within a key or all at once, and what is
//! done about those of which nobody knows whether they happened.
//!
//! # What the order of a key means
//!
//! With `serial = "key"` the operations of a key never overlap: they go out in the order in which [`Writer::write`] was
//! called, each when the fate of the one before is known. Then the number of an operation is its place in its key, and
//! messages that come in another order are the target's doing.
//!
//! An answer that decides nothing holds its key up until it can be resolved, for [`HELD_UP`] at most: by asking again where
//! the file allows that, by its `[look]`, and for a transaction of the lab's own by first ending the session that may still
//! commit. What is then known is told by [`Step::Settled`] *before* the next operation of the key is asked for:
//!
//! - [`Fate::Stored`]: it was done before the next one was asked for; its place stands.
//! - [`Fate::Absent`] and final: it is not done, and will not be.
//! - [`Fate::Absent`] and not final, [`Fate::Open`]: a request may still be on its way, in a proxy or a queue of the target's,
//!   and be done after the next ones. The key goes on with its next number, and this operation has *no place in its key*:
//!   nobody may be blamed for where its message comes. It is asked about again ([`Writer::settle`]) when nothing moves.
//!
//! So whoever judges order takes an operation's number for its place only if its `ok` stands in the history before the next
//! operation of its key was asked for.
//!
//! With `serial = "none"` nothing waits for anything, numbers say nothing of order, and the order of commits in the server's
//! own log is the truth.

pub mod answer;
mod http;
mod line;
mod settle;
mod sql;
mod values;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::{
    ask::{
        id::Id,
        target::{
            Target,
            look::Look,
            write::{How, Serial, Write},
        },
    },
    system::Api,
};
pub use answer::Answer;
use line::{Lines, Turn};
pub use settle::Fate;
pub use sql::SESSION;
use values::Constants;

/// How long an answer that decides nothing may hold its key up.
pub const HELD_UP: Duration = Duration::from_secs(10);

/// Where operations go.
#[derive(Debug, Clone)]
pub struct Ways {
    /// The processes that take requests, over their edges; empty where nobody does.
    pub apis: Vec<Api>,
    /// The run's database over the edge `client -> postgres`; needed where `[write]` is sql.
    pub postgres: Option<String>,
    /// The run's database around all edges.
    pub observer: PgPool,
}

/// An operation to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which.
    pub id: Id,
    /// Whether its transaction is to be rolled back. Only where `[write]` is sql.
    pub rollback: bool,
    /// Whether the same was asked for before: it counts once, and being there already is a yes. Only where the file says
    /// `again = true`.
    pub repeat: bool,
    /// Which process of the API is to be asked; none for whoever is next.
    pub api: Option<usize>,
}

impl Ask {
    /// An operation that is meant to be done.
    pub fn of(id: Id) -> Self {
        Self {
            id,
            rollback: false,
            repeat: false,
            api: None,
        }
    }
}

/// What happens to an operation, in this order, and `Asked` and `Answered` once more for each time that it is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is being asked for.
    Asked {
        /// Of whom: a process of the API, or `postgres`.
        via: String,
        /// Whether it is asked again because nobody knew.
        inquiry: bool,
    },
    /// It was answered, or was not.
    Answered(Answer),
    /// It was answered in a way that decides nothing, and this was found out about it.
    Settled(Fate),
}

/// The lab's client of a target. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    write: Write,
    look: Look,
    constants: Constants,
    http: reqwest::Client,
    apis: Vec<Api>,
    sql: Option<sql::Writer>,
    observer: PgPool,
    lines: Option<Lines>,
    next_api: AtomicUsize,
    /// Sessions that may still commit an operation.
    lost: Mutex<HashMap<Id, Vec<String>>>,
}

impl Writer {
    /// A client that writes as a target file says.
    pub fn new(target: &Target, ways: Ways) -> Result<Self> {
        let Ways {
            apis,
            postgres,
            observer,
        } = ways;
        let asks = target.write.is_http() || target.look.answer.is_some();
        ensure!(
            !asks || !apis.is_empty(),
            "there is no process of the API to ask"
        );
        let sql = match &target.write.how {
            How::Http(_) => None,
            How::Sql(_) => {
                let url = postgres.context("there is no edge from the client to Postgres")?;
                Some(sql::Writer::new(&url)?)
            }
        };
        Ok(Self(Arc::new(Inner {
            write: target.write.clone(),
            look: target.look.clone(),
            constants: Constants::of(target)?,
            http: http::client()?,
            apis,
            sql,
            observer,
            lines: (target.write.serial == Serial::Key).then(Lines::default),
            next_api: AtomicUsize::new(0),
            lost: Mutex::default(),
        })))
    }

    /// Whether the same operation may be asked for twice.
    pub fn may_repeat(&self) -> bool {
        self.0.write.again
    }

    /// Writes an operation when its turn has come, tells each step when it happens, and gives back the last answer with what
    /// became of it where that answer decided nothing. The turn is drawn by this call, not by the first poll: operations of
    /// a key go out in the order of calls. An error is the lab's own.
    pub fn write<T: FnMut(Step) + Send>(
        &self,
        ask: Ask,
        mut tell: T,
    ) -> impl Future<Output = Result<(Answer, Option<Fate>)>> + Send + use<T> {
        let writer = self.clone();
        let turn = self.0.lines.as_ref().map(|lines| lines.turn(ask.id.key));
        async move {
            let _hold = match turn {
                Some(turn) => Some(Turn::come(turn).await),
                None => None,
            };
            let answer = writer.ask(ask, false, &mut tell).await?;
            if !answer.is_open() {
                return Ok((answer, None));
            }
            // Who waits for nobody holds nobody up: it is settled when all is quiet.
            let fate = match writer.0.lines {
                Some(_) => {
                    writer
                        .resolve(ask, Instant::now() + HELD_UP, &mut tell)
                        .await?
                }
                None => Fate::Open {
                    why: "not asked about yet".to_owned(),
                },
            };
            tell(Step::Settled(fate.clone()));
            Ok((answer, Some(fate)))
        }
    }

    async fn ask(
        &self,
        ask: Ask,
        inquiry: bool,
        tell: &mut (impl FnMut(Step) + Send),
    ) -> Result<Answer> {
        let inner = &*self.0;
        let api = self.api(ask.api);
        let values = inner
            .constants
            .with(ask.id, api.map(|api| api.url.as_str()));
        let via = match (&inner.write.how, api) {
            (How::Http(_), Some(api)) => api.name.clone(),
            _ => "postgres".to_owned(),
        };
        tell(Step::Asked { via, inquiry });
        let answer = match (&inner.write.how, &inner.sql) {
            (How::Sql(said), Some(writer)) => {
                let ended = writer
                    .write(sql::Transaction {
                        id: ask.id,
                        statements: &said.statements.render(&values)?,
                        rollback: ask.rollback,
                        again: inner.write.again && (ask.repeat || inquiry),
                    })
                    .await;
                if let Some(session) = ended.session {
                    self.lost().entry(ask.id).or_default().push(session);
                }
                ended.answer
            }
            (How::Http(said), _) => http::write(&inner.http, said, &values).await?,
            (How::Sql(_), None) => anyhow::bail!("there is no edge from the client to Postgres"),
        };
        tell(Step::Answered(answer.clone()));
        Ok(answer)
    }

    fn api(&self, wanted: Option<usize>) -> Option<&Api> {
        let inner = &*self.0;
        if inner.apis.is_empty() {
            return None;
        }
        let next = || inner.next_api.fetch_add(1, Ordering::Relaxed);
        inner
            .apis
            .get(wanted.unwrap_or_else(next) % inner.apis.len())
    }

    fn lost(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Vec<String>>> {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
