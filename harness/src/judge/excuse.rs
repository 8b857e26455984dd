//! What a target does not promise in a story, so that losing it is nobody's fault.

use std::time::Duration;

use crate::ask::fault::{Action, Fault, Harm, Refused, Role, Server, Target, meddling::Meddling};
use crate::ask::lasting::Lasting;
use crate::ask::scenario::Scenario;
use crate::ask::toxic::Toxic;
use crate::history::{Shows, Subject};
use crate::judge::basis::Unjudgeable;

/// What the target does not promise in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excuse {
    /// That no event is lost.
    Lost(&'static str),
    /// That none is given up. Where it is seen which were, no other may be lost.
    GivenUp(&'static str),
}

impl Excuse {
    /// Why losses cannot be judged; none if they can.
    pub fn hides_losses(self, shows: Shows) -> Option<&'static str> {
        match self {
            Self::GivenUp(_) if shows.given_up && !shows.rows_leave => None,
            Self::GivenUp(why) | Self::Lost(why) => Some(why),
        }
    }
}

/// What of this story is nobody's fault.
pub(super) fn of(subject: &Subject, scenario: &Scenario) -> Result<Option<Excuse>, Unjudgeable> {
    let faults = Fault::all(scenario).map_err(Unjudgeable::Fault)?;
    let unroutable = |fault: &Fault| fault.action.leaves_unroutable();
    if !subject.promises.keeps_unroutable && faults.iter().any(unroutable) {
        let why = "the target does not promise to keep what the broker routes nowhere";
        return Ok(Some(Excuse::Lost(why)));
    }
    if !subject.promises.persistent && faults.iter().any(restarts_the_broker) {
        let why = "the target does not promise that its messages outlive a restart of the broker";
        return Ok(Some(Excuse::Lost(why)));
    }
    let why = "the broker is away for longer than the target promises to keep its events";
    Ok(gives_up(subject, &faults).then_some(Excuse::GivenUp(why)))
}

/// Whether the broker is away for longer than the target promises to keep its events.
pub(crate) fn gives_up(subject: &Subject, faults: &[Fault]) -> bool {
    let Some(after_ms) = subject.promises.gives_up_after_ms else {
        return false;
    };
    let after = Duration::from_millis(after_ms);
    faults.iter().any(|fault| is_outage(fault, after))
}

/// Whether the broker forgets what it keeps in memory.
fn restarts_the_broker(fault: &Fault) -> bool {
    let ends = matches!(fault.action, Action::Kill | Action::Terminate);
    ends && fault.target == Target::Server(Server::RabbitMq)
}

/// Whether the broker is away from relays for so long.
fn is_outage(fault: &Fault, after: Duration) -> bool {
    let of_the_broker = match &fault.target {
        Target::Edge { from, to } => {
            from.role == Role::Relay && to.role == Role::Server(Server::RabbitMq)
        }
        Target::Server(server) => *server == Server::RabbitMq,
        Target::Process(_) => false,
    };
    of_the_broker
        && keeps_out(&fault.action)
        && match fault.lasting {
            Lasting::For(span) => span >= after,
            Lasting::Workload | Lasting::Ever => true,
        }
}

