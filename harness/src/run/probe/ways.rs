//! Where messages went, how they were sent, and how long they took.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    facts::{By, Came, Facts},
    finding::{Finding, listed},
};
use crate::{
    ask::target::{
        completed::{Line, quoted},
        witness::Witness,
    },
    wire::tap::TapCounters,
};

/// More keys than this are not named one by one.
const KEYS: usize = 8;

/// A way that messages about operations went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Way {
    keys: BTreeSet<String>,
    messages: usize,
}

/// Where messages about operations went. `kinds` are those of the exchanges, as far as they are known.
pub fn findings(
    facts: &Facts,
    witnesses: &[Witness],
    kinds: &BTreeMap<String, String>,
) -> Vec<Finding> {
    let messages = facts.messages();
    if messages.is_empty() {
        let nameless = facts.came.len();
        return vec![Finding::of(match nameless {
            0 => "nothing was published".to_owned(),
            _ => format!(
                "{nameless} messages were published, and none carries an operation's id: is it hashed, encrypted or compressed there, or not passed on?"
            ),
        })];
    }
    let heard = messages.iter().any(|came| came.by == By::Witness);
    let told: Vec<&Came> = match facts.came.iter().any(|came| came.by == By::Firehose) {
        true => facts
            .came
            .iter()
            .filter(|came| came.by == By::Firehose && !came.ids.is_empty())
            .collect(),
        false => messages,
    };
    let mut ways: BTreeMap<&str, Way> = BTreeMap::new();
    for came in &told {
        let way = ways.entry(came.message.exchange.as_str()).or_default();
        way.keys.insert(came.message.routing_key.clone());
        way.messages += 1;
    }
    let mut all: Vec<Finding> = Vec::new();
    for (exchange, way) in &ways {
        let said = witnesses
            .iter()
            .any(|witness| hears(witness, exchange, &way.keys));
        let kind = kinds.get(*exchange).map(String::as_str);
        all.push(way.finding(exchange, kind, said && heard));
    }
    if !heard {
        let named = witnesses.iter().map(ToString::to_string);
        all.insert(0, Finding::of(format!(
            "the file listens to {}, where no operation was heard of: the broker's own word is where the messages went",
            listed(named)
        )));
    }
    all
}

fn hears(witness: &Witness, exchange: &str, keys: &BTreeSet<String>) -> bool {
    match witness {
        Witness::Exchange { name, .. } => name.as_str() == exchange,
        Witness::Queue(name) => exchange.is_empty() && keys.contains(name.as_str()),
    }
}

impl Way {
    fn finding(&self, exchange: &str, kind: Option<&str>, is_said: bool) -> Finding {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("{key:?}")).collect();
        let by = match keys.len() {
            0..=KEYS => listed(keys),
            more => format!("{} and {} others", keys[..KEYS].join(", "), more - KEYS),
        };
        let count = self.messages;
        let found = match (exchange, kind) {
            ("", _) => Finding::of(format!(
                "{count} messages went to the default exchange, by the key {by}"
            )),
            (_, Some(kind)) => Finding::of(format!(
                "{count} messages went to the exchange {exchange} ({kind}), by the key {by}"
            )),
            (_, None) => Finding::of(format!(
                "{count} messages went to the exchange {exchange}, by the key {by}"
            )),
        };
        match is_said {
            true => found,
            // The file listens somewhere, and who wrote it decides.
            false => found.and(self.lines(exchange, kind).into_iter().map(Line::unsure)),
        }
    }

    fn lines(&self, exchange: &str, kind: Option<&str>) -> Vec<Line> {
        if exchange.is_empty() {
            let queues = self.keys.iter().take(KEYS);
            return queues
                .map(|queue| Line::text("witness", "queue", queue))
                .collect();
        }
        let mut lines = vec![Line::text("witness", "exchange", exchange)];
        if let Some(kind) = kind.filter(|kind| *kind != "topic") {
            lines.push(Line::text("witness", "kind", kind));
        }
        if kind == Some("direct") {
            let keys: Vec<String> = self.keys.iter().map(|key| quoted(key)).collect();
            lines.push(Line {
                value: format!("[{}]", keys.join(", ")),
                ..Line::text("witness", "keys", "")
            });
        }
        lines
    }
}

/// How messages were published over the edges to the broker, by all that went through them.
pub fn published(counters: &TapCounters) -> Finding {
    let all = counters.publishes;
    if all == 0 {
        return Finding::of(
            "nothing was published by AMQP 0-9-1 over an edge: whether confirms are asked for is not seen",
        );
    }
    let confirms = match counters.confirming {
        0 => "no channel asks for confirms: what the broker loses on the way nobody learns of"
            .to_owned(),
        1 => "a channel asks for confirms".to_owned(),
        more => format!("{more} channels ask for confirms"),
    };
    let mandatory = match counters.mandatory {
        0 => "no publish is mandatory: what is routed nowhere is dropped without a word".to_owned(),
        some if some == all => "each publish is mandatory".to_owned(),
        some => format!("{some} of {all} publishes are mandatory"),
    };
    Finding::of(format!("{confirms}; {mandatory}"))
}

/// How long messages took from the beginning of their write; none if none came.
pub fn took(facts: &Facts) -> Option<Finding> {
    let took = facts.accepted.iter().filter_map(|id| {
        let asked = facts.asked_at_us.get(&id.uuid())?;
        let heard = facts.heard_at_us(id.uuid())?;
        Some(u64::try_from(heard - asked).unwrap_or_default())
    });
    let mut took: Vec<u64> = took.collect();
    took.sort_unstable();
    let (median, longest) = (took.get(took.len() / 2)?, took.last()?);
    let shown = |us: &u64| format!("{:?}", Duration::from_millis(us.div_ceil(1000)));
    Some(Finding::of(format!(
        "a message comes {} after its write began in the median, {} at the longest",
        shown(median),
        shown(longest)
    )))
}

