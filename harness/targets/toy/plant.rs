//! The mistakes that can be planted, each of which some outbox has made.

use super::table::Form;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Plant {
    /// Rows are marked, and then published.
    MarksFirst,
    /// Nobody asks the broker whether it has a message.
    NoConfirms,
    /// The id that consumers tell copies by is another one with each attempt.
    NewIdPerAttempt,
    /// Messages do not outlive the broker.
    Transient,
    /// The broker is dialled where it really is, whatever the address says.
    AroundTheEdge,
    /// It says that it is ready, and then takes half a minute.
    ReadyTooEarly,
    /// The cursor is in a file of its folder; without the file it begins with what comes next.
    LosesItsState,
    /// The order is that of the writers' clocks.
    ByTimestamp,
    /// What could not be published three times is given up.
    GivesUp,
    /// Whatever the inbox says, a redelivery takes effect again.
    EffectsTwice,
}

impl Plant {
    /// Why a relay of this form cannot make it.
    pub fn unfit_for(self, form: Form) -> Option<&'static str> {
        match (self, form) {
            (Self::EffectsTwice, _) => Some("effects-twice is a consumer's plant"),
            (Self::LosesItsState, Form::Status | Form::Delete) => Some(
                "loses-its-state is a plant of the cursor, which alone is a state of the relay's",
            ),
            (Self::ByTimestamp, Form::Cursor) => Some(
                "by-timestamp is a plant of status and delete; the cursor is a place in the sequence",
            ),
            _ => None,
        }
    }
}