/// Whether nothing can be published meanwhile. What is only late or slow is published.
fn keeps_out(action: &Action) -> bool {
    match action {
        Action::Cut
        | Action::Kill
        | Action::Freeze
        | Action::Terminate
        | Action::Alarm(_)
        | Action::Meddle(Meddling::Revoke | Meddling::DeleteExchange | Meddling::DeleteQueue)
        | Action::Own(Harm::Refuse(Refused::Messages)) => true,
        Action::Toxics(toxics) => toxics
            .iter()
            .any(|(toxic, _)| !matches!(toxic, Toxic::Latency { .. } | Toxic::Bandwidth { .. })),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::target::Target;

    fn excused(fault: &str, change: impl FnOnce(&mut Subject)) -> bool {
        let text = format!(
            "story = 'told'\n[workload]\nkeys = 1\nwrites = '9/s for 9s'\n[[fault]]\n{fault}"
        );
        let scenario: Scenario = toml::from_str(&text).expect("a scenario");
        let mut subject = Subject::of(&Target::ours());
        change(&mut subject);
        of(&subject, &scenario).expect("faults").is_some()
    }

    #[test]
    fn what_is_not_promised_is_excused_where_the_story_is_about_it_and_nowhere_else() {
        let unbind = "process = 'rabbitmq'\ndo = 'unbind'\nat = '1s'\nfor = '1s'";
        let cut = |span: &str| {
            format!("edge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '1s'\nfor = '{span}'")
        };
        let drops = |subject: &mut Subject| subject.promises.keeps_unroutable = false;
        let gives_up = |subject: &mut Subject| subject.promises.gives_up_after_ms = Some(5_000);
        assert!(excused(unbind, drops));
        assert!(!excused(unbind, |_| ()));
        assert!(!excused(&cut("6s"), drops));
        assert!(excused(&cut("6s"), gives_up));
        assert!(!excused(&cut("4s"), gives_up));
        let transient = |subject: &mut Subject| subject.promises.persistent = false;
        let stop = "process = 'rabbitmq'\ndo = 'stop'\nat = '1s'\nfor = '1s'";
        assert!(excused(stop, transient));
        assert!(!excused(stop, |_| ()));
        assert!(!excused(&cut("6s"), transient), "nothing is forgotten");
        let late = "edge = 'relay -> rabbitmq'\ndo = 'latency 60ms'\nat = '0s'";
        assert!(!excused(late, gives_up), "what is late comes");
    }

    #[test]
    fn one_fault_that_it_is_about_is_enough() {
        let harmless = "[[fault]]\nedge = 'client -> api'\ndo = 'latency 60ms'\nat = '0s'";
        let beside = |fault: &str| format!("{fault}\n{harmless}");
        let unbind = beside("process = 'rabbitmq'\ndo = 'unbind'\nat = '1s'\nfor = '1s'");
        assert!(excused(&unbind, |subject| subject
            .promises
            .keeps_unroutable = false));
        let stop = beside("process = 'rabbitmq'\ndo = 'stop'\nat = '1s'\nfor = '1s'");
        assert!(excused(&stop, |subject| subject.promises.persistent = false));
        let cut = beside("edge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '1s'\nfor = '6s'");
        assert!(excused(&cut, |subject| subject
            .promises
            .gives_up_after_ms =
            Some(5_000)));
    }

    #[test]
    fn only_a_broker_that_restarts_forgets() {
        let transient = |subject: &mut Subject| subject.promises.persistent = false;
        let unbind = "process = 'rabbitmq'\ndo = 'unbind'\nat = '1s'\nfor = '1s'";
        assert!(!excused(unbind, transient));
        let relay = "process = 'relay'\ndo = 'kill'\nat = '1s'\nfor = '1s'";
        assert!(!excused(relay, transient));
    }

    #[test]
    fn an_outage_keeps_the_broker_from_relays_for_as_long_as_is_promised() {
        let edge = |edge: &str, action: &str, span: &str| {
            let fault = format!("edge = '{edge}'\ndo = '{action}'\nat = '1s'\nfor = '{span}'");
            excused(&fault, |subject| {
                subject.promises.gives_up_after_ms = Some(5_000)
            })
        };
        assert!(edge("relay -> rabbitmq", "cut", "5s"));
        assert!(!edge("relay -> rabbitmq", "cut", "4999ms"));
        assert!(edge("relay -> rabbitmq", "stall", "6s"));
        assert!(!edge("relay -> postgres", "cut", "6s"));
        assert!(!edge("consumer -> rabbitmq", "cut", "6s"));
        let process = |process: &str, action: &str| {
            let fault = format!("process = '{process}'\ndo = '{action}'\nat = '1s'\nfor = '6s'");
            excused(&fault, |subject| {
                subject.promises.gives_up_after_ms = Some(5_000)
            })
        };
        assert!(process("rabbitmq", "stop"));
        assert!(
            !process("rabbitmq", "unbind"),
            "what is routed nowhere is published"
        );
        assert!(!process("postgres", "kill"));
        assert!(!process("relay", "kill"));
    }
}
