//! Stories and targets: which a target can be put through, what is left out of one then, and why not of the others.

mod stretched;

use crate::{
    ask::{
        fault::{
            self, Action, BadFault, Fault, Party, Role, Server,
            meddling::{Hold, Meddling},
        },
        moment::{Moment, Quantity},
        scenario::Scenario,
        target::{
            Target,
            outbox::Sent,
            process::{Edge, Plays},
            promise::Unroutable,
            witness::Witness,
        },
        wire::Watched,
    },
    history::Subject,
    judge::{excuse, facts},
};

/// What becomes of a story.
#[derive(Debug, Clone, PartialEq)]
pub enum Fit {
    /// It is run, without what the target does not have.
    Run {
        /// What is left of it.
        scenario: Box<Scenario>,
        /// What is not, a sentence each.
        left_out: Vec<String>,
    },
    /// It cannot be run, and why.
    Not(String),
}

/// Fits a story to a target.
pub fn fit(scenario: &Scenario, target: &Target) -> Result<Fit, BadFault> {
    let faults = Fault::all(scenario)?;
    let why = workload(scenario, target)
        .or_else(|| processes(scenario, target))
        .or_else(|| breaks_no_way(&faults, target));
    if let Some(why) = why {
        return Ok(Fit::Not(why));
    }
    let mut fitted = scenario.clone();
    let mut left_out = Vec::new();
    fitted.faults.clear();
    for (written, fault) in scenario.faults.iter().zip(&faults) {
        match obstacle(fault, target) {
            None => fitted.faults.push(written.clone()),
            Some(Obstacle::NoConsumer) => {
                left_out.push("what happens to the consumer: no process plays it".to_owned());
            }
            Some(Obstacle::Other(why)) => return Ok(Fit::Not(why)),
        }
    }
    if fitted.faults.is_empty() {
        return Ok(Fit::Not(match scenario.faults.is_empty() {
            true => {
                "nothing breaks in it: it is about what the lab's own target promises".to_owned()
            }
            false => "it is about the consumer, and no process plays it".to_owned(),
        }));
    }
    fitted.system.consumers = match target.has(Plays::Consumer) {
        true => scenario.system.consumers,
        false => 0,
    };
    conditions(&mut fitted, scenario, target, &mut left_out);
    if let Some(rests) = target.pace.rests
        && let Some(times) = stretched::stretch(&mut fitted, &faults, rests.get())
    {
        left_out.push(format!(
            "its own pace: all of it takes {times} times as long, for the target rests"
        ));
    }
    if excuse::gives_up(&Subject::of(target), &faults)
        && fitted.expect.facts.remove("events_failed").is_some()
    {
        let why = "[expect] events_failed: [promise] outage allows for events that are given up";
        left_out.push(why.to_owned());
    }
    left_out.dedup();
    let scenario = Box::new(fitted);
    Ok(Fit::Run { scenario, left_out })
}

/// Why a target cannot be put through what a story does; none if it can, with or without what the target does not have beside.
pub fn obstacle_of(scenario: &Scenario, target: &Target) -> Result<Option<String>, BadFault> {
    let faults = Fault::all(scenario)?;
    let no_way = breaks_no_way(&faults, target);
    if target.is_ours() {
        return Ok(no_way);
    }
    let of_faults = || {
        let obstacles = faults.iter().filter_map(|fault| obstacle(fault, target));
        let mut told = obstacles.map(|obstacle| match obstacle {
            Obstacle::NoConsumer => "it is about the consumer, and no process plays it".to_owned(),
            Obstacle::Other(why) => why,
        });
        told.next()
    };
    let why = workload(scenario, target).or_else(|| processes(scenario, target));
    Ok(why.or(no_way).or_else(of_faults))
}

/// Why a story cannot be run where clients have no way to the database of their own; none if it does not break that way, or
/// they have it.
pub fn breaks_no_way(faults: &[Fault], target: &Target) -> Option<String> {
    let of_clients = |fault: &Fault| match &fault.target {
        fault::Target::Edge { from, to } => {
            from.role == Role::Client && to.role == Role::Server(Server::Postgres)
        }
        fault::Target::Process(_) | fault::Target::Server(_) => false,
    };
    let why = "it breaks the edge client -> postgres, and only where [write] is sql do clients write to the database themselves";
    (target.write.is_http() && faults.iter().any(of_clients)).then(|| why.to_owned())
}

