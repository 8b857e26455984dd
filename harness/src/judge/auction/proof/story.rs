//! Histories for tests, told in few words: a [`Story`] keeps the tables of an honest system beside its entries.

mod amend;
mod answers;
pub(in crate::judge) mod columns;
mod lanes;
mod ledger;
mod repair;
mod stranger;
mod twist;

use uuid::Uuid;

use crate::judge::auction::{
    bid,
    note::Note,
    standing::{StandingRow, standings},
};
use crate::judge::proof::content;
use crate::judge::{basis::Checker, check::run};
use ledger::Log;

use crate::ask::{
    id::{Id, Run},
    scenario::{Condition, Scenario},
    target::Target,
};
use crate::history::{
    Asked, Delivery, EffectRow, Entry, Event, FORMAT, FaultPhase, History, Item, Key, OutboxRow,
    Outcome, Purpose, Snapshot, State, Subject,
};
use crate::judge::verdict::{Finding, Verdict};

/// What one checker says of a story.
pub(in crate::judge) fn verdict(checker: Checker, story: &Story) -> Verdict {
    finding(checker, story).verdict
}

/// All that it says.
pub(in crate::judge) fn finding(checker: Checker, story: &Story) -> Finding {
    run("under test", checker, &story.history()).expect("a run that can be judged")
}

/// The same, with its sentence.
pub(in crate::judge) fn reason(checker: Checker, story: &Story) -> (Verdict, String) {
    let finding = finding(checker, story);
    (finding.verdict, finding.reason)
}

/// A run being told. Bids, auctions and requests have small numbers; bids cost what they are told to.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(in crate::judge) events: Vec<Event>,
    pub(in crate::judge) tables: Snapshot,
    ops: u64,
    /// How long nothing happens before an event, by its place, in microseconds.
    pauses: Vec<(usize, u64)>,
    log: Log,
}

impl Story {
    /// Where operations are stored.
    pub(in crate::judge) const STORED: &str = "bids";
    /// Between two entries.
    const TICK_US: u64 = 1_000;

    /// One fault, applied at once; no auction yet.
    pub(crate) fn new() -> Self {
        let scenario: Scenario = toml::from_str(
            "story = 'told'\n[workload]\nkeys = 1\nwrites = '3 at once'\n\
             [[fault]]\nedge = 'relay -> rabbitmq'\ndo = 'cut'\nat = '0s'\n",
        )
        .expect("a scenario");
        let mut story = Self {
            events: vec![Event::Begun {
                format: FORMAT,
                lab: "told".to_owned(),
                began_at_us: Some(0),
                name: "test/story".to_owned(),
                seed: 7,
                subject: Box::new(Subject::of(&Target::ours())),
                scenario: Box::new(scenario),
                environment: Vec::new(),
            }],
            tables: Snapshot::default(),
            ops: 0,
            pauses: Vec::new(),
            log: Log::default(),
        };
        story.events.push(Event::LedgerOpened { took_ms: 20 });
        story.fault(FaultPhase::Asked);
        story.fault(FaultPhase::Applied);
        story
    }

    /// One auction, three bids of 100, 200 and 300, everything as it should be.
    pub(crate) fn clean() -> Self {
        let mut story = Self::new();
        story.opens(1);
        (1..=3).for_each(|bid| story.place(bid, 1, 100 * bid as i64));
        story.finish();
        story
    }

    /// Two auctions with a bid each, everything as it should be.
    pub(crate) fn of_two_auctions() -> Self {
        let mut story = Self::new();
        (1..=2).for_each(|auction| story.opens(auction));
        (1..=2).for_each(|bid| story.place(bid, bid, 100 * bid as i64));
        story.finish();
        story
    }

    pub(crate) fn id(bid: u128) -> Uuid {
        let number = u32::try_from(bid).expect("a small number");
        let (run, key) = (Run::of(7), 1);
        Id { run, key, number }.uuid()
    }

    pub(crate) fn key(auction: u128) -> Key {
        Key(Uuid::from_u128(0xacc0_0000 + auction))
    }