/// Operations of which too many messages came, or none.
pub fn amiss(facts: &Facts) -> Vec<Finding> {
    let heard = facts.heard();
    let mut all = Vec::new();
    let missing = facts
        .accepted
        .iter()
        .filter(|id| !heard.contains(&id.uuid()))
        .count();
    if missing > 0 && missing < facts.accepted.len() {
        all.push(Finding::of(format!(
            "no message came about {missing} of {} operations that were accepted, in the time of [pace] recovers_within",
            facts.accepted.len()
        )));
    }
    let undone = facts
        .rolled_back
        .iter()
        .filter(|id| heard.contains(&id.uuid()))
        .count();
    if undone > 0 {
        all.push(Finding::of(format!(
            "a message came about {undone} operations that were rolled back"
        )));
    }
    let mut copies: BTreeMap<(Vec<u128>, &str, &str), usize> = BTreeMap::new();
    for came in facts.messages() {
        let ids = came.ids.iter().map(|id| id.uuid().as_u128()).collect();
        let way = (
            ids,
            came.message.exchange.as_str(),
            came.message.routing_key.as_str(),
        );
        *copies.entry(way).or_default() += 1;
    }
    let several = copies.values().filter(|count| **count > 1).count();
    if several > 0 {
        all.push(Finding::of(format!(
            "several messages came about one operation, {several} times: copies without any fault, or events of several types"
        )));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ask::{
            id::{Id, Run},
            target::exchange::{Kind, Name},
        },
        run::{
            heard::message::Message,
            probe::{rows::Rows, schema::Schema},
        },
    };

    fn id(number: u32) -> Id {
        Id {
            run: Run::of(1),
            key: 1,
            number,
        }
    }

    fn came(by: By, number: u32, exchange: &str, key: &str) -> Came {
        Came {
            by,
            at_us: i64::from(number) * 10_000,
            ids: vec![id(number)],
            message: Message {
                exchange: exchange.to_owned(),
                routing_key: key.to_owned(),
                ..Message::default()
            },
        }
    }

    fn facts(came: Vec<Came>) -> Facts {
        let ids = || (1..=3).map(id);
        Facts {
            run: Run::of(1),
            accepted: ids().collect(),
            asked_at_us: ids().map(|id| (id.uuid(), 0)).collect(),
            rolled_back: vec![id(4)],
            schema: Schema::default(),
            rows: Ok(Rows::default()),
            one_clock: true,
            came,
        }
    }

    fn on(exchange: &str) -> Witness {
        Witness::Exchange {
            name: Name::try_from(exchange.to_owned()).expect("a name"),
            kind: Kind::Topic,
            keys: vec!["#".to_owned()],
        }
    }

    #[test]
    fn a_wrong_witness_is_answered_with_the_right_one() {
        let all = |exchange: &str, key: &str| {
            (1..=3)
                .map(|n| came(By::Firehose, n, exchange, key))
                .collect()
        };
        let kinds = [("orders".to_owned(), "direct".to_owned())].into();
        let lines = |facts: &Facts, witness: &str| -> Vec<String> {
            let found = findings(facts, &[on(witness)], &kinds);
            found
                .iter()
                .flat_map(|finding| &finding.lines)
                .map(Line::shown)
                .collect()
        };
        let elsewhere = facts(all("orders", "order.placed"));
        assert_eq!(
            lines(&elsewhere, "shop.events"),
            [
                "exchange = \"orders\"",
                "kind = \"direct\"",
                "keys = [\"order.placed\"]"
            ]
        );
        let by_default = facts(all("", "parcels"));
        assert_eq!(lines(&by_default, "shop.events"), ["queue = \"parcels\""]);
        let mut both: Vec<Came> = all("orders", "a");
        both.extend((1..=3).map(|n| came(By::Witness, n, "orders", "a")));
        assert!(
            lines(&facts(both), "orders").is_empty(),
            "the file says it already"
        );
        let said = findings(&facts(Vec::new()), &[on("a")], &kinds)
            .remove(0)
            .sentence;
        assert_eq!(said, "nothing was published");
    }

    #[test]
    fn it_is_told_how_long_messages_took_and_what_is_amiss() {
        let mut facts = facts(vec![
            came(By::Witness, 1, "e", "k"),
            came(By::Witness, 2, "e", "k"),
            came(By::Witness, 2, "e", "k"),
            came(By::Witness, 4, "e", "k"),
        ]);
        let took = took(&facts).expect("some came").sentence;
        assert_eq!(
            took,
            "a message comes 20ms after its write began in the median, 20ms at the longest"
        );
        let said: Vec<String> = amiss(&facts)
            .into_iter()
            .map(|finding| finding.sentence)
            .collect();
        assert_eq!(said.len(), 3, "{said:?}");
        facts.came.truncate(1);
        facts.accepted.truncate(1);
        assert!(amiss(&facts).is_empty());
    }

    #[test]
    fn confirms_and_the_mandatory_bit_are_told() {
        let counters = |publishes, confirming, mandatory| TapCounters {
            publishes,
            confirming,
            mandatory,
            ..TapCounters::default()
        };
        let said = published(&counters(20, 1, 20)).sentence;
        assert_eq!(
            said,
            "a channel asks for confirms; each publish is mandatory"
        );
        let said = published(&counters(20, 0, 3)).sentence;
        assert!(said.starts_with("no channel asks for confirms"), "{said}");
        assert!(said.ends_with("3 of 20 publishes are mandatory"), "{said}");
    }
}