/// What in the workload the target does not have.
fn workload(scenario: &Scenario, target: &Target) -> Option<String> {
    let workload = &scenario.workload;
    if !scenario.own.is_nothing() {
        return Some("its clients ask for what only the lab's own target has".to_owned());
    }
    if (workload.copies > 1 || workload.again > 0) && !target.write.again {
        let why = "it asks for each operation several times, and [write] does not say again = true";
        return Some(why.to_owned());
    }
    None
}

/// What must be there for its roles, and several of it.
fn processes(scenario: &Scenario, target: &Target) -> Option<String> {
    let system = &scenario.system;
    let wanted = [
        (Plays::Api, system.apis),
        (Plays::Relay, system.relays),
        (Plays::Consumer, system.consumers),
    ];
    wanted.into_iter().find_map(|(role, wanted)| {
        let most = target.processes.iter().filter(|process| process.is(role));
        let most = most.map(|process| process.most).max()?;
        let name = role.name();
        (wanted > most)
            .then(|| format!("it needs {wanted} of {name}, and the file's most allows {most}"))
    })
}

/// What keeps a fault from being carried out.
enum Obstacle {
    /// The story goes on without it.
    NoConsumer,
    /// The story is about it.
    Other(String),
}

fn obstacle(fault: &Fault, target: &Target) -> Option<Obstacle> {
    let other = |why: &str| Some(Obstacle::Other(why.to_owned()));
    let of_ours = "it breaks what only the lab's own target has";
    match &fault.action {
        Action::Own(_) => return other(of_ours),
        _ if fault.action.leaves_unroutable() && !hears_exchange(target) => {
            return other(
                "it takes an exchange's bindings away, and the target publishes to a queue alone",
            );
        }
        _ if fault.action.leaves_unroutable()
            && target.promise.unroutable == Unroutable::Dropped =>
        {
            return other(
                "it counts what the broker returns, and the target promises nothing of what is routed nowhere",
            );
        }
        Action::Meddle(Meddling::Republish) if !hears_exchange(target) => {
            return other(
                "it publishes again on an exchange, and the target publishes to a queue alone",
            );
        }
        Action::Meddle(Meddling::Hold(Hold::Outbox)) if target.outbox.is_none() => {
            return other("it locks the outbox, and there is no [outbox]");
        }
        _ => {}
    }
    let parties = match &fault.target {
        fault::Target::Edge { from, to } => vec![*from, *to],
        fault::Target::Process(party) => vec![*party],
        fault::Target::Server(_) => Vec::new(),
    };
    if let Some(missing) = parties.iter().find_map(|party| missing(*party, target)) {
        return Some(missing);
    }
    if let fault::Target::Edge { from, to } = &fault.target
        && let Some(why) = no_edge(*from, *to, target)
    {
        return Some(Obstacle::Other(why));
    }
    match &fault.moment {
        Moment::When(_, quantity) => uncounted(*quantity, target).and_then(other),
        Moment::Message(watched) => unseen(watched, target),
        Moment::At(_) => None,
    }
}

fn hears_exchange(target: &Target) -> bool {
    let exchange = |witness: &Witness| matches!(witness, Witness::Exchange { .. });
    target.witnesses.iter().any(exchange)
}

fn plays(role: Role) -> Option<Plays> {
    match role {
        Role::Api => Some(Plays::Api),
        Role::Relay => Some(Plays::Relay),
        Role::Consumer => Some(Plays::Consumer),
        Role::Client | Role::Server(_) => None,
    }
}

fn missing(party: Party, target: &Target) -> Option<Obstacle> {
    let role = plays(party.role)?;
    match role {
        _ if target.has(role) => None,
        Plays::Consumer => Some(Obstacle::NoConsumer),
        role => Some(Obstacle::Other(format!(
            "it breaks the {}, and no process plays it",
            role.name()
        ))),
    }
}

fn no_edge(from: Party, to: Party, target: &Target) -> Option<String> {
    let (Some(role), Role::Server(server)) = (plays(from.role), to.role) else {
        return None;
    };
    let speaks = |edge: &Edge| match server {
        Server::Postgres => *edge == Edge::Postgres,
        Server::RabbitMq => matches!(edge, Edge::Rabbitmq | Edge::Stomp),
    };
    let any = target
        .processes
        .iter()
        .any(|process| process.is(role) && process.edges.iter().any(speaks));
    (!any).then(|| {
        format!(
            "it breaks the edge {} -> {}, which the target does not have",
            from.role.name(),
            to.role.name()
        )
    })
}

