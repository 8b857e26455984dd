//! What passes the taps enters the history: the trail of an operation from the request to its effect.

use std::sync::Arc;

use crate::{
    ask::{id::Run, wire},
    history::{Event, Recorder},
    wire::tap::{Audience, Passed},
};

/// As much of a message's text as is kept.
const SHOWN: usize = 160;

/// Somebody else who hears all that passes, while it passes: he must not be slow.
#[derive(Clone)]
pub struct Ear(Arc<dyn Fn(&Passed<'_>) + Send + Sync>);

impl Ear {
    /// Is told of each message.
    pub fn new(told: impl Fn(&Passed<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }
}

/// Somebody at the taps who writes down what passes.
pub(super) fn told(run: Run, recorder: &Recorder, ear: Option<Ear>) -> Audience {
    let recorder = recorder.clone();
    Audience {
        run,
        told: Arc::new(move |passed| {
            if let Some(Ear(told)) = &ear {
                told(passed);
            }
            if is_kept(passed) {
                recorder.record(entry(passed));
            }
        }),
    }
}

fn is_kept(passed: &Passed<'_>) -> bool {
    use wire::Event::{Blocked, Closed, Error, Nack, Ready, Reject, Return, Unblocked};
    let seen = passed.seen;
    // What `ready` says was said by the answer before it.
    let named = !seen.ids.is_empty() && seen.event != Ready;
    let wrong = matches!(
        seen.event,
        Blocked | Closed | Error | Nack | Reject | Return | Unblocked
    );
    named || wrong || passed.struck
}

fn entry(passed: &Passed<'_>) -> Event {
    let seen = passed.seen;
    let text: String = seen.text.split_whitespace().collect::<Vec<_>>().join(" ");
    Event::Passed {
        edge: passed.edge.to_owned(),
        by: passed.process.to_owned(),
        connection: passed.connection,
        what: seen.event.name().to_owned(),
        text: text.chars().take(SHOWN).collect(),
        ops: seen.ids.iter().map(|id| id.uuid()).collect(),
        struck: passed.struck,
    }
}
