//! What a target does not promise in a story, so that losing it is nobody's fault.

use std::time::Duration;

use crate::ask::fault::{Action, Fault, Role, Server, Target};
use crate::ask::lasting::Lasting;
use crate::ask::scenario::Scenario;
use crate::history::Subject;
use crate::judge::basis::Unjudgeable;

/// Why events of this story may be lost; none if they may not.
pub(super) fn of(
    subject: &Subject,
    scenario: &Scenario,
) -> Result<Option<&'static str>, Unjudgeable> {
    let faults = Fault::all(scenario).map_err(Unjudgeable::Fault)?;
    let unroutable = |fault: &Fault| fault.action == Action::Unbind;
    if !subject.promises.keeps_unroutable && faults.iter().any(unroutable) {
        return Ok(Some(
            "the target does not promise to keep what the broker routes nowhere",
        ));
    }
    let Some(after_ms) = subject.promises.gives_up_after_ms else {
        return Ok(None);
    };
    let too_long = |fault: &Fault| is_outage(fault, Duration::from_millis(after_ms));
    Ok(faults
        .iter()
        .any(too_long)
        .then_some("the broker is away for longer than the target promises to keep its events"))
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
        && match fault.lasting {
            Lasting::For(span) => span >= after,
            Lasting::Workload | Lasting::Ever => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excused(fault: &str, change: impl FnOnce(&mut Subject)) -> bool {
        let text = format!(
            "story = 'told'\n[workload]\nkeys = 1\nwrites = '9/s for 9s'\n[[fault]]\n{fault}"
        );
        let scenario: Scenario = toml::from_str(&text).expect("a scenario");
        let mut subject = Subject::auction();
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
    }
}
