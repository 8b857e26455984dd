//! What one fault has set on edges, or holds, so that it takes off exactly that: faults that overlap do not heal each other.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use super::left::{Left, Taken};
use crate::{
    ask::toxic::{Direction, Toxic},
    os::descriptors,
    wire::edge::{CutHandle, Edge, EdgeError, ToxicHandle},
};

/// A statement that gave up a lock is tried again within this.
const TRIED_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a fault has set so far, also when it came no further than half way.
#[derive(Default)]
pub(super) struct Imposed {
    set: Vec<(Edge, Mark)>,
    lock: Option<PgConnection>,
    /// What is there of a meddling.
    pub(super) left: Left,
    /// Processes that may open nothing.
    pub(super) starved: Vec<descriptors::Taken>,
}

enum Mark {
    Cut(CutHandle),
    Toxic(ToxicHandle),
}

impl Imposed {
    /// Cuts an edge.
    pub async fn cut(&mut self, edge: &Edge) -> Result<(), EdgeError> {
        let cut = edge.cut().await?;
        self.set.push((edge.clone(), Mark::Cut(cut)));
        Ok(())
    }

    /// Puts toxics on an edge.
    pub async fn toxics(
        &mut self,
        edge: &Edge,
        toxics: &[(Toxic, Direction)],
    ) -> Result<(), EdgeError> {
        for (toxic, direction) in toxics {
            let set = edge.add(*toxic, *direction, 1.0).await?;
            self.set.push((edge.clone(), Mark::Toxic(set)));
        }
        Ok(())
    }

    /// What is taken away from now on.
    pub fn taken(&mut self) -> &mut Taken {
        self.left = Left::Taken(Taken::default());
        match &mut self.left {
            Left::Taken(taken) => taken,
            _ => unreachable!("it was set a line above"),
        }
    }

    /// Sessions that have every connection, from now on.
    pub fn crowd(&mut self) -> &mut Vec<PgConnection> {
        self.left = Left::Crowd(Vec::new());
        match &mut self.left {
            Left::Crowd(crowd) => crowd,
            _ => unreachable!("it was set a line above"),
        }
    }

    /// Keeps a session that holds a lock.
    pub fn lock(&mut self, session: PgConnection) {
        self.lock = Some(session);
    }

    /// Whether there is one.
    pub fn holds_a_lock(&self) -> bool {
        self.lock.is_some()
    }

    /// How many statements wait for it. Between two tries of theirs none does: one is waited for.
    pub async fn kept_waiting(&mut self) -> Result<u64> {
        let session = self.lock.as_mut().context("no session holds a lock")?;
        let deadline = Instant::now() + TRIED_WITHIN;
        loop {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))",
            )
            .fetch_one(&mut *session)
            .await?;
            if waiting > 0 || Instant::now() > deadline {
                return Ok(waiting.unsigned_abs());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Ends it, and its lock with it.
    pub async fn unlock(&mut self) -> Result<()> {
        if let Some(session) = self.lock.take() {
            session.close().await?;
        }
        Ok(())
    }

    /// Takes everything off. What resists does not keep the rest in place; the first of it is the error.
    pub async fn lift(&mut self) -> Result<(), EdgeError> {
        let mut resisted = None;
        for (edge, mark) in self.set.drain(..) {
            let lifted = match mark {
                Mark::Cut(cut) => edge.mend(cut).await,
                Mark::Toxic(toxic) => edge.remove(toxic).await,
            };
            resisted = resisted.or(lifted.err());
        }
        resisted.map_or(Ok(()), Err)
    }
}
