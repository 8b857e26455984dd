//! A scenario: one fault story, written as a TOML file that reads from top to bottom.

mod plan;
mod when;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use crate::ask::auction::{Keys, Own, SECTION as OWN};
use crate::ask::{
    lasting::Lasting,
    pace::{BadPace, Pace},
};

pub use plan::{BadPlan, Operation, Plan};
pub use when::{Message, When};

/// What a scenario file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What happens and what must hold, in one or two sentences.
    pub story: String,
    /// What runs.
    #[serde(default)]
    pub system: System,
    /// What the clients do.
    pub workload: Workload,
    /// What they do that only the lab's own target knows.
    #[serde(default, rename = "auction", skip_serializing_if = "Own::is_nothing")]
    pub own: Own,
    /// What breaks, and when.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Fault>,
    /// What must have happened for the run to mean anything: fact → condition. Not met: the run is vacuous.
    #[serde(default)]
    pub bites: BTreeMap<String, Condition>,
    /// What must hold beside the invariants, which always must.
    #[serde(default)]
    pub expect: Expect,
    /// The operations one by one, where they are not drawn. In files they stand beside the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

impl Scenario {
    /// The same story with these operations, whatever would have been drawn. What was asked of the workload as a whole is in
    /// each of them.
    #[must_use]
    pub fn planned(&self, plan: Plan) -> Self {
        Self {
            workload: Workload {
                keys: u32::try_from(plan.keys().len()).unwrap_or(u32::MAX),
                writes: format!("{} planned", plan.operations.len()),
                hot_percent: 0,
                copies: one(),
                again: 0,
            },
            own: self.own.planned(),
            plan: Some(plan),
            ..self.clone()
        }
    }

    /// The same story with these of its faults, counted from 0. What it asks of them by their numbers follows them.
    #[must_use]
    pub fn with_faults(&self, kept: &[usize]) -> Self {
        let faults = kept.iter().map(|at| self.faults[*at].clone()).collect();
        let of = |number: usize| format!("fault_{number}_bites");
        let renumbered = |name: &str| match (0..self.faults.len()).find(|at| name == of(at + 1)) {
            None => Some(name.to_owned()),
            Some(old) => kept.iter().position(|at| *at == old).map(|new| of(new + 1)),
        };
        let followed = |asked: &BTreeMap<String, Condition>| {
            let followed = asked
                .iter()
                .filter_map(|(name, condition)| Some((renumbered(name)?, *condition)));
            followed.collect()
        };
        let mut less = Self {
            faults,
            bites: followed(&self.bites),
            ..self.clone()
        };
        less.expect.facts = followed(&self.expect.facts);
        less
    }

    /// How many operations there are, and how fast.
    pub fn pace(&self) -> Result<Pace, BadPace> {
        Pace::parse(&self.workload.writes)
    }

    /// From the start of the workload until nothing more is sent; none if all of it is sent at once.
    pub fn span(&self) -> Result<Option<Duration>, BadPace> {
        Ok(match (self.pace()?, &self.plan) {
            (Pace::Rate { span, .. }, _) => Some(span),
            (Pace::Planned(_), Some(plan)) => Some(plan.span()),
            (Pace::AtOnce(_) | Pace::Planned(_), _) => None,
        })
    }

    /// The same story with nothing broken: no fault, and clients that ask for each operation once and only for valid ones. Whatever its
    /// `[bites]` ask for must not be there then, or they prove nothing.
    #[must_use]
    pub fn control(&self) -> Self {
        let mut control = self.clone();
        control.faults.clear();
        control.workload.copies = one();
        control.workload.again = 0;
        control.own.make_valid();
        control.expect.facts.clear();
        let own = |fact: &str| fact.starts_with("fault_") && fact.ends_with("_bites");
        control.bites.retain(|fact, _| !own(fact));
        control
    }
}

/// How many processes of each role run, and how they are set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct System {
    /// `api` processes; clients spread over them.
    pub apis: u32,
    /// `relay` processes.
    pub relays: u32,
    /// `consumer` processes.
    pub consumers: u32,
    /// Settings of the service by environment variable, such as `OUTBOX_LEASE_MS = "1500"`; everything else is as shipped.
    pub settings: BTreeMap<String, String>,
    /// Settings of a Postgres that the scenario breaks, such as `fsync = "off"`, in force without a restart; everything else is
    /// as the lab sets it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub postgres: BTreeMap<String, String>,
}

impl Default for System {
    fn default() -> Self {
        Self {
            apis: 1,
            relays: 1,
            consumers: 1,
            settings: BTreeMap::new(),
            postgres: BTreeMap::new(),
        }
    }
}

/// The setting that says how often an idle relay looks without being rung, and its shipped value.
const POLL: (&str, Duration) = ("OUTBOX_POLL_MS", Duration::from_millis(1_000));

