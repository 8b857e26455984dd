//! What a process says and cannot mean.

use super::{Edge, Plays, Port, Process, Ready};
use crate::ask::target::{
    mistake::Mistake,
    placeholder::{Placeholder, Postgres},
};

/// More would be a test of the machine.
const MOST: u32 = 16;

/// Refuses what contradicts itself. `open` is all that the process is told when it starts.
pub(super) fn check(process: &Process, open: &[&Placeholder]) -> Result<(), Mistake> {
    if !(1..=MOST).contains(&process.count) {
        let problem = format!(
            "count = {}: from 1 to {MOST} of a process run",
            process.count
        );
        return Err(Mistake::at("count", problem));
    }
    if !(process.count..=MOST).contains(&process.most) {
        let problem = format!(
            "most = {}: {} run in any case; write a number from there to {MOST}",
            process.most, process.count
        );
        return Err(Mistake::at("most", problem));
    }
    if process.exits.as_ref().is_some_and(Vec::is_empty) {
        let problem = "exits = []: every end would be a death; name a code, or leave it out";
        return Err(Mistake::at("exits", problem));
    }
    fixed(process)?;
    edges(process, open)?;
    ready(process, open)
}

/// The ports of servers that somebody else runs.
const USUAL_PORTS: [&str; 4] = ["5432", "5672", "15672", "61613"];

/// An address that is written out leads around the edge.
fn fixed(process: &Process) -> Result<(), Mistake> {
    for (path, text) in process.texts() {
        let whole = text.to_string();
        let names = |port: &&str| {
            let behind_a_host = |literal: &str| {
                let written_out = format!(":{port}");
                let mut behind = literal.split(&written_out).skip(1);
                behind.any(|rest| !rest.starts_with(|sign: char| sign.is_ascii_digit()))
            };
            whole == *port || text.literals().any(behind_a_host)
        };
        if let Some(port) = USUAL_PORTS.into_iter().find(names) {
            let problem = format!(
                "found port {port} in {whole:?}: an address that is written out leads around the edge; write {{{{postgres.url}}}}, {{{{rabbitmq.url}}}} or their parts"
            );
            return Err(Mistake::at(path, problem));
        }
    }
    Ok(())
}

/// What is declared is used, and what is used is declared: else something goes around its edge, or nothing over it.
fn edges(process: &Process, open: &[&Placeholder]) -> Result<(), Mistake> {
    let (name, edges) = (&process.name, &process.edges);
    if edges.is_empty() && !process.plays.is_empty() {
        let problem = format!(
            "{name} plays {} without an edge, so that nothing between it and its servers could be broken; name them: edges = [\"postgres\"]",
            process.plays[0].name()
        );
        return Err(Mistake::at("edges", problem));
    }
    let messages = [Plays::Relay, Plays::Consumer]
        .into_iter()
        .find(|role| process.is(*role));
    if let Some(role) = messages.filter(|_| !edges.iter().any(|edge| edge.carries_messages())) {
        let problem = format!(
            "{name} plays {} and has no edge to the broker, so that nothing between them could be broken; add \"rabbitmq\" to edges = [{}]",
            role.name(),
            listed(edges)
        );
        return Err(Mistake::at("edges", problem));
    }
    for edge in edges {
        if edges.iter().filter(|other| *other == edge).count() > 1 {
            let problem = format!("names {} twice", edge.name());
            return Err(Mistake::at("edges", problem));
        }
        if !open.iter().any(|open| edge.is_said_by(open)) {
            let problem = format!(
                "{name} is never told where {edge} is, and would talk around its edge: put {} into its env, run or files; or leave {edge} out of edges = [{}]",
                edge.example(),
                listed(edges),
                edge = edge.name(),
            );
            return Err(Mistake::at("edges", problem));
        }
    }
    for placeholder in open {
        if let Some(edge) = Edge::of(placeholder).filter(|edge| !edges.contains(edge)) {
            let problem = format!(
                "{name} is told {placeholder}, and has no edge there: add {:?} to edges = [{}]",
                edge.name(),
                listed(edges)
            );
            return Err(Mistake::at("edges", problem));
        }
    }
    let says = |part| open.contains(&&Placeholder::Postgres(part));
    if says(Postgres::Jdbc) && !says(Postgres::User) {
        let problem = "{{postgres.jdbc}} holds no credentials; say {{postgres.user}} and {{postgres.password}} as well";
        return Err(Mistake::at("env", problem));
    }
    Ok(())
}

fn listed(edges: &[Edge]) -> String {
    let names: Vec<String> = edges
        .iter()
        .map(|edge| format!("{:?}", edge.name()))
        .collect();
    names.join(", ")
}

fn ready(process: &Process, open: &[&Placeholder]) -> Result<(), Mistake> {
    let name = &process.name;
    let told = |port: &str| open.contains(&&Placeholder::Port(port.to_owned()));
    let unknown = |port: &str| {
        let problem = format!(
            "{name} is never told {{{{port.{port}}}}}, and will not be there; put it into its env, run or files"
        );
        Err(Mistake::at("ready", problem))
    };
    match &process.ready {
        Ready::Http(_) if !told("http") => unknown("http"),
        Ready::Tcp(Port::Free(port)) if !told(port) => unknown(port),
        Ready::Tcp(Port::Fixed(port)) if process.most > 1 => {
            let problem = format!(
                "{} of {name} on one port, {port}; have it told a free one: {{{{port.http}}}}",
                process.most
            );
            Err(Mistake::at("ready", problem))
        }
        Ready::Consumes(queue) if !process.is(Plays::Consumer) => {
            let problem = format!(
                "{name} consumes {} and plays no consumer; add \"consumer\" to plays",
                queue.as_str()
            );
            Err(Mistake::at("ready", problem))
        }
        _ => Ok(()),
    }
}
