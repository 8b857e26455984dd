//! What a reader of a verdict should know of a target, though nothing of it is wrong.

use super::{
    Target,
    outbox::Sent,
    placeholder::Placeholder,
    process::{Plays, Port, Process, Program, Ready},
    promise::Order,
    witness::Witness,
    write::Serial,
};

/// Each in a sentence.
pub fn remarks(target: &Target) -> Vec<String> {
    let mut all: Vec<String> = target.processes.iter().flat_map(of_process).collect();
    let written = target.write.placeholders();
    if written.contains(&&Placeholder::Number)
        && !written
            .iter()
            .any(|open| matches!(open, Placeholder::Id | Placeholder::Token))
    {
        all.push("{{number}} is found as decimal digits only; whoever keeps it as a double changes it, and then everything counts as lost".to_owned());
    }
    if target.promise.order == Order::Key && target.write.serial == Serial::Key {
        all.push("writes of a key wait for each other, which hides races between transactions that overlap; write serial = \"none\" to try those as well".to_owned());
    }
    if target.message.id.is_none() {
        all.push("ids are searched for everywhere in a message, also in a header that only traces; [message] id = \"…\" makes it strict".to_owned());
    }
    if target
        .witnesses
        .iter()
        .any(|witness| matches!(witness, Witness::Queue(_)))
    {
        all.push(
            "the lab is the queue's only reader: to make messages unroutable, it deletes the queue"
                .to_owned(),
        );
    }
    if target
        .outbox
        .as_ref()
        .is_some_and(|outbox| outbox.sent == Sent::Gone)
    {
        all.push("a row that expires or is purged looks sent; [outbox] where = \"…\" leaves out what may".to_owned());
    }
    if target.has(Plays::Api) && !target.write.is_http() {
        all.push("[write] is sql: nobody asks the API anything".to_owned());
    }
    all
}

fn of_process(process: &Process) -> Vec<String> {
    let name = &process.name;
    let mut all = Vec::new();
    if process.edges.is_empty() {
        all.push(format!("{name} has no edge, and is never disturbed"));
    }
    if process.plays.len() > 1 {
        let roles: Vec<&str> = process.plays.iter().map(|role| role.name()).collect();
        all.push(format!(
            "{name} plays {}: a fault on one of them hits all",
            roles.join(" and ")
        ));
    }
    if let Program::Command(command) = &process.program
        && let Some(launcher) = command.launcher()
    {
        all.push(format!(
            "{name} is started by {launcher}: what asks it to stop may go no further; name the program itself if it can be named"
        ));
    }
    if let Ready::Tcp(Port::Fixed(port)) = process.ready {
        all.push(format!(
            "{name} takes port {port}: its runs cannot go side by side"
        ));
    }
    all
}