    pub(in crate::judge) fn event(bid: u128, auction: u128, amount: i64, n: i64) -> OutboxRow {
        OutboxRow {
            row: Uuid::from_u128(0xe0e0_0000 + bid).to_string(),
            state: State::Waiting,
            attempts: Some(1),
            key: Self::key(auction),
            n,
            item: Ok(Item {
                id: Self::id(bid),
                key: Self::key(auction),
                n,
                content: bid::placed(format!("user {bid}"), amount, 1_000 * bid as i64),
            }),
        }
    }

    pub(in crate::judge) fn opens(&mut self, auction: u128) {
        self.open(auction, false, None);
    }

    pub(in crate::judge) fn closed(&mut self, auction: u128) {
        self.open(auction, true, None);
    }

    pub(in crate::judge) fn closing(&mut self, auction: u128, closes_at_us: i64) {
        self.open(auction, false, Some(closes_at_us));
    }

    /// It closes so long after it was created.
    pub(in crate::judge) fn closes(&mut self, auction: u128, after: &str) {
        let closing = format!("1 after {after}");
        self.scenario(|scenario| scenario.own.closing = Some(closing));
        self.closing(auction, i64::MAX);
    }

    fn open(&mut self, auction: u128, closed: bool, closes_at_us: Option<i64>) {
        let created = Note::Created {
            key: Self::key(auction),
            starting_price: 1,
            closed,
            closes_at_us,
        };
        self.events.push(created.into());
    }

    /// The system writes bid and event.
    pub(in crate::judge) fn store(&mut self, bid: u128, auction: u128, amount: i64) {
        let key = Self::key(auction);
        let before = self
            .tables
            .stored
            .iter()
            .filter(|row| row.key == key)
            .count();
        let mut event = Self::event(bid, auction, amount, before as i64 + 1);
        let placed_at_us = self.next_commit_us();
        let item = event.item.as_mut().expect("an honest event");
        content::placed_at_us(&mut item.content, placed_at_us);
        self.tables.stored.push(item.clone());
        let mut written = Self::event_written(&event);
        let position = self.tables.outbox.len();
        written
            .row
            .insert("position".to_owned(), columns::is(position));
        let changes = vec![Self::bid_written(&event), written];
        self.tables.outbox.push(event);
        self.commit(changes);
    }

    /// Asked, stored and accepted.
    pub(in crate::judge) fn place(&mut self, bid: u128, auction: u128, amount: i64) {
        let op = self.ask(bid, auction, amount);
        self.store(bid, auction, amount);
        self.accept(op, 201);
    }

    fn asked(&self, wanted: u64) -> &Asked {
        let asked = self.events.iter().find_map(|event| match event {
            Event::Invoked { op, asked, .. } if *op == wanted => Some(asked),
            _ => None,
        });
        asked.expect("asked before")
    }

    fn fault(&mut self, phase: FaultPhase) {
        let detail = "cut".to_owned();
        self.events.push(Event::Fault {
            fault: 0,
            phase,
            detail,
        });
    }

    fn driven() -> Event {
        Event::Driven {
            held_back: 0,
            ended_after: None,
        }
    }

    pub(in crate::judge) fn snapshot(&mut self) {
        self.events.push(Event::Snapshot(self.tables.clone()));
    }

    /// The fault bites and heals, everything stored is delivered and applied in order, and the run ends.
    pub(in crate::judge) fn finish(&mut self) {
        let requests = self.ops;
        self.events.insert(1, Event::Planned { requests });
        self.pauses.iter_mut().for_each(|(before, _)| *before += 1);
        self.events.push(Self::driven());
        for (process, counters) in self.counters() {
            self.events.push(Event::Counted { process, counters });
        }
        let rows = self.tables.outbox.len() as u64;
        self.events.push(Event::Backlog {
            rows,
            processing: rows,
        });
        self.events.push(Event::Bite {
            fault: 0,
            what: "connections_cut".to_owned(),
            count: 4,
        });
        self.fault(FaultPhase::Healed);
        for number in 0..self.tables.outbox.len() {
            if self.tables.outbox[number].state != State::Sent {
                self.publish(number);
            }
            let event = self.tables.outbox[number].clone();
            self.events.push(Self::delivery(&event));
            self.passes("consumer -> rabbitmq", 0, "deliver", &event);
            self.apply(&event);
            self.passes("consumer -> rabbitmq", 0, "ack", &event);
        }
        self.events.push(Event::CaughtUp {
            fault: 0,
            after_ms: 60,
        });
        self.events.push(Event::Healed);
        self.events.push(Event::Recovered { after_ms: 120 });
        let mut keys: Vec<Key> = self.events.iter().filter_map(created).collect();
        keys.sort_unstable();
        for key in keys {
            let of_it = self.tables.stored.iter();
            let of_it = of_it.filter(|row| row.key == key);
            let listed = Note::Listed {
                key,
                via: "api 1".to_owned(),
                bids: Ok(of_it.cloned().collect()),
            };
            self.events.push(listed.into());
        }
        self.events.push(Event::Fenced);
        self.tables.last = true;
        self.snapshot();
        self.events.push(Event::LedgerClosed { commits: 0 });
        self.events.push(Event::Ended);
    }