/// Why a message never passes there.
fn unseen(watched: &Watched, target: &Target) -> Option<Obstacle> {
    let parties = [watched.from, watched.to];
    if let Some(missing) = parties.iter().find_map(|party| missing(*party, target)) {
        return Some(missing);
    }
    let why = no_edge(watched.from, watched.to, target)
        .map(|why| why.replacen("breaks", "watches", 1))
        .or_else(|| unread(watched, target))
        .or_else(|| of_our_tables(watched, target))?;
    Some(Obstacle::Other(why))
}

/// Why the lab cannot tell the messages there.
fn unread(watched: &Watched, target: &Target) -> Option<String> {
    let (Some(role), Role::Server(Server::RabbitMq)) = (plays(watched.from.role), watched.to.role)
    else {
        return None;
    };
    let mut of_role = target.processes.iter().filter(|process| process.is(role));
    let amqp = of_role.any(|process| process.edges.contains(&Edge::Rabbitmq));
    (!amqp).then(|| {
        format!(
            "it waits for a message of AMQP, and the {} speaks STOMP, which the lab does not read",
            role.name()
        )
    })
}

/// What the lab's own target calls its tables.
const OUR_TABLES: [&str; 3] = ["outbox_events", "relay_lanes", "inbox"];

/// Why a statement never comes: it names a table that the target does not have.
fn of_our_tables(watched: &Watched, target: &Target) -> Option<String> {
    let pattern = watched.matching.as_ref()?;
    let own = target
        .outbox
        .as_ref()
        .map(|outbox| outbox.table.to_string());
    let names = |table: &&&str| pattern.names(table);
    let ours = OUR_TABLES.iter().find(names)?;
    let has = own.is_some_and(|own| own.contains(*ours));
    (!has).then(|| format!("it waits for a statement on {ours}, which the target does not have"))
}

/// What cannot be counted while a run goes on.
fn uncounted(quantity: Quantity, target: &Target) -> Option<&'static str> {
    let outbox = target.outbox.as_ref();
    let (counted, why) = match quantity {
        Quantity::Delivered => (true, ""),
        Quantity::Stored => (
            target.look.business.is_some(),
            "it waits for operations to be stored, and [look] has no business",
        ),
        Quantity::Waiting => (
            outbox.is_some(),
            "it waits for events to wait, and there is no [outbox]",
        ),
        Quantity::Held => (
            outbox.is_some_and(|outbox| outbox.held.is_some()),
            "it waits for events to be held, and [outbox] has no held",
        ),
        Quantity::Sent => (
            outbox.is_some_and(|outbox| !matches!(outbox.sent, Sent::Unsaid | Sent::Gone)),
            "it waits for events to be sent, and [outbox] has no condition for that",
        ),
        Quantity::Applied => (
            target.effects.is_some(),
            "it waits for effects, and there is no [effects]",
        ),
    };
    (!counted).then_some(why)
}

/// Of what a story asks for beside the invariants, what is the lab's own target's is left out; the budget is the target's
/// own, where that is longer.
fn conditions(
    fitted: &mut Scenario,
    scenario: &Scenario,
    target: &Target,
    left_out: &mut Vec<String>,
) {
    let shown = |fact: &str| facts::shown_by(fact, target);
    for fact in scenario.bites.keys().filter(|fact| !shown(fact)) {
        fitted.bites.remove(fact);
        left_out.push(format!("[bites] {fact}: the target does not show it"));
    }
    for (fact, condition) in &mut fitted.bites {
        if fact.starts_with("fault_")
            && let Some(once) = condition.once_at_least()
        {
            let asked = String::from(*condition);
            left_out.push(format!(
                "[bites] {fact} {asked}: once is enough, for it may have fewer connections and comes back at its own pace"
            ));
            *condition = once;
        }
    }
    for fact in scenario.expect.facts.keys() {
        let promised = fact == "events_failed" && shown(fact);
        if !promised {
            fitted.expect.facts.remove(fact);
            left_out.push(format!("[expect] {fact}: expected of the lab's own target"));
        }
    }
    if !scenario.system.settings.is_empty() {
        fitted.system.settings.clear();
        let names: Vec<&str> = scenario
            .system
            .settings
            .keys()
            .map(String::as_str)
            .collect();
        left_out.push(format!(
            "settings of the lab's own target: {}",
            names.join(", ")
        ));
    }
    let own = target.pace.recovers_within.get();
    let asked = humantime::parse_duration(&scenario.expect.recovered_within);
    if asked.is_ok_and(|asked| asked < own) {
        fitted.expect.recovered_within = humantime::format_duration(own).to_string();
    }
}

#[cfg(test)]
mod tests;
