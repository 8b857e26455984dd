//! What can be drawn: every fault of the catalogue that a target can be put through on these servers, at each place where it
//! can be done; and of what is left out, why.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    ask::{
        catalogue::{self, Asked, Named},
        fault, party,
        scenario::{Fault, Message, Scenario, System, When},
        target::{Target, process::Plays},
    },
    explore::fit,
};

/// A fault that can be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// What is done, and at which message if at one: `kill`, `reset at confirm`.
    pub name: String,
    /// As the catalogue asks for it, with a place.
    pub ask: Fault,
    /// Where it can be done.
    pub places: Vec<String>,
}

/// Something that is not drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotDrawn {
    /// Its name in the catalogue.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// All that can be drawn.
#[derive(Debug, Clone, Default)]
pub struct Stock {
    /// The faults.
    pub kinds: Vec<Kind>,
    /// Of the catalogue's, those that are not drawn.
    pub not: Vec<NotDrawn>,
}

/// What a story has to go on with, and nobody draws.
const OF_STORIES: [(&str, &str); 2] = [
    (
        "limit deliveries",
        "what is given up must be put back by hand, at a time that a story says",
    ),
    (
        "usurp",
        "who takes over without being there is one of two processes of a story's",
    ),
];

/// What of the catalogue has numbers that make a run long.
const SMALLER: [(&str, &str); 3] = [
    ("restart 25 times", "restart 3 times"),
    ("restart 6 times", "restart 3 times"),
    ("delay 12s", "delay 6s"),
];

/// Edges on which transactions are committed.
const COMMIT: [&str; 3] = [
    "api -> postgres",
    "relay -> postgres",
    "consumer -> postgres",
];

impl Stock {
    /// Of the catalogue, for a target; `cannot` says why servers cannot be done these to.
    pub fn of(target: &Target, cannot: impl Fn(&[fault::Fault]) -> Option<String>) -> Self {
        let mut stock = Self::default();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for named in catalogue::all() {
            let Named { name, asked, .. } = named;
            let ask = match asked {
                Asked::Fault(ask) => template(*ask),
                Asked::Workload(_) => continue,
                Asked::Never(why) => {
                    stock.not(name, format!("cannot be done: {why}"));
                    continue;
                }
            };
            let action = ask.action.as_str();
            if let Some((_, why)) = OF_STORIES.iter().find(|(of, _)| *of == action) {
                stock.not(name, (*why).to_owned());
                continue;
            }
            let mut why = None;
            let places = places(&ask).into_iter().filter(|place| {
                let refused = obstacle(&at(&ask, place), target, &cannot);
                let can = refused.is_none();
                why = why.take().or(refused);
                can
            });
            let places: Vec<String> = places.collect();
            if places.is_empty() {
                stock.not(
                    name,
                    why.unwrap_or_else(|| "there is no place for it".to_owned()),
                );
                continue;
            }
            let kind = Kind {
                name: told(&ask),
                ask,
                places,
            };
            match known.get(&kind.name) {
                Some(at) => stock.kinds[*at].join(kind.places),
                None => {
                    known.insert(kind.name.clone(), stock.kinds.len());
                    stock.kinds.push(kind);
                }
            }
        }
        stock
    }

    fn not(&mut self, name: String, why: String) {
        self.not.push(NotDrawn { name, why });
    }

    /// Whether two faults leave each other alone: of one process or one server only one thing is broken, nothing is done
    /// twice in one place, and neither makes the other lose what nobody may.
    pub fn may_meet(one: &Fault, other: &Fault) -> bool {
        if loses(one, other) || loses(other, one) {
            return false;
        }
        match (whom(one), whom(other)) {
            (Some(one), Some(other)) => one != other,
            _ => (edge(one), &one.action) != (edge(other), &other.action),
        }
    }

    /// How many pairs of faults there are that can meet in one run.
    pub fn pairs(&self) -> usize {
        let each = self.kinds.iter().enumerate();
        let meet = |one: &Kind, other: &Kind| {
            let all = |kind: &Kind| {
                kind.places
                    .iter()
                    .map(|place| kind.at(place))
                    .collect::<Vec<_>>()
            };
            let others = all(other);
            let can = |fault: &Fault| others.iter().any(|other| Self::may_meet(fault, other));
            all(one).iter().any(can)
        };
        let with = |(at, one): (usize, &Kind)| {
            self.kinds[at..]
                .iter()
                .filter(|other| meet(one, other))
                .count()
        };
        each.map(with).sum()
    }

