//! What native servers need: packages, surroundings, and a cache to unpack into.

use std::path::Path;

use super::{Finding, State, room};
use crate::os::path::program;
use crate::servers::native::{
    cache,
    found::{self, Found},
    surroundings::{self, Need},
    user, zones,
};

/// A package of which something is needed: what it is called, the package, and where it was found.
type Part = (&'static str, &'static str, fn(&Found) -> Option<String>);

const PARTS: [Part; 4] = [
    ("Postgres", "postgresql", |found| {
        place(found.postgres.as_deref())
    }),
    ("RabbitMQ", "rabbitmq-server", |found| {
        place(found.rabbitmq.as_deref())
    }),
    ("time zones", zones::PACKAGE, |found| {
        found.zones.then(String::new)
    }),
    ("user's name", user::PACKAGE, |found| {
        found.user_name.then(String::new)
    }),
];

fn place(folder: Option<&Path>) -> Option<String> {
    folder.map(|folder| format!(", {}", folder.display()))
}

/// What native servers need.
pub(super) fn examine() -> Vec<Finding> {
    let (machine, cached) = (found::on_machine(), found::in_cache());
    let can_fetch = program("apt-get").is_some() && program("dpkg-deb").is_some();
    let mut findings: Vec<Finding> = PARTS
        .iter()
        .map(|part| look_for(part, &machine, &cached, can_fetch))
        .collect();
    findings.extend(surroundings::needs().into_iter().map(surrounding));
    findings.push(cache_folder());
    findings
}

fn look_for(part: &Part, machine: &Found, cached: &Found, can_fetch: bool) -> Finding {
    let (subject, package, found) = *part;
    let cache = cache::folder();
    let (state, detail) = match (found(machine), found(cached)) {
        (Some(place), _) => (State::Ok, format!("on this machine{place}")),
        (None, Some(place)) => (State::Ok, format!("in the lab's cache{place}")),
        (None, None) if can_fetch => (
            State::WillFetch,
            format!(
                "fetched as package {package} into {} when first needed",
                cache.display()
            ),
        ),
        (None, None) => (
            State::Missing,
            format!("install {package} with this system's package manager"),
        ),
    };
    Finding {
        subject,
        state,
        detail,
    }
}

fn surrounding(need: Need) -> Finding {
    Finding::new(need.subject, need.found)
}

/// Opened, as a run opens it; one that another lab is filling is there.
fn cache_folder() -> Finding {
    match cache::usable() {
        Ok(()) => room("cache", &cache::folder()),
        Err(why) => Finding::of("cache", Err(why.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(subject: &str, machine: &Found, cached: &Found, can_fetch: bool) -> State {
        let part = PARTS.iter().find(|part| part.0 == subject).unwrap();
        look_for(part, machine, cached, can_fetch).state
    }

    #[test]
    fn time_zones_that_only_the_package_has_are_fetched_where_that_can_be_done() {
        let (nothing, zones) = (
            Found::default(),
            Found {
                zones: true,
                ..Found::default()
            },
        );
        assert_eq!(
            state("time zones", &nothing, &nothing, true),
            State::WillFetch
        );
        assert_eq!(
            state("time zones", &nothing, &nothing, false),
            State::Missing
        );
        assert_eq!(state("time zones", &nothing, &zones, false), State::Ok);
        assert_eq!(state("time zones", &zones, &nothing, false), State::Ok);
    }

    #[test]
    fn what_cannot_be_fetched_is_missing() {
        let finding = surrounding(Need {
            subject: "loopback",
            found: Err("bring it up".to_owned()),
        });
        assert_eq!(finding.state, State::Missing);
    }
}
