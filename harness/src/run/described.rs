//! How the lab deals with a target that a file describes: it writes operations, hears messages and looks at tables by what the
//! file says, and knows nothing else.

pub mod voice;
mod workload;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    ask::{
        fault::Role,
        id::Run,
        scenario::Scenario,
        target::{Target, outbox::Sent},
    },
    history::{Delivery, Event, Purpose, Recorder, Snapshot},
    run::{
        gauge::{Counts, Gauge},
        heard::{Heard, Listeners, Noted as Message},
        numbers::Numbers,
        oplog::OpLog,
        plan::{Canary, Step},
        rows::{Sight, Tables},
        site::Site,
        warm_up::warm_up,
        write::{Ways, Writer},
    },
};
use voice::{Described, Noted};

/// For a look at the tables, which are small.
const LOOK_WITHIN: Duration = Duration::from_secs(10);
/// For counting what waits.
const COUNT_WITHIN: Duration = Duration::from_secs(2);

/// A target that a file describes, before its processes stand.
pub struct Prepared {
    steps: Vec<Step>,
    target: Target,
    keys: Vec<u16>,
    numbers: Numbers,
    tables: Tables,
    listeners: Listeners,
    log: OpLog,
}

/// A target that a file describes, as a run deals with it.
pub struct DescribedTarget {
    /// What clients will do.
    pub steps: Vec<Step>,
    target: Target,
    keys: Vec<u16>,
    numbers: Numbers,
    tables: Tables,
    listeners: Listeners,
    log: OpLog,
    writer: Writer,
}

impl Prepared {
    /// Draws the workload and begins to listen. `pool` and `amqp_url` connect around all faults.
    pub async fn of(
        target: Target,
        scenario: &Scenario,
        seed: u64,
        run: Run,
        pool: PgPool,
        amqp_url: String,
        recorder: &Recorder,
    ) -> Result<Self> {
        let numbers = Numbers::of(run);
        let steps = workload::steps(scenario, &target, &numbers, seed)?;
        let recorder_of_messages = recorder.clone();
        let sink = Arc::new(move |noted| note(&recorder_of_messages, noted));
        Ok(Self {
            steps,
            keys: keys(scenario),
            tables: Tables::of(&target, run, pool),
            listeners: Listeners::start(amqp_url, &target, run, sink).await,
            log: OpLog::new(recorder.clone()),
            numbers,
            target,
        })
    }

    /// Its processes stand: it is listened to wherever the file says, and what is written is heard. Nothing is broken before
    /// that; an error here is one of the file, or of the lab.
    pub async fn warm(self, ways: Ways) -> Result<DescribedTarget> {
        let within = self.target.pace.ready_within.get();
        self.listeners
            .ready(within)
            .await
            .context("listening to the target")?;
        let writer = Writer::new(&self.target, ways)?;
        // On a key of its own: what is written again because nobody heard it has no place among the others.
        let spare = self
            .keys
            .iter()
            .max()
            .map_or(0, |last| last.saturating_add(1));
        let next = || self.numbers.id(spare);
        let mut noted: Option<Noted> = None;
        warm_up(&writer, &self.listeners, next, within, |id, step| {
            let of_it = noted.take().filter(|noted| noted.is_of(id));
            let mut of_it =
                of_it.unwrap_or_else(|| Noted::of(id, Purpose::WarmUp, self.log.clone()));
            of_it.take(step);
            noted = Some(of_it);
        })
        .await?;
        Ok(DescribedTarget {
            steps: self.steps,
            target: self.target,
            keys: self.keys,
            numbers: self.numbers,
            tables: self.tables,
            listeners: self.listeners,
            log: self.log,
            writer,
        })
    }
}

impl DescribedTarget {
    /// Who asks.
    pub fn voice(&self) -> Described {
        let look = &self.target.look;
        let can_be_asked =
            look.business.is_some() || look.answer.is_some() || self.target.write.again;
        Described::new(self.writer.clone(), can_be_asked)
    }

    /// Where requests are noted.
    pub fn log(&self) -> OpLog {
        self.log.clone()
    }

    /// One operation of each key, spread over the processes that take requests.
    pub fn canaries(&self, apis: &[usize]) -> Vec<Canary> {
        if apis.is_empty() && self.target.write.is_http() {
            return Vec::new();
        }
        let canary = |number: usize| Canary {
            asked: self.numbers.next(self.keys[number % self.keys.len()]),
            api: apis
                .get(number % apis.len().max(1))
                .copied()
                .unwrap_or_default(),
        };
        (0..self.keys.len().max(apis.len())).map(canary).collect()
    }