    /// How many places there are, of all faults.
    pub fn places(&self) -> usize {
        self.kinds.iter().map(|kind| kind.places.len()).sum()
    }
}

impl Kind {
    fn join(&mut self, places: Vec<String>) {
        for place in places {
            if !self.places.contains(&place) {
                self.places.push(place);
            }
        }
    }

    /// It, done there.
    pub fn at(&self, place: &str) -> Fault {
        at(&self.ask, place)
    }
}

/// The same with nothing that only one place has, and nothing that makes a run long.
fn template(mut ask: Fault) -> Fault {
    if let Some((_, smaller)) = SMALLER.iter().find(|(large, _)| *large == ask.action) {
        ask.action = (*smaller).to_owned();
    }
    // Everything lasts as long as is drawn, but for what stays.
    if !ask.stays() {
        ask.lasts = None;
    }
    // A state is drawn, as a time is; a message is what the fault is at.
    if let Some(When::State(_)) = ask.when {
        ask.when = None;
    }
    ask
}

fn told(ask: &Fault) -> String {
    let ever = if ask.stays() { " for ever" } else { "" };
    match &ask.when {
        Some(When::Message(message)) => {
            let side = message.side.as_deref().filter(|side| *side == "after");
            let of = message
                .matching
                .as_deref()
                .map(|text| format!(" of {text}"));
            let (side, of) = (side.unwrap_or("at"), of.unwrap_or_default());
            format!("{} {side} {}{of}{ever}", ask.action, message.event)
        }
        _ => format!("{}{ever}", ask.action),
    }
}

/// Where it might be done: as it stands, and wherever the same can be.
fn places(ask: &Fault) -> Vec<String> {
    let own = ask
        .edge
        .as_deref()
        .or(ask.process.as_deref())
        .unwrap_or_default();
    let plain = own.replace(|sign: char| sign.is_numeric(), "");
    let plain: Vec<&str> = plain.split_whitespace().collect();
    let plain = plain.join(" ");
    let roles = Plays::NAMED.map(|(name, _)| name.to_owned());
    match (&ask.edge, &ask.when) {
        (Some(_), None) => party::edges().collect(),
        (Some(_), Some(When::Message(Message { event, .. })))
            if event == "commit" || event == "committed" =>
        {
            COMMIT.map(str::to_owned).to_vec()
        }
        (None, None) if roles.contains(&plain) => match ask.stays() {
            // Of several one alone may stay away.
            true => vec![format!("{plain} 1")],
            false => roles.to_vec(),
        },
        _ => vec![plain],
    }
}

fn at(ask: &Fault, place: &str) -> Fault {
    let mut fault = ask.clone();
    match fault.edge {
        Some(_) => fault.edge = Some(place.to_owned()),
        None => fault.process = Some(place.to_owned()),
    }
    // The edge of the message is its own, written once.
    if let Some(When::Message(message)) = &mut fault.when
        && fault.edge.is_some()
    {
        message.edge = None;
    }
    fault
}

/// The smallest story with a fault.
fn story(fault: &Fault) -> Option<Scenario> {
    let text = "story = ''\nworkload = { keys = 1, writes = '10/s for 3s' }";
    let mut scenario: Scenario = toml::from_str(text).ok()?;
    let mut fault = fault.clone();
    if fault.when.is_none() {
        fault.at = Some("1s".to_owned());
    }
    scenario.system = System {
        relays: 1 + u32::from(fault.stays()),
        ..System::default()
    };
    scenario.faults = vec![fault];
    Some(scenario)
}

/// The process or the server that is hit, whichever of several.
fn whom(fault: &Fault) -> Option<&str> {
    fault.process.as_deref()?.split_whitespace().next()
}

/// Whether the lab itself would lose messages: a queue is deleted when all that it gave out is settled, and what is swallowed on its
/// way to a consumer nobody sees there.
fn loses(one: &Fault, other: &Fault) -> bool {
    one.action == "delete queue" && edge(other).as_deref() == Some("consumer -> rabbitmq")
}

/// The edge that is broken, whichever of several processes it is of.
fn edge(fault: &Fault) -> Option<String> {
    let words = fault.edge.as_deref()?.split_whitespace();
    let named = words.filter(|word| word.parse::<u32>().is_err());
    Some(named.collect::<Vec<_>>().join(" "))
}

