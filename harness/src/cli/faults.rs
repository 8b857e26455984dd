//! `lab faults`.

use anyhow::Result;
use serde_json::json;

use super::{Usage, list, named, say};
use crate::{
    ask::catalogue::{self, Asked, Group, Named},
    ask::fault::Fault,
    ask::target::Target,
    ask::wire::{DEEDS, Dialect, Event},
    explore::fit,
    os::terminal::columns,
    servers::backend::{Kind, Wanted},
};

/// Between what a cell says where each row is a line.
const BESIDE: &str = "; ";
/// The protocols in which messages have names.
const SPOKEN: [(&str, Dialect); 3] = [
    ("postgres", Dialect::Postgres),
    ("amqp", Dialect::Amqp),
    ("http", Dialect::Http),
];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Those of these groups only.
    #[arg(value_name = "GROUP", value_enum)]
    groups: Vec<Group>,
    /// Say which of them this target can be put through, and why not the others: a name or a file.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Say which of them can be done there, and why not the others.
    #[arg(long, value_enum)]
    backend: Option<Kind>,
    /// A JSON document for programs.
    #[arg(long)]
    json: bool,
}

/// Where a fault can be done.
struct Place<'a> {
    targets: Vec<named::Named>,
    backend: Option<Kind>,
    groups: &'a [Group],
}

pub(super) fn faults(args: &Args) -> Result<u8> {
    let targets = match &args.target {
        Some(asked) => named::targets(asked).map_err(Usage::because)?,
        None => Vec::new(),
    };
    let place = Place {
        targets,
        backend: args.backend,
        groups: &args.groups,
    };
    let all = catalogue::all();
    let meant = all.iter().filter(|named| place.means(named.group));
    if args.json {
        let listed: Vec<_> = meant.map(|named| place.json(named)).collect();
        say(serde_json::to_string_pretty(&listed)?);
        return Ok(0);
    }
    let meant: Vec<&Named> = meant.collect();
    say(shown(&place, &meant, columns()));
    Ok(0)
}

impl Place<'_> {
    fn means(&self, group: Group) -> bool {
        self.groups.is_empty() || self.groups.contains(&group)
    }

    /// Why it cannot be done here, a sentence each; nothing if it can.
    fn why_not(&self, named: &Named) -> Vec<String> {
        if let Asked::Never(why) = &named.asked {
            return vec![format!("cannot be done: {why}")];
        }
        let on_servers = self.backend.and_then(|backend| on(backend, named));
        let of_target = |target: &named::Named| {
            let why = off_target(named, &target.target)?;
            Some(format!("not on {}: {why}", target.by))
        };
        let of_targets = self.targets.iter().filter_map(of_target);
        on_servers.into_iter().chain(of_targets).collect()
    }

    fn json(&self, named: &Named) -> serde_json::Value {
        let cannot = |backend| on(backend, named);
        let never = matches!(named.asked, Asked::Never(_));
        let backends = [Kind::Native, Kind::Docker, Kind::External].map(|backend| {
            (
                backend.name().to_owned(),
                json!(!never && cannot(backend).is_none()),
            )
        });
        json!({
            "name": named.name,
            "group": named.group,
            "asked": named.words(),
            "looks": named.looks,
            "shown": named.shown,
            "backends": backends.into_iter().collect::<serde_json::Map<_, _>>(),
            "why_not": self.why_not(named),
        })
    }
}

/// Why servers of a kind cannot be done that to.
fn on(backend: Kind, named: &Named) -> Option<String> {
    let wanted = Wanted {
        backend,
        details: Default::default(),
    };
    let faults: Vec<Fault> = named.fault().into_iter().collect();
    let why = wanted.cannot(&faults)?;
    Some(format!("not {}: {why}", backend.name()))
}

