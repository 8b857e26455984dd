//! What parts of a target say of each other and cannot both mean.

use super::{
    Target,
    effects::Effects,
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
    laboratory(target)?;
    evidence(target)?;
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

/// A run as shipped goes without the laboratory: whatever a process must be told to speak over its edges stands elsewhere.
fn laboratory(target: &Target) -> Result<(), Mistake> {
    for (name, text) in &target.laboratory {
        let at = |problem: String| {
            Err(Mistake::at(
                format!("laboratory.{}", name.as_str()),
                problem,
            ))
        };
        if let Some(address) = text.placeholders().find(|open| Edge::is_of(open)) {
            return at(format!(
                "{address} is an address, and a run as shipped goes without [laboratory]; put it into the process's env"
            ));
        }
        let told = target
            .processes
            .iter()
            .filter_map(|process| process.env.get(name));
        if let Some(address) = told
            .flat_map(|text| text.placeholders())
            .find(|open| Edge::is_of(open))
        {
            return at(format!(
                "would take the place of {address} in a process's env, and lead around its edge; leave it out"
            ));
        }
    }
    Ok(())
}

/// Two things that are to be compared are two.
fn evidence(target: &Target) -> Result<(), Mistake> {
    let Some(outbox) = &target.outbox else {
        return Ok(());
    };
    let same = |what: &str| {
        format!(
            "{} is the outbox itself; name the table that shows {what}",
            outbox.table
        )
    };
    if target.look.business.as_ref() == Some(&outbox.table) {
        return Err(Mistake::at("look.business", same("what was done")));
    }
    match &target.effects {
        Some(Effects::Rows { table, .. }) if *table == outbox.table => {
            Err(Mistake::at("effects.table", same("effects")))
        }
        _ => Ok(()),
    }
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
        if target.witnesses[..at]
            .iter()
            .any(|before| before.place() == witness.place())
        {
            let problem = format!(
                "{witness} is listened to twice, and what comes there would be heard twice; write all its keys into one"
            );
            return mistake("", problem);
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
    let declared = target.setup.exchanges.iter();
    let hashed = declared
        .into_iter()
        .any(|exchange| exchange.kind == Kind::ConsistentHash);
    let stomped = target
        .processes
        .iter()
        .position(|process| process.edges.contains(&Edge::Stomp));
    let wanted = [
        (
            hashed,
            "setup.exchanges".to_owned(),
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
