//! Reads a run's slot for as long as the run goes on, over one connection of the lab's own.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use sqlx::{Connection, PgConnection};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    transaction::{Assembly, Completed},
    watched::Watched,
};
use crate::history::{Event, Recorder};

/// Between two readings.
const EVERY: Duration = Duration::from_millis(100);
/// A reading looks through what all databases have logged lately, which is much where many runs go on side by side: it is
/// followed by a pause of at least so many times its length.
const SHARE: u32 = 10;
/// The slot is told now and then how far it was read; it then writes that to its disk.
const CONFIRM_EVERY: Duration = Duration::from_secs(1);
/// A server that does not answer for so long is frozen or away.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// For a run that died: how long its slot is tried to be dropped.
const DROP_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(50);
/// Of what is written into the log to tell how far it was read: what was committed before it stands before it.
const PREFIX: &str = "ledger";

/// A place in the server's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Lsn(u64);

impl Lsn {
    /// Reads `16/B374D848`.
    fn read(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let half = |digits| u32::from_str_radix(digits, 16).ok().map(u64::from);
        Some(Self(half(high)? << 32 | half(low)?))
    }
}

impl std::fmt::Display for Lsn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// Somebody wants all to be read that was committed until he asked.
pub(super) struct Reading {
    /// By when.
    pub deadline: Instant,
    /// Is told what was read.
    pub done: oneshot::Sender<Result<Read>>,
}

/// What was read of the log.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// How many commits.
    pub commits: u64,
    /// By the history's clock, when it had these and no others.
    pub at_us: u64,
}

/// A mark, as test_decoding prints it.
fn printed(mark: u64) -> String {
    let mark = mark.to_string();
    format!(
        "transactional: 1 prefix: {PREFIX}, sz: {} content:{mark}",
        mark.len()
    )
}

/// Why a reading failed.
enum Failed {
    /// Postgres is away, for now as far as anybody knows.
    Away(anyhow::Error),
    /// What was read makes no sense: reading on would make holes.
    Nonsense(anyhow::Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Away(error.into())
    }
}

/// The reader of one slot.
pub(super) struct Reader {
    url: String,
    slot: String,
    watched: Watched,
    recorder: Recorder,
    connection: Option<PgConnection>,
    /// The end of the last commit that is in the history. A slot that is read again, as after the server's crash, repeats
    /// commits; none of them enters twice.
    read: Lsn,
    confirmed: Lsn,
    confirmed_at: Instant,
    commits: u64,
    /// The last mark that was written, by its number, and the last that was read.
    mark: u64,
    reached: u64,
}

impl Reader {
    pub fn new(url: String, slot: String, watched: Watched, recorder: Recorder) -> Self {
        Self {
            url,
            slot,
            watched,
            recorder,
            connection: None,
            read: Lsn::default(),
            confirmed: Lsn::default(),
            confirmed_at: Instant::now(),
            commits: 0,
            mark: 0,
            reached: 0,
        }
    }

    /// Reads until it is told to end, and by when; then reads the rest. Whoever told it nothing has dropped it.
    pub async fn keep(
        mut self,
        mut end: oneshot::Receiver<Instant>,
        mut asked: mpsc::Receiver<Reading>,
    ) -> Result<()> {
        let mut pause = EVERY;
        let deadline = loop {
            tokio::select! {
                told = &mut end => break told.ok(),
                Some(reading) = asked.recv() => {
                    let read = self.up_to_now(reading.deadline).await;
                    let read = read.map(|()| Read {
                        commits: self.commits,
                        at_us: self.recorder.now_us(),
                    });
                    // Whoever has asked may have gone.
                    let _ = reading.done.send(read);
                }
                () = sleep(pause) => {}
            }
            let began = Instant::now();
            if let Err(Failed::Nonsense(error)) = self.read_on().await {
                self.drop_slot(Instant::now() + DROP_WITHIN).await?;
                return Err(error);
            }
            pause = EVERY.max(began.elapsed() * SHARE);
        };
        let closed = match deadline {
            Some(deadline) => self.close(deadline).await,
            None => Ok(()),
        };
        let dropped = self.drop_slot(deadline.unwrap_or_else(|| Instant::now() + DROP_WITHIN));
        let dropped = dropped.await;
        closed.and(dropped)
    }

    async fn close(&mut self, deadline: Instant) -> Result<()> {
        self.up_to_now(deadline).await?;
        self.recorder.record(Event::LedgerClosed {
            commits: self.commits,
        });
        Ok(())
    }

    /// Writes a mark into the log, and reads up to it.
    async fn up_to_now(&mut self, deadline: Instant) -> Result<()> {
        let mut written = false;
        self.mark += 1;
        loop {
            let step = async {
                if !written {
                    self.write_mark().await?;
                    written = true;
                }
                self.read_on().await
            };
            let failed = match timeout_at(deadline, step).await {
                Ok(Ok(())) if self.reached == self.mark => return Ok(()),
                Ok(Ok(())) => anyhow!("the mark at the end was not there yet"),
                Ok(Err(Failed::Nonsense(error))) => return Err(error),
                Ok(Err(Failed::Away(error))) => error,
                Err(_) => anyhow!("Postgres did not answer"),
            };
            if Instant::now() >= deadline {
                return Err(failed.context("not everything was read by the deadline"));
            }
            sleep(AGAIN).await;
        }
    }

    async fn write_mark(&mut self) -> Result<(), Failed> {
        let mark = self.mark.to_string();
        self.ask(async |connection, _| {
            sqlx::query("SELECT pg_logical_emit_message(true, $1, $2)")
                .bind(PREFIX)
                .bind(mark)
                .execute(connection)
                .await
        })
        .await
        .map(drop)
    }