    /// How much there is of what, and whether something is still under way.
    pub async fn gauge(&self) -> Result<Gauge> {
        let accepted = self.log.accepted();
        let unheard = self.unheard(&accepted);
        let rows = self.tables.waiting(COUNT_WITHIN).await?;
        let mut counts = Counts {
            stored: accepted.len() as i64,
            ..Counts::default()
        };
        match rows {
            Some(rows) => {
                (counts.waiting, counts.held) = (rows.waiting, rows.held);
                (counts.sent, counts.given_up) = (rows.sent, rows.given_up);
            }
            None => counts.waiting = unheard as i64,
        }
        // Where rows say that they are sent, nothing more comes when none waits; else only what is heard is done.
        let says = self.says_sent() && rows.is_some();
        let at_rest = counts.waiting + counts.held == 0 && (says || unheard == 0);
        let effects = match at_rest && self.target.effects.is_some() {
            true => self.without_effect().await?,
            false => 0,
        };
        counts.parked = effects as i64;
        Ok(Gauge {
            counts,
            deliveries: self.listeners.deliveries(),
            messages: self.listeners.operations(),
            at_rest: at_rest && effects == 0,
        })
    }

    fn says_sent(&self) -> bool {
        let outbox = self.target.outbox.as_ref();
        outbox.is_some_and(|outbox| outbox.sent != Sent::Unsaid)
    }

    fn unheard(&self, ids: &BTreeSet<Uuid>) -> u64 {
        ids.iter().filter(|id| !self.listeners.heard(**id)).count() as u64
    }

    /// Operations that were heard of and have not taken effect.
    async fn without_effect(&self) -> Result<u64> {
        let sight = self.tables.look(COUNT_WITHIN).await?;
        let effects = sight.effects.unwrap_or_default();
        let applied: BTreeSet<Uuid> = effects
            .rows
            .iter()
            .filter(|row| row.times > 0)
            .map(|row| row.item.id)
            .collect();
        let heard = self.log.accepted();
        let heard = heard.iter().filter(|id| self.listeners.heard(**id));
        Ok(heard.filter(|id| !applied.contains(id)).count() as u64)
    }

    /// How many of these still wait to be heard of. Where rows say that they are sent and none waits, nothing more comes.
    pub async fn waiting_of(&self, asked: &BTreeSet<Uuid>) -> Result<u64> {
        let unheard = self.unheard(asked);
        if unheard == 0 || !self.says_sent() {
            return Ok(unheard);
        }
        let rows = self.tables.waiting(COUNT_WITHIN).await?;
        Ok(rows.map_or(unheard, |rows| match rows.waiting + rows.held {
            0 => 0,
            _ => unheard,
        }))
    }

    /// The tables at one instant.
    pub async fn look(&self) -> Result<Snapshot> {
        let Sight {
            stored,
            outbox,
            effects,
        } = self.tables.look(LOOK_WITHIN).await?;
        let (stored, effects) = (stored.unwrap_or_default(), effects.unwrap_or_default());
        Ok(Snapshot {
            stored: stored.rows,
            outbox: outbox.unwrap_or_default(),
            effects: effects.rows,
            odd: stored.odd.into_iter().chain(effects.odd).collect(),
            ..Snapshot::default()
        })
    }

    /// Ends writers and relays, and then who consumes.
    pub(super) async fn come_to_rest(&self, site: Site<'_>) {
        site.system.stop(&[Role::Api, Role::Relay]).await;
        site.system.stop(&[Role::Consumer]).await;
    }

    /// Waits until a message of the lab's own has come out of every place behind everything that was published there so far.
    pub async fn hear_all(&self, within: Duration) -> Result<()> {
        self.listeners.fence(within).await
    }

    /// Waits until the lab's own last message has come out of every place behind everything that was published there.
    pub async fn fence(&self, recorder: &Recorder, within: Duration) -> Result<()> {
        self.hear_all(within).await?;
        recorder.record(Event::Fenced);
        Ok(())
    }
}

/// The keys of a scenario's operations, one at least.
fn keys(scenario: &Scenario) -> Vec<u16> {
    match &scenario.plan {
        Some(plan) => plan.keys(),
        None => (0..u16::try_from(scenario.workload.keys.max(1)).unwrap_or(u16::MAX)).collect(),
    }
}

fn note(recorder: &Recorder, noted: Message) {
    match noted {
        Message::Heard(heard) => recorder.record(Event::Delivered(delivery(heard))),
        Message::Came(_) | Message::Fenced { .. } => {}
        Message::Gap(gap) => {
            if let Some(missed) = gap.missed {
                recorder.record(Event::LabError {
                    message: format!(
                        "nobody listened at {} for {} ms ({}), and what was sent there meanwhile may have gone by unheard: {missed}",
                        gap.place, gap.for_ms, gap.why
                    ),
                });
            }
        }
    }
}

fn delivery(heard: Heard) -> Delivery {
    // A batch may be put together in another way when it is sent again.
    let digest = match heard.about > 1 {
        true => String::new(),
        false => heard.digest,
    };
    let kind = heard.message_type.unwrap_or_default();
    Delivery {
        dedup: heard.dedup,
        redelivered: heard.redelivered,
        item: heard.item,
        event_kind: format!("{} {kind}", heard.exchange).trim().to_owned(),
        digest,
        persistent: heard.persistent,
        flaws: Vec::new(),
    }
}
