//! What messages say, and where.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    facts::{Came, Facts},
    finding::{Finding, listed},
    pattern::pattern,
    places::{Spot, has_parts, spots},
    rows::Row,
};
use crate::{
    ask::{
        id::Id,
        target::{address::Property, completed::Line},
    },
    run::about::About,
};

/// What may be a place of something else than its sender.
const OF_SENDERS: [&str; 8] = [
    "property:delivery_mode",
    "property:content_type",
    "property:content_encoding",
    "property:priority",
    "property:expiration",
    "property:user_id",
    "property:app_id",
    "property:timestamp",
];
/// Shorter than this nobody knows by it what is meant.
const TELLING: usize = 8;

/// What is found out from messages.
pub fn findings(facts: &Facts, outbox: &[&Row]) -> Vec<Finding> {
    let messages: Vec<(&Came, Vec<Spot>)> = facts
        .messages()
        .into_iter()
        .map(|came| (came, spots(&came.message)))
        .collect();
    if messages.is_empty() {
        return Vec::new();
    }
    let mut all = vec![id(&messages, facts)];
    all.extend(dedup(&messages, outbox, facts));
    all.extend(numbers(&messages));
    all.push(modes(&messages));
    all
}

type Messages<'f> = [(&'f Came, Vec<Spot>)];

/// Where the id stands.
fn id(messages: &Messages<'_>, facts: &Facts) -> Finding {
    let holds = |spot: &Spot, came: &Came| {
        let ids = About::of([spot.bytes.as_slice()], facts.run).ids;
        came.ids.iter().all(|id| ids.contains(id))
    };
    let mut places: Vec<String> = in_all(messages, holds);
    let bodies: Vec<(Id, &[u8])> = messages
        .iter()
        .filter(|(came, _)| !has_parts(&came.message.body) && came.ids.len() == 1)
        .map(|(came, _)| (came.ids[0], came.message.body.as_slice()))
        .collect();
    if bodies.len() == messages.len() {
        places.extend(pattern(&bodies));
    }
    let whole = |address: &String| {
        messages.iter().all(|(came, spots)| {
            let own = spots.iter().find(|spot| spot.address == *address);
            own.and_then(Spot::text)
                .is_some_and(|text| came.ids.iter().any(|id| is_just(text, *id)))
        })
    };
    places.sort_by_key(|address| {
        (
            !whole(address) && !address.starts_with("body:~"),
            class(address),
        )
    });
    match places.first() {
        Some(first) => Finding::of(format!(
            "each message carries the operation's id in {}",
            listed(places.clone())
        ))
        .with(Line::text("message", "id", first)),
        None => Finding::of(
            "the operation's id is in each message, but in no one place of all of them; leave [message] id out, and it is searched for",
        ),
    }
}

fn is_just(text: &str, id: Id) -> bool {
    let uuid = id.uuid();
    let text = text.to_lowercase();
    text == uuid.hyphenated().to_string()
        || text == uuid.simple().to_string()
        || text == id.token()
        || id.number().is_some_and(|number| text == number.to_string())
}

fn class(address: &str) -> u8 {
    match address.split(':').next() {
        Some("property") => 0,
        Some("header") => 1,
        Some("body") => 2,
        _ => 3,
    }
}

/// The addresses at which something is so in every message.
fn in_all(messages: &Messages<'_>, is_so: impl Fn(&Spot, &Came) -> bool) -> Vec<String> {
    let of = |(came, spots): &(&Came, Vec<Spot>)| -> BTreeSet<String> {
        let found = spots.iter().filter(|spot| is_so(spot, came));
        found.map(|spot| spot.address.clone()).collect()
    };
    let sets = messages.iter().map(of);
    let common = sets.reduce(|one, other| &one & &other).unwrap_or_default();
    common.into_iter().collect()
}

/// What tells an event: its operation, and what kind of it.
type Event = (Vec<Id>, String, Option<String>);

fn event(came: &Came) -> Event {
    let kind = came.message.property(Property::Type).map(str::to_owned);
    (came.ids.clone(), came.message.exchange.clone(), kind)
}

/// What may tell copies of one event from another event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Teller {
    address: String,
    /// Whether it stands in the outbox's row, so that each copy has the same.
    is_of_row: bool,
    /// Whether it names the operation.
    is_of_id: bool,
    /// Whether copies came, and had the same.
    is_of_copies: bool,
}

