//! What can be done to the auction service alone.

use uuid::Uuid;

/// The relay by which lanes are [taken over](Harm::Usurp): not a UUID that any relay draws. It marks and hands back nothing;
/// what becomes of the events that it holds is somebody else's doing.
pub const USURPER: Uuid = Uuid::max();

/// Some harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The consumer's queue gives up what is returned to it a few times. Healed, it does not, and what it gave up is put
    /// back by the service's own `redrive`.
    LimitDeliveries,
    /// A third party sends the consumer what is no event.
    Nonsense,
    /// The next event is stored with a payload of which no message can be made. Healed, it is mended, and put back by the
    /// service's own `requeue`.
    Spoil,
    /// A session of somebody else's holds rows that the service writes.
    Lock(Locked),
    /// A server takes one kind of thing no more. Only this run's database or vhost is touched.
    Refuse(Refused),
    /// Another relay, one that exists only in the database, takes every lane over, as if the leases had run out. What
    /// the real ones then write back must not count.
    Usurp,
}

/// What a server can be made to refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Postgres: a row of the outbox, as a full disk would.
    Events,
    /// Postgres: the commit of a bid, as a constraint that is checked last, or a full disk, would.
    Commits,
    /// RabbitMQ: messages beyond the first few of the consumer's queue (`overflow = reject-publish`): publishers are nacked.
    Messages,
}

/// Of which table every row can be locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// The relays' lanes.
    Lanes,
    /// The auctions, whose rows bids wait for.
    Auctions,
}

/// All of it: to whom, in a scenario's words, and what.
const ALL: [(&str, &str, Harm); 9] = [
    ("rabbitmq", "send nonsense", Harm::Nonsense),
    ("rabbitmq", "limit deliveries", Harm::LimitDeliveries),
    (
        "rabbitmq",
        "refuse messages",
        Harm::Refuse(Refused::Messages),
    ),
    ("postgres", "refuse events", Harm::Refuse(Refused::Events)),
    ("postgres", "refuse commits", Harm::Refuse(Refused::Commits)),
    ("postgres", "spoil an event", Harm::Spoil),
    ("postgres", "lock lanes", Harm::Lock(Locked::Lanes)),
    ("postgres", "lock auctions", Harm::Lock(Locked::Auctions)),
    ("relay", "usurp", Harm::Usurp),
];

impl Harm {
    /// What is to be done to a server, or to all processes of a role.
    pub fn parse(whom: &str, text: &str) -> Option<Self> {
        let known = ALL.iter();
        let mut meant = known.filter(|(to, words, _)| *to == whom && *words == text);
        meant.next().map(|(_, _, harm)| *harm)
    }

    /// All of it in one line.
    pub fn told() -> String {
        let each = ALL.map(|(whom, text, _)| format!("{text} ({whom})"));
        each.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_harm_has_words_of_its_own_and_is_done_to_one_only() {
        for (whom, text, harm) in ALL {
            assert_eq!(Harm::parse(whom, text), Some(harm));
            let others = ["rabbitmq", "postgres", "relay", "api", ""];
            let others = others.into_iter().filter(|other| *other != whom);
            assert!(
                others
                    .into_iter()
                    .all(|other| Harm::parse(other, text).is_none())
            );
        }
    }
}