    /// Reads what has been committed since, and records it.
    async fn read_on(&mut self) -> Result<(), Failed> {
        let lines: Vec<(String, String)> = self
            .ask(async |connection, slot| {
                // Peeked, not taken: what is taken is lost when the connection breaks before it has arrived.
                sqlx::query_as(
                    "SELECT lsn::text, data FROM pg_logical_slot_peek_changes(
                         $1, NULL, NULL, 'include-xids', '1', 'include-timestamp', '1')",
                )
                .bind(slot)
                .fetch_all(connection)
                .await
            })
            .await?;
        self.record(&lines).map_err(Failed::Nonsense)?;
        self.confirm().await
    }

    fn record(&mut self, lines: &[(String, String)]) -> Result<()> {
        let mut assembly = Assembly::new(&self.watched);
        for (lsn, line) in lines {
            let completed = assembly.take(line)?;
            // The place of a commit's line is the end of the commit.
            let at = Lsn::read(lsn).with_context(|| format!("{lsn:?} is no place in a log"))?;
            match completed {
                Some(Completed::Message(said)) if said == printed(self.mark) => {
                    self.reached = self.mark;
                }
                Some(Completed::Commit(commit)) if at > self.read => {
                    self.recorder.record(Event::Committed(commit));
                    self.commits += 1;
                    self.read = at;
                }
                Some(Completed::Message(_) | Completed::Commit(_)) | None => {}
            }
        }
        Ok(())
    }

    /// Lets the slot forget what is in the history.
    async fn confirm(&mut self) -> Result<(), Failed> {
        if self.read <= self.confirmed || self.confirmed_at.elapsed() < CONFIRM_EVERY {
            return Ok(());
        }
        let read = self.read;
        self.ask(async |connection, slot| {
            sqlx::query("SELECT pg_replication_slot_advance($1, $2::pg_lsn)")
                .bind(slot)
                .bind(read.to_string())
                .execute(connection)
                .await
        })
        .await?;
        self.confirmed = read;
        self.confirmed_at = Instant::now();
        Ok(())
    }

    async fn drop_slot(&mut self, deadline: Instant) -> Result<()> {
        let slot = self.slot.clone();
        loop {
            // One that is gone already is dropped well enough.
            let dropped = self.ask(async |connection, slot| {
                sqlx::query(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
                )
                .bind(slot)
                .execute(connection)
                .await
            });
            let failed = match timeout(ANSWER_WITHIN, dropped).await {
                Ok(Ok(_)) => break,
                Ok(Err(Failed::Away(error) | Failed::Nonsense(error))) => error,
                Err(_) => anyhow!("Postgres did not answer"),
            };
            if Instant::now() >= deadline {
                return Err(failed.context(format!("the slot {slot} could not be dropped")));
            }
            sleep(AGAIN).await;
        }
        if let Some(connection) = self.connection.take() {
            let _ = timeout(ANSWER_WITHIN, connection.close()).await;
        }
        Ok(())
    }

    /// One question to Postgres, over a new connection where the last one failed.
    async fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut PgConnection, &str) -> sqlx::Result<T>,
    ) -> Result<T, Failed> {
        let connected = self.connection.take();
        let asked = async {
            let mut connection = match connected {
                Some(connection) => connection,
                None => PgConnection::connect(&self.url).await?,
            };
            let answer = question(&mut connection, &self.slot).await?;
            Ok::<_, sqlx::Error>((answer, connection))
        };
        match timeout(ANSWER_WITHIN, asked).await {
            Ok(answered) => {
                let (answer, connection) = answered?;
                self.connection = Some(connection);
                Ok(answer)
            }
            Err(_) => Err(Failed::Away(anyhow!(
                "Postgres did not answer within {ANSWER_WITHIN:?}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_log_are_compared_as_numbers() {
        let place = |text| Lsn::read(text).expect("a place");
        assert!(place("9/FFFFFFFF") < place("A/0"));
        assert_eq!(place("16/B374D848").to_string(), "16/B374D848");
        assert_eq!(Lsn::read("16-B3"), None);
    }

    #[test]
    fn a_commit_that_is_read_again_enters_the_history_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&path).expect("a recorder");
        let mut reader = Reader::new(
            String::new(),
            "run".to_owned(),
            Watched::these(&[("orders", &["id"], &["id"])]),
            recorder.clone(),
        );
        let line = |lsn: &str, data: &str| (lsn.to_owned(), data.to_owned());
        let commit = |xid: u32, end: &str| {
            [
                line("0/1", &format!("BEGIN {xid}")),
                line("0/1", "table public.orders: DELETE: id[uuid]:'1'"),
                line(end, &format!("COMMIT {xid} (at 1970-01-01 00:00:01+00)")),
            ]
        };
        reader.record(&commit(7, "0/20")).expect("read");
        let again = [commit(7, "0/20"), commit(8, "0/30")].concat();
        reader.record(&again).expect("read again");
        let mark = [line("0/40", &format!("message: {}", printed(1)))];
        (reader.mark, reader.reached) = (1, 0);
        reader.record(&mark).expect("read to the end");
        assert_eq!(reader.reached, 1);
        reader.mark = 2;
        reader.record(&mark).expect("read once more");
        assert_eq!(reader.reached, 1, "an earlier mark is read again");
        recorder.finish().expect("written");
        let history = crate::history::read(&path).expect("a history");
        let xids: Vec<u32> = history.commits().map(|commit| commit.xid).collect();
        assert_eq!(xids, [7, 8]);
    }
}