fn dedup(messages: &Messages<'_>, outbox: &[&Row], facts: &Facts) -> Option<Finding> {
    let mut tellers = tellers(messages, outbox, facts);
    let rank = |teller: &Teller| {
        (
            !(teller.is_of_row || teller.is_of_id),
            class(&teller.address),
            !teller.is_of_row,
        )
    };
    tellers.sort_by_key(rank);
    let (sure, open): (Vec<Teller>, Vec<Teller>) = tellers
        .into_iter()
        .filter(|teller| class(&teller.address) < 2)
        .partition(|teller| teller.is_of_row || teller.is_of_id || teller.is_of_copies);
    let names = |tellers: &[Teller]| listed(tellers.iter().map(|teller| teller.address.clone()));
    if let Some(best) = sure.first() {
        let why = match (best.is_of_row, best.is_of_id) {
            (true, _) => "it stands in the outbox's row, so that copies have the same",
            (false, true) => "it names the operation",
            (false, false) => "copies that came had the same",
        };
        let others = match sure.len() {
            1 => String::new(),
            _ => format!("; so does {}", names(&sure[1..])),
        };
        let line = Line::text("message", "dedup_by", &best.address);
        return Some(
            Finding::of(format!(
                "{} tells events apart: {why}{others}",
                best.address
            ))
            .with(line),
        );
    }
    let best = open.first()?;
    Some(
        Finding::of(format!(
            "whether copies of one event have the same {} was not seen: each event has its own, no copy came, and it is not in the outbox's row",
            names(&open)
        ))
        .with(Line::text("message", "dedup_by", &best.address).unsure()),
    )
}

fn tellers(messages: &Messages<'_>, outbox: &[&Row], facts: &Facts) -> Vec<Teller> {
    let of_senders = |address: &str| OF_SENDERS.contains(&address);
    let addresses = in_all(messages, |spot, _| {
        !of_senders(&spot.address) && spot.text().is_some_and(|text| text.len() >= TELLING)
    });
    let found = addresses.into_iter().filter_map(|address| {
        let mut values: BTreeMap<Event, BTreeSet<&[u8]>> = BTreeMap::new();
        let mut copies = false;
        let (mut is_of_row, mut is_of_id) = (true, true);
        for (came, spots) in messages {
            let spot = spots.iter().find(|spot| spot.address == address)?;
            let known = values.entry(event(came)).or_default();
            copies |= !known.is_empty();
            known.insert(&spot.bytes);
            let text = spot.text()?;
            let named = About::of([spot.bytes.as_slice()], facts.run).ids;
            is_of_id &= !named.is_empty();
            is_of_row &= outbox
                .iter()
                .any(|row| row.is_about(came.ids.iter().map(|id| id.uuid())) && holds(row, text));
        }
        let same = values.values().all(|values| values.len() == 1);
        let all: BTreeSet<&[u8]> = values.values().flatten().copied().collect();
        let apart = all.len() == values.len() && values.len() > 1;
        (same && apart).then_some(Teller {
            address,
            is_of_row,
            is_of_id,
            is_of_copies: copies,
        })
    });
    found.collect()
}

/// Whether a row had this text at its beginning, as a column or within one, or within a `bytea`, which the log prints in
/// hexadecimal.
fn holds(row: &Row, text: &str) -> bool {
    let text = text.to_lowercase();
    let coded: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut values = row.first().values().flatten();
    values.any(|value| {
        let value = value.to_lowercase();
        value.contains(&text) || value.contains(&coded)
    })
}

/// What grows from operation to operation of each key.
fn numbers(messages: &Messages<'_>) -> Option<Finding> {
    let of_senders = |address: &str| OF_SENDERS.contains(&address);
    let addresses = in_all(messages, |spot, came| {
        let names = came
            .ids
            .iter()
            .any(|id| spot.text().is_some_and(|text| is_just(text, *id)));
        !of_senders(&spot.address) && !names && spot.number().is_some()
    });
    let grows = |address: &String| {
        let mut keys: BTreeMap<u16, BTreeMap<u32, i64>> = BTreeMap::new();
        for (came, spots) in messages {
            let spot = spots.iter().find(|spot| spot.address == *address);
            let number = spot.and_then(Spot::number);
            for (id, number) in came.ids.iter().filter_map(|id| Some((id, number?))) {
                keys.entry(id.key).or_default().insert(id.number, number);
            }
        }
        let several: Vec<Vec<i64>> = keys
            .into_values()
            .map(|numbers| numbers.into_values().collect::<Vec<i64>>())
            .filter(|numbers| numbers.len() > 1)
            .collect();
        several.len() > 2
            && several
                .iter()
                .all(|numbers| numbers.is_sorted_by(|one, next| one < next))
    };
    let found: Vec<String> = addresses.into_iter().filter(grows).collect();
    let first = found.first()?;
    let line = Line::text("message", "n", first).unsure();
    let sentence = format!(
        "{} grows within each key; if it is an event's place there, it can be said, else the number in the id is",
        listed(found.clone())
    );
    Some(Finding::of(sentence).with(line))
}

fn modes(messages: &Messages<'_>) -> Finding {
    let all = messages.len();
    let persistent = messages
        .iter()
        .filter(|(came, _)| came.message.is_persistent())
        .count();
    Finding::of(match persistent {
        _ if persistent == all => "each message is persistent (delivery mode 2)".to_owned(),
        0 => {
            "no message is persistent (delivery mode 2): what waits in queues ends with the broker"
                .to_owned()
        }
        _ => format!("{persistent} of {all} messages are persistent (delivery mode 2)"),
    })
}

#[cfg(test)]
mod tests;
