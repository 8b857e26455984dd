//! Processes end when a fault asks them to, and only then, and none of their threads does by a panic; none holds more and more; and the
//! lab itself holds.

pub(crate) mod growth;

use crate::history::{Event, History};
use crate::judge::basis::Unjudgeable;
use crate::judge::inquiry::Inquiry;
use crate::judge::verdict::{Finding, Verdict};

pub(super) fn check(history: &History) -> Result<Finding, Unjudgeable> {
    let mut inquiry = Inquiry::new("survival");
    for event in history.events() {
        match event {
            Event::Died { process, status } => {
                inquiry.fail(
                    "processes that died, or did not end as they were asked to",
                    format!("{process}: {status}"),
                );
            }
            Event::Panicked { process, said } => {
                inquiry.fail("threads that panicked", format!("{process}: {said}"));
            }
            Event::LabError { message } => {
                inquiry.object(
                    Verdict::Error,
                    "errors of the lab",
                    format!("the lab failed: {message}"),
                );
            }
            _ => {}
        }
    }
    let (grown, judged) = growth::found(history);
    inquiry.count("lives watched for growth", judged);
    for growth in grown {
        inquiry.fail("processes that hold more and more", growth);
    }
    if history.entries().is_empty() {
        inquiry.object(
            Verdict::Error,
            "empty histories",
            "the history is empty".to_owned(),
        );
    }
    Ok(inquiry.conclude_with("every process ended when it was asked to, and as it was".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::proof::story::{Story, verdict};

    fn died() -> Event {
        Event::Died {
            process: "relay 2".to_owned(),
            status: "signal 11, and nobody had asked it to end".to_owned(),
        }
    }

    #[test]
    fn a_process_that_died_unasked_fails_the_run() {
        let mut story = Story::clean();
        assert_eq!(verdict(check, &story), Verdict::Pass);
        story.push_before_end(died());
        assert_eq!(verdict(check, &story), Verdict::Fail);
        assert_eq!(
            check(&story.history()).expect("a finding").reason,
            "relay 2: signal 11, and nobody had asked it to end"
        );
    }

    #[test]
    fn a_thread_that_panicked_fails_the_run_though_its_process_lives() {
        let mut story = Story::clean();
        story.push_before_end(Event::Panicked {
            process: "consumer 1".to_owned(),
            said: "thread 'io-loop' panicked at src/lib.rs:9: no descriptor".to_owned(),
        });
        let finding = check(&story.history()).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.reason.contains("panicked at src/lib.rs:9"));
    }

    #[test]
    fn an_error_of_the_lab_outranks_it_and_hides_nothing() {
        let mut story = Story::clean();
        story.push_before_end(died());
        let message = "no free port".to_owned();
        story.push_before_end(Event::LabError { message });
        let finding = check(&story.history()).expect("a finding");
        assert_eq!(finding.verdict, Verdict::Error);
        assert_eq!(finding.examples.len(), 2);
    }
}
