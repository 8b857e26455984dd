//! The warm-up: what is written is heard, before anything is broken. That a target says it is ready does not say that it is;
//! a message that arrives does, and so does that the file tells where to write and where to listen.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep_until};

use crate::{
    ask::id::Id,
    run::{
        heard::Listeners,
        write::{Answer, Ask, Step, Writer},
    },
};

/// So long after one was accepted and not heard, another is written: a target may declare its exchange with its first
/// message, and that one nobody hears.
pub(super) const ANOTHER_AFTER: Duration = Duration::from_secs(5);
/// So long after one was not accepted, another is written: a target may take requests before it can do them.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Refused so often, it will be refused for ever.
pub(super) const REFUSALS: usize = 5;

/// What a warm-up came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warm {
    /// What was written, and how each was answered: messages of all of them may come.
    pub written: Vec<(Id, Answer)>,
    /// Which of them was heard first.
    pub heard: Id,
    /// How long it took from its own write.
    pub took: Duration,
}

/// Writes operations, each from `next`, until one is heard. `tell` is told each step.
///
/// # Errors
/// When none is heard `within`; the error says what was written, what was answered, and what came meanwhile.
pub async fn warm_up(
    writer: &Writer,
    listeners: &Listeners,
    mut next: impl FnMut() -> Id,
    within: Duration,
    mut tell: impl FnMut(Id, Step) + Send,
) -> Result<Warm> {
    let deadline = Instant::now() + within;
    let mut written: Vec<(Id, Answer)> = Vec::new();
    let mut began = Vec::new();
    loop {
        let id = next();
        began.push((id, Instant::now()));
        let (answer, _) = writer.write(Ask::of(id), |step| tell(id, step)).await?;
        let patience = match &answer {
            Answer::Accepted { .. } => ANOTHER_AFTER,
            _ => AGAIN_AFTER,
        };
        written.push((id, answer));
        let until = (Instant::now() + patience).min(deadline);
        let ids: Vec<Id> = written.iter().map(|(id, _)| *id).collect();
        if let Some(heard) = listeners.any_of(&ids, until).await {
            let asked = began.iter().find(|(id, _)| *id == heard);
            let took = asked.map(|(_, at)| at.elapsed()).unwrap_or_default();
            return Ok(Warm {
                written,
                heard,
                took,
            });
        }
        let refused = written
            .iter()
            .filter(|(_, answer)| matches!(answer, Answer::Refused { .. }));
        if refused.count() >= REFUSALS || Instant::now() >= deadline {
            bail!(not_heard(&written, &listeners.told(), within));
        }
        sleep_until(until).await;
    }
}

/// What is said to whoever hears nothing.
pub(super) fn not_heard(written: &[(Id, Answer)], told: &str, within: Duration) -> String {
    let accepted = |answer: &Answer| matches!(answer, Answer::Accepted { .. });
    let shown = written
        .iter()
        .map(|(id, answer)| format!("{}: {answer}", id.uuid()));
    let shown: Vec<String> = shown.collect();
    let advice = match written.iter().any(|(_, answer)| accepted(answer)) {
        false => "Nothing was accepted: is [write] what the target takes? Its log may say more",
        true => {
            "It was accepted and its id came nowhere: does the target publish, to where [witness] listens, and does {{id}} get into the message?"
        }
    };
    format!(
        "the warm-up was not heard within {within:?}. Written: {}. Heard: {told}. {advice}",
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::id::Run;

    #[test]
    fn who_hears_nothing_is_told_what_was_written_and_answered_and_came_instead() {
        let id = Id {
            run: Run::of(1),
            key: 0,
            number: 1,
        };
        let accepted = Answer::Accepted {
            said: "201 Created".to_owned(),
        };
        let said = not_heard(
            &[(id, accepted)],
            "at queue q: nothing came",
            Duration::from_secs(60),
        );
        assert!(
            said.contains(&format!("{}: accepted (201 Created)", id.uuid())),
            "{said}"
        );
        assert!(
            said.contains("Heard: at queue q: nothing came. It was accepted"),
            "{said}"
        );
        let refused = Answer::Refused {
            said: "404 Not Found".to_owned(),
        };
        let said = not_heard(
            &[(id, refused)],
            "at queue q: nothing came",
            Duration::from_secs(60),
        );
        assert!(said.contains("Nothing was accepted"), "{said}");
    }
}
