//! What became of operations whose answer decided nothing.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::{
    Ask, Step, Writer,
    answer::Answer,
    http::{self, Found},
    sql,
};
use crate::{ask::id::Id, os::causes::Causes, run::rows::stored};

/// A request whose connection was cut is likely to be done, if at all, within so long.
const STILL_COMING: Duration = Duration::from_secs(1);
/// Between two tries to learn what became of an operation.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// For one look at the business table.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

/// What became of an operation whose answer decided nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is stored.
    Stored,
    /// It is not.
    Absent {
        /// Whether it cannot come any more.
        is_final: bool,
    },
    /// Nobody says.
    Open {
        /// Why.
        why: String,
    },
}

impl Writer {
    /// Finds out what became of an operation whose answer decided nothing: by `deadline`, or when the question that is under
    /// way then has been answered.
    pub async fn settle(
        &self,
        ask: Ask,
        deadline: Instant,
        mut tell: impl FnMut(Step) + Send,
    ) -> Result<Fate> {
        let fate = self.resolve(ask, deadline, &mut tell).await?;
        tell(Step::Settled(fate.clone()));
        Ok(fate)
    }

    /// Finds it out, and tells nobody.
    pub(super) async fn resolve(
        &self,
        ask: Ask,
        deadline: Instant,
        tell: &mut (impl FnMut(Step) + Send),
    ) -> Result<Fate> {
        // Who has ended the sessions that may still commit looks at what cannot change any more.
        let is_final = self.0.sql.is_some();
        let mut last =
            "[look] has neither business nor answer, and [write] has no again".to_owned();
        let likely = Instant::now() + STILL_COMING;
        loop {
            // Asking again may have left another one.
            if !self.end_sessions(ask.id, deadline).await {
                let why = "a session that may still commit could not be ended".to_owned();
                return Ok(Fate::Open { why });
            }
            // Each question has a deadline of its own. None is cut off: what it left open would be forgotten.
            match self.try_to_resolve(ask, &mut *tell).await? {
                Some(Found::Stored) => return Ok(Fate::Stored),
                Some(Found::Absent) if is_final || Instant::now() >= likely.min(deadline) => {
                    return Ok(Fate::Absent { is_final });
                }
                Some(Found::Absent) => last = "it was not there".to_owned(),
                Some(Found::Unsaid(why)) => last = why,
                None => return Ok(Fate::Open { why: last }),
            }
            if Instant::now() >= deadline {
                return Ok(Fate::Open { why: last });
            }
            sleep(ASK_AGAIN_AFTER).await;
        }
    }

    /// One try; none if there is nothing to try.
    async fn try_to_resolve(
        &self,
        ask: Ask,
        tell: &mut (impl FnMut(Step) + Send),
    ) -> Result<Option<Found>> {
        let inner = &*self.0;
        // Looking first: it changes nothing.
        if let Some(table) = &inner.look.business {
            let found = match stored::is_in(&inner.observer, table, ask.id, LOOK_WITHIN).await {
                Ok(true) => return Ok(Some(Found::Stored)),
                Ok(false) => Found::Absent,
                Err(error) => Found::Unsaid(Causes(&error).to_string()),
            };
            // What is not there yet may be on its way: asking again decides it where that is allowed.
            if inner.sql.is_some() || !inner.write.again {
                return Ok(Some(found));
            }
        }
        if inner.write.again && !ask.rollback {
            let found = match self.ask(ask, true, tell).await? {
                Answer::Accepted { .. } => Found::Stored,
                Answer::Refused { .. } => Found::Absent,
                open => Found::Unsaid(open.to_string()),
            };
            return Ok(Some(found));
        }
        let Some(request) = &inner.look.answer else {
            return Ok(None);
        };
        let api = self.api(ask.api);
        let values = inner
            .constants
            .with(ask.id, api.map(|api| api.url.as_str()));
        http::look(&inner.http, request, &values).await.map(Some)
    }

    /// Ends the sessions that may still commit an operation. True when none is left.
    async fn end_sessions(&self, id: Id, deadline: Instant) -> bool {
        let sessions = self.lost().get(&id).cloned().unwrap_or_default();
        for session in sessions {
            if !sql::end(&self.0.observer, &session, deadline).await {
                return false;
            }
        }
        self.lost().remove(&id);
        true
    }
}