    /// An honest system counts nothing that is worth telling.
    fn counters(&self) -> Vec<(String, std::collections::BTreeMap<String, u64>)> {
        let of = |process: &str, names: &[&str]| {
            let zero = names.iter().map(|name| ((*name).to_owned(), 0));
            (process.to_owned(), zero.collect())
        };
        vec![
            of(
                "relay 1",
                &[
                    "relay_returned_total",
                    "relay_nacked_total",
                    "relay_lease_conflicts_total",
                    "relay_outages_total",
                ],
            ),
            of("consumer 1", &["consumer_duplicates_total"]),
            of("api 1", &["bids_refused_total{code=\"outcome_unknown\"}"]),
        ]
    }

    fn delivery(event: &OutboxRow) -> Event {
        Event::Delivered(Delivery {
            dedup: Some(event.row.clone()),
            redelivered: false,
            item: event.item.clone(),
            event_kind: String::new(),
            digest: event.row.clone(),
            persistent: true,
            flaws: Vec::new(),
        })
    }

    /// A message about an event passes a tap.
    pub(in crate::judge) fn passes(
        &mut self,
        edge: &str,
        connection: i64,
        what: &str,
        event: &OutboxRow,
    ) {
        self.events.push(Event::Passed {
            edge: edge.to_owned(),
            by: edge.split(" -> ").next().unwrap_or_default().to_owned(),
            connection: connection.unsigned_abs(),
            what: what.to_owned(),
            text: event.row.clone(),
            ops: event.announces().into_iter().collect(),
            struck: false,
        });
    }

    /// When the next entry comes.
    pub(in crate::judge) fn now_us(&self) -> u64 {
        let waited = self.pauses.iter().map(|(_, us)| us).sum::<u64>();
        self.events.len() as u64 * Self::TICK_US + waited
    }

    fn apply(&mut self, event: &OutboxRow) {
        let item = event.item.clone().expect("an honest event");
        let mut stands = self.standing(item.key);
        stands.last_sequence += 1;
        stands.bid_count += 1;
        let amount = bid::Bid::amount(&item);
        if Some(amount) > stands.highest_amount {
            stands.highest_amount = Some(amount);
            stands.highest_bid_id = Some(item.id);
        }
        let n = item.n;
        self.tables.effects.push(EffectRow { item, times: 1 });
        self.tables.stand(stands);
        self.applied(event, n);
    }

    /// How an auction stands.
    fn standing(&self, key: Key) -> StandingRow {
        let known = standings(&self.tables)
            .into_iter()
            .find(|row| row.key == key);
        known.unwrap_or(StandingRow {
            key,
            last_sequence: 0,
            bid_count: 0,
            highest_bid_id: None,
            highest_amount: None,
        })
    }

    pub(crate) fn history(&self) -> History {
        let committed = |event: &&Event| matches!(event, Event::Committed(_));
        let commits = self.events.iter().filter(committed).count() as u64;
        let stamped = self.events.iter().cloned().enumerate();
        let entries = stamped.map(|(at, event)| {
            let waited = self.pauses.iter().filter(|(before, _)| *before <= at);
            Entry {
                at_us: at as u64 * Self::TICK_US + waited.map(|(_, us)| us).sum::<u64>(),
                event: match event {
                    // Whatever a test has put in or taken out.
                    Event::LedgerClosed { .. } => Event::LedgerClosed { commits },
                    event => event,
                },
            }
        });
        History::new(entries.collect(), None)
    }
}

fn created(event: &Event) -> Option<Key> {
    match Note::of(event) {
        Some(Note::Created { key, .. }) => Some(key),
        _ => None,
    }
}
