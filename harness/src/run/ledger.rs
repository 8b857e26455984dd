//! The ledger: every commit of a run's database, read from the server's own log (`wal_level = logical`) through a slot of
//! the run's own, around all faults.
//!
//! What the tables say is looked at now and then; what the log says is everything that was ever committed, in commit order.

mod decoding;
mod reader;
mod transaction;
mod watched;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sqlx::{Connection, PgConnection};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{self, timeout, timeout_at},
};

use crate::history::{Event, Recorder};
pub use reader::Read;
use reader::{Reader, Reading};
pub use watched::Watched;

/// A new slot waits for every transaction of the server that was open before it: those of runs beside this one end with
/// their statements' deadlines and their faults.
const OPENED_WITHIN: Duration = Duration::from_secs(20);
/// Beyond what the server itself was told.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A ledger being kept. Dropping it closes nothing in the history and drops the slot as soon as the server lets it.
pub struct Ledger {
    keeper: Option<Keeper>,
}

/// Who reads the slot.
struct Keeper {
    end: oneshot::Sender<time::Instant>,
    asks: mpsc::Sender<Reading>,
    task: JoinHandle<Result<()>>,
}

impl Ledger {
    /// Opens the ledger of the database at `url`, around all faults and before anything of the system writes to it. Rows of
    /// `watched` tables enter the history. Where the server keeps no such log, or keeps it from this user, the history says
    /// that the run is sampled, and why.
    pub async fn watching(url: String, watched: Watched, recorder: Recorder) -> Result<Self> {
        let began = Instant::now();
        match open(&url).await? {
            Opened::Slot(slot) => {
                recorder.record(Event::LedgerOpened {
                    took_ms: began.elapsed().as_millis() as u64,
                });
                let (end, ended) = oneshot::channel();
                let (asks, asked) = mpsc::channel(1);
                let reader = Reader::new(url, slot, watched, recorder);
                let task = tokio::spawn(reader.keep(ended, asked));
                Ok(Self {
                    keeper: Some(Keeper { end, asks, task }),
                })
            }
            Opened::Not(why) => {
                recorder.record(Event::Sampled { why });
                Ok(Self { keeper: None })
            }
        }
    }

    /// Reads everything that is committed by now, and says what that was; nothing of a run that is sampled.
    pub async fn up_to_now(&self, deadline: time::Instant) -> Result<Option<Read>> {
        let Some(keeper) = &self.keeper else {
            return Ok(None);
        };
        let (done, told) = oneshot::channel();
        let asked = async {
            let reading = Reading { deadline, done };
            keeper
                .asks
                .send(reading)
                .await
                .ok()
                .context("nobody keeps it")?;
            told.await.context("nobody keeps it")?
        };
        match timeout_at(deadline + ANSWER_WITHIN, asked).await {
            Ok(read) => Ok(Some(read.context("reading the ledger")?)),
            Err(_) => bail!("the ledger was not read in time"),
        }
    }

    /// Reads everything that is committed by now, says in the history that this was all, and drops the slot.
    pub async fn finish(self, deadline: time::Instant) -> Result<()> {
        let Some(keeper) = self.keeper else {
            return Ok(());
        };
        // A keeper that has ended already has an error to tell.
        let _ = keeper.end.send(deadline);
        match timeout_at(deadline + ANSWER_WITHIN, keeper.task).await {
            Ok(kept) => kept?.context("keeping the ledger"),
            Err(_) => bail!("the ledger was not closed in time"),
        }
    }
}

/// What came of asking for a slot.
enum Opened {
    /// Its name.
    Slot(String),
    /// Why there is none.
    Not(String),
}

async fn open(url: &str) -> Result<Opened> {
    let opening = async {
        let mut connection = PgConnection::connect(url).await?;
        let opened = slot(&mut connection).await?;
        connection.close().await?;
        Ok(opened)
    };
    timeout(OPENED_WITHIN + ANSWER_WITHIN, opening)
        .await
        .unwrap_or_else(|_| bail!("Postgres did not answer within {OPENED_WITHIN:?}"))
        .context("opening the ledger")
}

async fn slot(connection: &mut PgConnection) -> Result<Opened> {
    let level: String = sqlx::query_scalar("SELECT current_setting('wal_level')")
        .fetch_one(&mut *connection)
        .await?;
    if level != "logical" {
        return Ok(Opened::Not(format!(
            "the server has wal_level = {level}; logical would show every commit"
        )));
    }
    // The server's own deadline, so that nobody goes on waiting for a slot that was given up.
    sqlx::query("SELECT set_config('statement_timeout', $1, false)")
        .bind(OPENED_WITHIN.as_millis().to_string())
        .execute(&mut *connection)
        .await?;
    let made: sqlx::Result<String> = sqlx::query_scalar(
        "SELECT slot_name::text FROM pg_create_logical_replication_slot(current_database(), 'test_decoding')",
    )
    .fetch_one(connection)
    .await;
    match made {
        Ok(name) => Ok(Opened::Slot(name)),
        Err(sqlx::Error::Database(error)) => match why_not(error.code().as_deref()) {
            Some(why) => Ok(Opened::Not(format!("{why} ({error})"))),
            None => Err(sqlx::Error::Database(error).into()),
        },
        Err(error) => Err(error.into()),
    }
}

/// Refusals that only the server's owner can do something about.
fn why_not(code: Option<&str>) -> Option<&'static str> {
    Some(match code? {
        "42501" => "this user may not read the log; ALTER ROLE … REPLICATION would let it",
        "53400" => "every replication slot is taken; max_replication_slots wants to be greater",
        "58P01" => "the server has no test_decoding; it comes with the contrib modules",
        "57014" => "a transaction that was open before the run did not end in time",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_servers_owner_can_mend_makes_a_sampled_run_and_nothing_else_does() {
        assert!(why_not(Some("42501")).is_some_and(|why| why.contains("REPLICATION")));
        assert!(why_not(Some("53400")).is_some());
        // A slot of this name exists: somebody else's run, or this one's twice.
        assert_eq!(why_not(Some("42710")), None);
        assert_eq!(why_not(None), None);
    }
}
