//! What one fault has set on edges, or holds, so that it takes off exactly that: faults that overlap do not heal each other.

use anyhow::Result;
use sqlx::{Connection, PgConnection};

use crate::edge::{CutHandle, Direction, Edge, EdgeError, Toxic, ToxicHandle};

/// What a fault has set so far, also when it came no further than half way.
#[derive(Default)]
pub(super) struct Imposed {
    set: Vec<(Edge, Mark)>,
    lock: Option<PgConnection>,
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

    /// Keeps a session that holds a lock.
    pub fn lock(&mut self, session: PgConnection) {
        self.lock = Some(session);
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
