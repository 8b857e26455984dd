//! What keeps a fault from being carried out on a target, and why.

use crate::ask::{
    fault::{
        self, Action, Fault, Party, Role, Server,
        meddling::{Hold, Meddling},
    },
    moment::{Moment, Quantity},
    target::{
        Target,
        outbox::Sent,
        process::{Edge, Plays},
        promise::Unroutable,
        witness::Witness,
    },
    wire::Watched,
};

/// What keeps a fault from being carried out.
pub(super) enum Obstacle {
    /// The story goes on without it.
    NoConsumer,
    /// The story is about it.
    Other(String),
}

pub(super) fn obstacle(fault: &Fault, target: &Target) -> Option<Obstacle> {
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

/// What the lab's own target keeps beside its outbox.
const OUR_TABLES: [&str; 2] = ["relay_lanes", "inbox"];

/// Why a statement never comes: it names a table that the target does not have.
fn of_our_tables(watched: &Watched, target: &Target) -> Option<String> {
    let pattern = watched.matching.as_ref()?;
    let outbox_of = |target: &Target| Some(target.outbox.as_ref()?.table.parts().1);
    let (ours, own) = (outbox_of(&Target::ours()), outbox_of(target));
    let ours = ours.as_deref().into_iter().chain(OUR_TABLES);
    let named = ours.into_iter().find(|table| pattern.names(table))?;
    let has = own.is_some_and(|own| own == named);
    (!has).then(|| format!("it waits for a statement on {named}, which the target does not have"))
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
