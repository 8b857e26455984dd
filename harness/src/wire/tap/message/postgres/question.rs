//! What a client has asked and the server has not answered yet. Answers come in the order of the questions.

use std::collections::VecDeque;

use crate::ask::id::Id;

/// More than these at once nobody has under way; the oldest are forgotten.
const MOST: usize = 4096;

/// Something that is answered.
pub(super) enum Question {
    Statement {
        /// A simple query: it may be answered several times, and ends with ReadyForQuery.
        simple: bool,
        commit: bool,
        text: String,
        ids: Vec<Id>,
    },
    /// Answered by ReadyForQuery; what has failed is passed over until here.
    Sync,
}

/// What was asked.
#[derive(Default)]
pub(super) struct Asked {
    pub commit: bool,
    pub text: String,
    pub ids: Vec<Id>,
}

#[derive(Default)]
pub(super) struct Questions {
    open: VecDeque<Question>,
    /// What the next ReadyForQuery stands behind.
    last: Asked,
}

impl Questions {
    pub fn push(&mut self, question: Question) {
        if self.open.len() == MOST {
            self.open.pop_front();
        }
        self.open.push_back(question);
    }

    /// A statement is done.
    pub fn done(&mut self) -> Option<Asked> {
        let Some(Question::Statement { simple, .. }) = self.open.front() else {
            return None;
        };
        let asked = match *simple {
            true => self.first(),
            false => self.take(),
        };
        self.last = Asked {
            commit: asked.commit,
            text: asked.text.clone(),
            ids: asked.ids.clone(),
        };
        Some(asked)
    }

    /// A statement has failed. It stays the first until ReadyForQuery takes it away.
    pub fn failed(&mut self) -> Asked {
        self.first()
    }

    /// The server has passed over whatever had failed.
    pub fn ready(&mut self) -> Asked {
        while let Some(question) = self.open.pop_front() {
            match question {
                Question::Sync => break,
                Question::Statement {
                    simple: true,
                    commit,
                    text,
                    ids,
                } => {
                    self.last = Asked { commit, text, ids };
                    break;
                }
                Question::Statement { .. } => {}
            }
        }
        std::mem::take(&mut self.last)
    }

    fn first(&self) -> Asked {
        match self.open.front() {
            Some(Question::Statement {
                commit, text, ids, ..
            }) => Asked {
                commit: *commit,
                text: text.clone(),
                ids: ids.clone(),
            },
            _ => Asked::default(),
        }
    }

    fn take(&mut self) -> Asked {
        match self.open.pop_front() {
            Some(Question::Statement {
                commit, text, ids, ..
            }) => Asked { commit, text, ids },
            _ => Asked::default(),
        }
    }
}