impl System {
    /// How often an idle relay looks without being rung.
    pub fn poll(&self) -> Duration {
        let (name, shipped) = POLL;
        let set = self.settings.get(name).and_then(|text| text.parse().ok());
        set.map_or(shipped, Duration::from_millis)
    }
}

/// What the clients do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What has an order of its own: orders, customers, accounts.
    pub keys: u32,
    /// How many operations, and how fast: `"200/s for 3s"`, or `"100 at once"`; or `"6 planned"`, which stand beside the file.
    pub writes: String,
    /// Share of operations on the first key, in percent; the rest spread evenly.
    #[serde(default)]
    pub hot_percent: u32,
    /// Every operation is asked for so many times, at once.
    #[serde(default = "one")]
    pub copies: u32,
    /// Share of operations, in percent, that are an earlier one again, the same in every field.
    #[serde(default)]
    pub again: u32,
}

fn one() -> u32 {
    1
}

/// One thing that breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A connection: `"relay -> rabbitmq"`, `"relay 2 -> postgres"`, `"client -> api"`. Either this or `process`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<String>,
    /// A process: `"relay"`, `"relay 2"`, `"consumer"`, `"api"`, `"rabbitmq"`, `"postgres"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// What is done to it: `"cut"`, `"latency 50ms jitter 10ms"`, `"kill"`, `"delete queue"`, … (`lab faults` lists all).
    #[serde(rename = "do")]
    pub action: String,
    /// When it starts, from the start of the workload: `"1s"`. Either this or `when`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The state of the system that starts it, `"20 events are held"`, or the message, `{ event = "committed", nth = 3 }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Faults with a turn come one after the other on a system that goes on: those of a turn begin when all of earlier turns are
    /// over and what they had held up is made good. `at` counts from there, and with the last turn the workload ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    /// So long it waits for what is said in `when`: `"2s"`. Without it: until ten seconds after the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// How long it lasts: `"500ms"`, or `"ever"`. Without it: until the workload has ended.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<String>,
    /// A process is killed, frozen or terminated at an instant at which it has something in its hands; with this, at one
    /// at which it has nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
    /// Whether it meets anything is left to chance: the run is vacuous only if fewer than half of its faults did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_miss: bool,
}

impl Fault {
    /// Whom it hits, as it is written.
    pub fn on(&self) -> &str {
        let on = self.edge.as_deref().or(self.process.as_deref());
        on.unwrap_or("?")
    }
}

impl Fault {
    /// Whether it is meant to stay: nothing heals it.
    pub fn stays(&self) -> bool {
        Lasting::parse(self.lasts.as_deref()) == Ok(Lasting::Ever)
    }
}

/// What must hold beside the invariants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// How long the system may take, from the last heal, until nothing is left to do: `"5s"`.
    #[serde(default = "default_budget")]
    pub recovered_within: String,
    /// Fact → condition. Not met: the run fails.
    #[serde(flatten)]
    pub facts: BTreeMap<String, Condition>,
}

fn default_budget() -> String {
    "15s".to_owned()
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            recovered_within: default_budget(),
            facts: BTreeMap::new(),
        }
    }
}

/// A comparison with a number, written `">= 1"`, `"= 0"`, `"< 50"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    comparison: Comparison,
    bound: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    AtMost,
    MoreThan,
    LessThan,
    Equal,
}

impl Comparison {
    const ALL: [(&'static str, Self); 5] = [
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        (">", Self::MoreThan),
        ("<", Self::LessThan),
        ("=", Self::Equal),
    ];
}

impl Condition {
    /// At least once, where it asks for more.
    pub fn once_at_least(self) -> Option<Self> {
        let asks_for_more = self.comparison == Comparison::AtLeast && self.bound > 1;
        asks_for_more.then_some(Self { bound: 1, ..self })
    }

    /// Whether `value` meets it.
    pub fn holds(self, value: u64) -> bool {
        match self.comparison {
            Comparison::AtLeast => value >= self.bound,
            Comparison::AtMost => value <= self.bound,
            Comparison::MoreThan => value > self.bound,
            Comparison::LessThan => value < self.bound,
            Comparison::Equal => value == self.bound,
        }
    }
}

impl TryFrom<String> for Condition {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a condition; write one like \">= 1\" or \"= 0\"");
        let (sign, comparison) = Comparison::ALL
            .into_iter()
            .find(|(sign, _)| text.starts_with(sign))
            .ok_or_else(wrong)?;
        let bound = text[sign.len()..].trim().parse().map_err(|_| wrong())?;
        Ok(Self { comparison, bound })
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.to_string()
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, _) = Comparison::ALL
            .into_iter()
            .find(|(_, comparison)| *comparison == self.comparison)
            .expect("every comparison has a sign");
        write!(f, "{sign} {}", self.bound)
    }
}
