//! Stories and targets: which a target can be put through, what is left out of one then, and why not of the others.

mod obstacle;
mod stretched;

use obstacle::{Obstacle, obstacle};

use crate::{
    ask::{
        fault::{self, Action, BadFault, Fault, Role, Server, meddling::Meddling},
        scenario::Scenario,
        target::{Target, process::Plays},
    },
    explore::suite,
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
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (at, fault) in faults.iter().enumerate() {
        match obstacle(fault, target) {
            None => kept.push(at),
            Some(Obstacle::NoConsumer) => {
                left_out.push("what happens to the consumer: no process plays it".to_owned());
            }
            Some(Obstacle::Other(why)) => return Ok(Fit::Not(why)),
        }
    }
    let mut fitted = scenario.clone();
    once_is_enough(&mut fitted, &faults, &mut left_out);
    fitted = fitted.with_faults(&kept);
    let needs_none = scenario.faults.is_empty() && scenario.plan.is_some();
    if fitted.faults.is_empty() && !needs_none {
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
    conditions(&mut fitted, (scenario, &faults), target, &mut left_out);
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

/// Whether a story that was drawn can be run: its faults are legal, it fits the target, a file of it would be read, and servers can
/// be done these to, as `cannot` says.
pub fn can_be_run(
    scenario: &Scenario,
    target: &Target,
    cannot: impl Fn(&[Fault]) -> Option<String>,
) -> bool {
    let Ok(faults) = Fault::all(scenario) else {
        return false;
    };
    cannot(&faults).is_none()
        && matches!(obstacle_of(scenario, target), Ok(None))
        && suite::sound(scenario).is_ok()
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
        let most = target.most(role)?;
        let name = role.name();
        (wanted > most)
            .then(|| format!("it needs {wanted} of {name}, and the file's most allows {most}"))
    })
}

/// What is the target's own affair, and why.
fn unasked(faults: &[Fault], target: &Target) -> Option<(&'static str, &'static str)> {
    let of_clients = |fault: &Fault| matches!(&fault.target, fault::Target::Edge { from, .. } if from.role == Role::Client);
    if target.write.is_http() {
        let why = "whether it carries out what a client gave up is its own affair";
        return faults
            .iter()
            .all(of_clients)
            .then_some(("unknown_absent", why));
    }
    let why = "whoever writes to the database himself is told what it refuses";
    (!faults.iter().any(of_clients)).then_some(("unknown", why))
}

/// What a fault must have bitten several times it need bite once, but for one that a session holds: that counts the server's
/// transactions since, and one has passed before the target does anything.
fn once_is_enough(story: &mut Scenario, faults: &[Fault], left_out: &mut Vec<String>) {
    for (at, fault) in faults.iter().enumerate() {
        let fact = format!("fault_{}_bites", at + 1);
        let holds = matches!(fault.action, Action::Meddle(Meddling::Hold(_)));
        if let Some(condition) = story.bites.get_mut(&fact).filter(|_| !holds)
            && let Some(once) = condition.once_at_least()
        {
            let asked = String::from(*condition);
            left_out.push(format!(
                "[bites] {fact} {asked}: once is enough, for it may have fewer connections and comes back at its own pace"
            ));
            *condition = once;
        }
    }
}

/// Of what a story asks for beside the invariants, what is the lab's own target's is left out; the budget is the target's
/// own, where that is longer.
fn conditions(
    fitted: &mut Scenario,
    (scenario, faults): (&Scenario, &[Fault]),
    target: &Target,
    left_out: &mut Vec<String>,
) {
    let shown = |fact: &str| facts::shown_by(fact, target);
    for fact in scenario.bites.keys().filter(|fact| !shown(fact)) {
        fitted.bites.remove(fact);
        left_out.push(format!("[bites] {fact}: the target does not show it"));
    }
    if let Some((fact, why)) = unasked(faults, target)
        && fitted.bites.remove(fact).is_some()
    {
        left_out.push(format!("[bites] {fact}: {why}"));
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
