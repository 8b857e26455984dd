//! Clients of a target that a file describes: what happens to an operation, in the words of the history.

use anyhow::Result;
use tokio::time::Instant;

use crate::{
    ask::id::Id,
    history::{Asked, Content, Outcome, Purpose},
    run::{
        numbers::asked,
        oplog::OpLog,
        write::{Answer, Ask, Fate, Step, Writer},
    },
};

/// Who asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Described {
    writer: Writer,
    /// Whether somebody or something can be asked what became of an operation.
    can_be_asked: bool,
}

impl Described {
    /// Asks by this writer.
    pub fn new(writer: Writer, can_be_asked: bool) -> Self {
        Self {
            writer,
            can_be_asked,
        }
    }

    /// Asks for an operation, when its turn has come, which is drawn by this call. Says whether nobody knows what became of
    /// it.
    pub fn perform(
        &self,
        ask: Ask,
        purpose: Purpose,
        log: OpLog,
    ) -> impl Future<Output = Result<bool>> + Send + use<> {
        let mut noted = Noted::of(ask.id, purpose, log);
        let written = self.writer.write(ask, move |step| noted.take(step));
        async move {
            let (answer, fate) = written.await?;
            Ok(answer.is_open() && !fate.is_some_and(|fate| is_known(&fate)))
        }
    }

    /// Finds out what became of an operation. Of a target of which nobody can ask that, nothing is waited for.
    pub async fn settle(&self, ask: Ask, log: OpLog, deadline: Instant) -> Result<bool> {
        if !self.can_be_asked {
            return Ok(true);
        }
        let mut noted = Noted::of(ask.id, Purpose::Inquiry, log);
        let fate = self
            .writer
            .settle(ask, deadline, move |step| noted.take(step))
            .await?;
        Ok(is_known(&fate))
    }
}

fn is_known(fate: &Fate) -> bool {
    !matches!(fate, Fate::Open { .. })
}

/// Notes the steps of one operation.
pub(super) struct Noted {
    asked: Asked,
    purpose: Purpose,
    log: OpLog,
    open: Option<u64>,
}

impl Noted {
    pub fn of(id: Id, purpose: Purpose, log: OpLog) -> Self {
        Self {
            asked: asked(id),
            purpose,
            log,
            open: None,
        }
    }

    /// Whether these are the steps of this operation.
    pub fn is_of(&self, id: Id) -> bool {
        self.asked.id == id.uuid()
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Asked { via, inquiry } => {
                let purpose = match inquiry {
                    true => Purpose::Inquiry,
                    false => self.purpose,
                };
                self.open = Some(self.log.invoked(&self.asked, &via, purpose));
            }
            Step::Answered(answer) => {
                if let Some(op) = self.open.take() {
                    self.log.completed(op, &self.asked, outcome(answer));
                }
            }
            Step::Settled(fate) => {
                let Some(outcome) = settled(fate) else { return };
                let op = self.log.invoked(&self.asked, "look", Purpose::Inquiry);
                self.log.completed(op, &self.asked, outcome);
            }
        }
    }
}

fn outcome(answer: Answer) -> Outcome {
    match answer {
        Answer::Accepted { said } => Outcome::Accepted {
            status: status(&said),
            n: None,
            content: Content::new(),
        },
        Answer::Refused { said } => Outcome::Refused {
            status: status(&said),
            code: said,
        },
        Answer::Unknown { said, reason } => Outcome::Unknown {
            status: said.as_deref().and_then(status),
            reason,
        },
        Answer::Nonsense { said, reason } => Outcome::Nonsense {
            status: status(&said),
            reason,
        },
    }
}

/// What was found out beside the answers. What is not there and may still come is nothing that one could hold on to.
fn settled(fate: Fate) -> Option<Outcome> {
    match fate {
        Fate::Stored => Some(Outcome::Accepted {
            status: None,
            n: None,
            content: Content::new(),
        }),
        Fate::Absent { is_final: true } => Some(Outcome::Refused {
            status: None,
            code: "it is not there, and nobody is left who could still do it".to_owned(),
        }),
        Fate::Absent { is_final: false } | Fate::Open { .. } => None,
    }
}

/// The status that an HTTP answer begins with.
fn status(said: &str) -> Option<u16> {
    said.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_over_http_has_its_status_and_a_transaction_has_none() {
        assert_eq!(status("201 Created"), Some(201));
        assert_eq!(status("COMMIT"), None);
    }

    #[test]
    fn what_may_still_come_is_no_refusal() {
        assert_eq!(settled(Fate::Absent { is_final: false }), None);
        let why = "nobody to ask".to_owned();
        assert_eq!(settled(Fate::Open { why }), None);
        assert!(matches!(
            settled(Fate::Absent { is_final: true }),
            Some(Outcome::Refused { .. })
        ));
    }
}