/// Why it cannot be done.
fn obstacle(
    fault: &Fault,
    target: &Target,
    cannot: impl Fn(&[fault::Fault]) -> Option<String>,
) -> Option<String> {
    let Some(scenario) = story(fault) else {
        return Some("it cannot be written".to_owned());
    };
    match fault::Fault::all(&scenario) {
        Err(bad) => Some(bad.problem),
        Ok(faults) => cannot(&faults).or_else(|| match fit::obstacle_of(&scenario, target) {
            Ok(why) => why,
            Err(bad) => Some(bad.problem),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock() -> Stock {
        Stock::of(&Target::ours(), |_| None)
    }

    #[test]
    fn a_queue_is_not_deleted_while_its_deliveries_are_swallowed_on_their_way() {
        let stock = stock();
        let delete = kind(&stock, "delete queue").at("rabbitmq");
        let drop = |place: &str| kind(&stock, "drop replies").at(place);
        let (own, other) = (drop("consumer 2 -> rabbitmq"), drop("relay -> rabbitmq"));
        assert!(!Stock::may_meet(&delete, &own) && !Stock::may_meet(&own, &delete));
        assert!(Stock::may_meet(&delete, &other));
    }

    fn kind<'s>(stock: &'s Stock, name: &str) -> &'s Kind {
        let names: Vec<&str> = stock.kinds.iter().map(|kind| kind.name.as_str()).collect();
        stock
            .kinds
            .iter()
            .find(|kind| kind.name == name)
            .unwrap_or_else(|| panic!("{name}: {names:?}"))
    }

    #[test]
    fn what_is_done_to_one_edge_is_done_to_every_edge_that_there_is() {
        let stock = stock();
        let cut = kind(&stock, "cut");
        assert_eq!(
            cut.places.len(),
            6,
            "no client has a way of its own: {:?}",
            cut.places
        );
        assert_eq!(
            kind(&stock, "kill").places,
            ["api", "relay", "consumer", "postgres"]
        );
        assert_eq!(
            kind(&stock, "reset at confirm").places,
            ["relay -> rabbitmq"]
        );
        assert_eq!(kind(&stock, "reset at committed").places, COMMIT);
        assert_eq!(kind(&stock, "kill for ever").places, ["relay 1"]);
    }

    #[test]
    fn each_of_the_catalogue_is_drawn_or_it_is_said_why_not() {
        let stock = stock();
        assert!(stock.kinds.len() >= 50, "{}", stock.kinds.len());
        assert!(
            stock.not.iter().all(|not| not.why.len() > 10),
            "{:?}",
            stock.not
        );
        let refused = Stock::of(&Target::ours(), |faults| {
            faults
                .iter()
                .find_map(fault::Fault::breaks_server)
                .map(|_| "not its own servers".to_owned())
        });
        assert!(
            refused
                .not
                .iter()
                .any(|not| not.why == "not its own servers")
        );
        let kinds = refused.kinds.iter();
        let each = kinds.flat_map(|kind| kind.places.iter().map(|place| kind.at(place)));
        for fault in each {
            let read = fault::Fault::all(&story(&fault).expect("a story")).expect("faults");
            assert!(read.iter().all(|read| read.breaks_server().is_none()));
        }
    }

    #[test]
    fn a_target_without_a_consumer_has_no_place_for_what_breaks_it() {
        let text = "name = \"shop\"\n[write]\nhttp = \"POST {{api}}/orders\"\njson = { order = \"{{id}}\", customer = \"{{key}}\" }\n\
            [witness]\nexchange = \"shop.events\"\n[[process]]\nname = \"shop\"\nplays = [\"api\", \"relay\"]\nrun = \"./shop\"\n\
            env = { PORT = \"{{port.http}}\", DATABASE_URL = \"{{postgres.url}}\", AMQP_URL = \"{{rabbitmq.url}}\" }\n";
        let shop = Target::read(text).expect("a target");
        let stock = Stock::of(&shop, |_| None);
        let places = stock.kinds.iter().flat_map(|kind| &kind.places);
        assert!(places.clone().all(|place| !place.contains("consumer")));
        assert!(places.clone().any(|place| place == "relay -> rabbitmq"));
    }
}
