//! What parts of a target say of each other and cannot both mean.

use super::{
    Target,
    exchange::Kind,
    mistake::Mistake,
    need::Need,
    placeholder::Placeholder,
    process::{Edge, Plays, Ready},
    promise::Order,
    witness::Witness,
};

/// Refuses what could not run, and what would convict or acquit for the wrong reason.
pub(super) fn check(target: &Target) -> Result<(), Mistake> {
    processes(target)?;
    requests(target)?;
    witnesses(target)?;
    plugins(target)?;
    if target.effects.is_some() && !target.has(Plays::Consumer) {
        let problem = "effects, and no process that makes them: add \"consumer\" to its plays, or leave [effects] out";
        return Err(Mistake::at("effects", problem));
    }
    let keyed = target.write.placeholders().contains(&&Placeholder::Key);
    if target.promise.order == Order::Key && !keyed {
        let problem = "events of one key are promised in order (the default), and nothing here says {{key}}, so that the target cannot know what belongs together: put {{key}} where it takes its order from, or write promise = { order = \"none\" }";
        return Err(Mistake::at("write", problem));
    }
    Ok(())
}

fn processes(target: &Target) -> Result<(), Mistake> {
    let all = &target.processes;
    for (at, process) in all.iter().enumerate() {
        if all[..at].iter().any(|before| before.name == process.name) {
            let problem = format!(
                "a second process {:?}; give it another name, or write count = 2 if it is the same",
                process.name
            );
            return Err(Mistake::at(format!("process.{at}.name"), problem));
        }
    }
    if !target.has(Plays::Relay) {
        let problem = "no process publishes: add \"relay\" to the plays of the one that does, also where it does other things, too";
        return Err(Mistake::at("process", problem));
    }
    Ok(())
}

/// Requests go to whoever plays the API, on the port that it was given.
fn requests(target: &Target) -> Result<(), Mistake> {
    let answer = target.look.answer.as_ref();
    let by = match (target.write.is_http(), answer) {
        (true, _) => "write.http",
        (false, Some(_)) => "look.answer",
        (false, None) => return Ok(()),
    };
    if !target.has(Plays::Api) {
        let problem =
            "{{api}} is nobody: add \"api\" to the plays of the process that takes requests";
        return Err(Mistake::at(by, problem));
    }
    let deaf = |process: &super::Process| process.is(Plays::Api) && !process.takes_requests();
    if let Some(at) = target.processes.iter().position(deaf) {
        let name = &target.processes[at].name;
        let problem = format!(
            "{name} takes requests and is never told where: put {{{{port.http}}}} into its env, run or files"
        );
        return Err(Mistake::at(format!("process.{at}"), problem));
    }
    let written = target.write.placeholders();
    let asked = answer
        .into_iter()
        .flat_map(|answer| answer.url.placeholders());
    if let Some(unknown) = asked
        .filter(|open| open.identifies())
        .find(|open| !written.contains(open))
    {
        let problem = format!(
            "asks for {unknown}, and [write] never says it: nothing would be found; ask for what was written"
        );
        return Err(Mistake::at("look.answer", problem));
    }
    Ok(())
}

fn witnesses(target: &Target) -> Result<(), Mistake> {
    for (at, witness) in target.witnesses.iter().enumerate() {
        let mistake =
            |key: &str, problem: String| Err(Mistake::at(format!("witness.{at}.{key}"), problem));
        if target.witnesses[..at].contains(witness) {
            return mistake("", format!("{witness} is listened to twice"));
        }
        match witness {
            Witness::Queue(name) => {
                let takes = |process: &&super::Process| {
                    process.is(Plays::Consumer)
                        || matches!(&process.ready, Ready::Consumes(queue) if queue == name)
                };
                if let Some(consumer) = target.processes.iter().find(takes) {
                    let problem = format!(
                        "the lab would read queue {} alone, and {} consumes: each would take the other's messages. Listen on the exchange, or run no consumer",
                        name.as_str(),
                        consumer.name
                    );
                    return mistake("queue", problem);
                }
            }
            Witness::Exchange { name, kind, .. } => {
                let mut declared = target.setup.exchanges.iter();
                let other =
                    declared.find(|exchange| exchange.name == *name && exchange.kind != *kind);
                if let Some(exchange) = other {
                    let problem = format!(
                        "{} is {} here and {} in [setup]; the broker refuses a second kind",
                        name.as_str(),
                        kind.name(),
                        exchange.kind.name()
                    );
                    return mistake("kind", problem);
                }
            }
        }
    }
    let exchanges = &target.setup.exchanges;
    let twice = |at: &usize| {
        exchanges[..*at]
            .iter()
            .any(|before| before.name == exchanges[*at].name)
    };
    if let Some(at) = (0..exchanges.len()).find(twice) {
        let problem = format!("{} is declared twice", exchanges[at].name.as_str());
        return Err(Mistake::at(format!("setup.exchanges.{at}"), problem));
    }
    Ok(())
}

/// What only a plugin of the broker knows must be among the needs.
fn plugins(target: &Target) -> Result<(), Mistake> {
    let hashes = |witness: &Witness| {
        matches!(
            witness,
            Witness::Exchange {
                kind: Kind::ConsistentHash,
                ..
            }
        )
    };
    let declared = target.setup.exchanges.iter();
    let hashed = target.witnesses.iter().any(hashes)
        || declared
            .into_iter()
            .any(|exchange| exchange.kind == Kind::ConsistentHash);
    let stomped = target
        .processes
        .iter()
        .position(|process| process.edges.contains(&Edge::Stomp));
    let wanted = [
        (
            hashed,
            "witness".to_owned(),
            "rabbitmq_consistent_hash_exchange",
        ),
        (
            stomped.is_some(),
            format!("process.{}.edges", stomped.unwrap_or_default()),
            "rabbitmq_stomp",
        ),
    ];
    for (is_wanted, path, plugin) in wanted {
        if is_wanted && !target.needs.contains(&Need::Plugin(plugin.to_owned())) {
            let problem =
                format!("RabbitMQ has this by a plugin; write needs = [{plugin:?}] at the top");
            return Err(Mistake::at(path, problem));
        }
    }
    Ok(())
}
