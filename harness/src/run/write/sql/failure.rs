//! What a failure says of a transaction, by how far it had come.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::Transaction;
use crate::{
    ask::id::{Id, Run},
    run::{about::About, write::answer::Answer},
};

/// How far a transaction had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Beginning,
    Writing,
    RollingBack,
    Committing,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server says so.
    Said {
        ends_the_session: bool,
        code: String,
        text: String,
    },
    /// Nobody says anything any more.
    Lost(String),
}

impl Failure {
    pub fn of(error: &sqlx::Error) -> Self {
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

    pub fn leaves_the_session(&self) -> bool {
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

/// What is known of a transaction that failed.
pub(super) fn meaning(stage: Stage, failure: &Failure, wanted: Transaction<'_>) -> Answer {
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