fn off_target(named: &Named, target: &Target) -> Option<String> {
    let scenario = named.scenario()?;
    match fit::obstacle_of(&scenario, target) {
        Ok(why) => why,
        Err(bad) => Some(bad.to_string()),
    }
}

/// A line each for programs, and for people as wide as their terminal.
fn shown(place: &Place<'_>, meant: &[&Named], columns: Option<u16>) -> String {
    let line = match columns {
        Some(_) => "\n",
        None => BESIDE,
    };
    let mut text = String::new();
    for group in meant.chunk_by(|one, other| one.group == other.group) {
        let rows = group.iter().map(|named| row(place, named, line));
        text += &format!("{} ({})\n", group[0].group.name(), group.len());
        text += &list::shown(rows, columns);
        text += "\n\n";
    }
    let done = meant.iter().filter(|named| place.why_not(named).is_empty());
    text += &format!(
        "{} faults, {} of them can be done",
        meant.len(),
        done.count()
    );
    if place.groups.is_empty() {
        text += &format!(
            "{}\n\nmessages that a fault can be at (when = {{ event = … }}), and what is done to one: {}\n",
            here(place),
            DEEDS.join(", ")
        );
        let rows = SPOKEN.into_iter().map(|(name, dialect)| {
            let events: Vec<&str> = Event::names(dialect).collect();
            [name.to_owned(), events.join(", "), String::new()]
        });
        text += &list::shown(rows, columns);
    }
    text
}

fn here(place: &Place<'_>) -> String {
    let backend = place
        .backend
        .map(|backend| format!(" with --backend {}", backend.name()));
    let targets: Vec<&str> = place
        .targets
        .iter()
        .map(|target| target.by.as_str())
        .collect();
    let on = (!targets.is_empty()).then(|| format!(" on {}", targets.join(", ")));
    backend.into_iter().chain(on).collect()
}

fn row(place: &Place<'_>, named: &Named, line: &str) -> [String; 3] {
    let mut asked = vec![named.words(), named.shown.clone()];
    asked.retain(|text| !text.is_empty());
    let mut looks = vec![named.looks.clone()];
    looks.extend(place.why_not(named));
    if place.backend.is_none() {
        looks.extend(on(Kind::External, named));
    }
    [named.name.clone(), asked.join(line), looks.join(line)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(groups: &[Group]) -> Place<'_> {
        Place {
            targets: Vec::new(),
            backend: None,
            groups,
        }
    }

    #[test]
    fn each_fault_is_a_line_for_programs_and_fits_the_terminal_of_people() {
        let all = catalogue::all();
        let meant: Vec<&Named> = all.iter().collect();
        let text = shown(&place(&[Group::Time]), &meant, None);
        for named in &all {
            let lines = text
                .lines()
                .filter(|line| line.trim().starts_with(&named.name));
            assert!(lines.count() >= 1, "{}", named.name);
        }
        let narrow = shown(&place(&[Group::Time]), &meant, Some(90));
        let widest = narrow.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(90), "{widest:?}");
    }

    #[test]
    fn what_stops_a_server_is_not_done_to_somebody_else_s() {
        let all = catalogue::all();
        let of = |name: &str| all.iter().find(|named| named.name == name).unwrap();
        assert!(on(Kind::External, of("crash restart")).is_some());
        assert!(on(Kind::Native, of("crash restart")).is_none());
        assert!(on(Kind::External, of("queue deleted")).is_none());
    }

    #[test]
    fn a_target_is_not_put_through_what_it_does_not_have_and_is_told_why() {
        let ours = Target::ours();
        let foreign = Target {
            name: "another".to_owned(),
            outbox: None,
            ..ours.clone()
        };
        let all = catalogue::all();
        let locked = all.iter().find(|named| named.name == "outbox locked");
        assert_eq!(off_target(locked.unwrap(), &ours), None);
        let why = off_target(locked.unwrap(), &foreign).unwrap();
        assert!(why.contains("no [outbox]"), "{why}");
    }
}
