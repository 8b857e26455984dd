//! From the heal of the faults to a system that works again: every process ready, every answer known, a canary through each
//! process of the API and on each key, and then nothing left to do.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{gauge::Gauge, reach::Reach, stage::Stage};
use crate::{
    ask::scenario::Scenario,
    history::{Asked, Event, Purpose, QUIET_BUT_LATE},
    os::causes::Causes,
    run::client::Clients,
};

/// Beyond a poll, so that whatever a poll would still do has been done.
const BEYOND_A_POLL: Duration = Duration::from_millis(150);
/// What only a longer timer would still do is brought to its end with its process: nobody waits for it.
const LONGEST_POLL: Duration = Duration::from_secs(1);
/// Beyond the budget: how long to wait for what would have come, to tell late from never.
const LATE: Duration = Duration::from_secs(1);

/// What recovery is made of.
pub(super) struct Recovery<'r> {
    pub stage: &'r Stage<'r>,
    pub scenario: &'r Scenario,
    pub clients: &'r Clients,
    pub reach: &'r Reach,
    /// Nothing more is asked for afterwards: canaries beat whatever is.
    pub is_last: bool,
}

impl Recovery<'_> {
    /// Brings the run to its quiet, and says that it came in time, or what was missing.
    pub async fn await_quiet(
        &self,
        unknown: &[Asked],
        gauge: watch::Receiver<Gauge>,
    ) -> Result<Event> {
        let healed = Instant::now();
        let budget = humantime::parse_duration(&self.scenario.expect.recovered_within)
            .context("expect.recovered_within is no duration such as 5s")?;
        let deadline = healed + budget;
        let works = self.works(unknown, deadline).await;
        let quiet = match works {
            Ok(()) => self.quiet(gauge, deadline).await,
            Err(missing) => Err(missing),
        };
        let until = |moment: Instant| moment.duration_since(healed).as_millis() as u64;
        Ok(match quiet {
            Ok(since) if since <= deadline => Event::Recovered {
                after_ms: until(since),
            },
            Ok(since) => Event::NotRecovered {
                waited_ms: until(since),
                last_seen: QUIET_BUT_LATE.to_owned(),
            },
            Err(last_seen) => Event::NotRecovered {
                waited_ms: until(Instant::now()),
                last_seen,
            },
        })
    }

    /// Every process is ready, every answer known, and canaries come through.
    async fn works(&self, unknown: &[Asked], deadline: Instant) -> Result<(), String> {
        let (ready, known) = tokio::join!(self.ready(deadline), self.known(unknown, deadline));
        ready?;
        known?;
        if !self.is_last {
            return Ok(());
        }
        let canaries = self.stage.adapter.canaries(&self.reach.apis);
        let sent = canaries.into_iter().map(|canary| async move {
            let answered = self
                .clients
                .until_known(&canary.asked, canary.api, Purpose::Canary, deadline)
                .await;
            match answered {
                Ok(true) => None,
                Ok(false) => Some(self.clients.name(canary.api)),
                Err(error) => Some(Causes(&error).to_string()),
            }
        });
        let dumb: Vec<String> = join_all(sent).await.into_iter().flatten().collect();
        match dumb.first() {
            None => Ok(()),
            Some(api) => Err(format!(
                "{} canaries without a definite answer, one of them asked {api}",
                dumb.len()
            )),
        }
    }

    async fn ready(&self, deadline: Instant) -> Result<(), String> {
        let asked =
            self.stage
                .site
                .system
                .members()
                .iter()
                .map(|member| async move {
                    if member.is_taken_away().await || !self.reach.may_be_ready(member) {
                        return Ok(());
                    }
                    let left = deadline.saturating_duration_since(Instant::now());
                    member.wait_until_ready(left).await.map_err(|error| {
                        format!("{} is not ready: {}", member.name(), Causes(&error))
                    })
                });
        join_all(asked).await.into_iter().collect()
    }

    /// Asks again what nobody knows the fate of, as clients would.
    async fn known(&self, unknown: &[Asked], deadline: Instant) -> Result<(), String> {
        let nobody = self.reach.apis.is_empty();
        if nobody && self.clients.ask_an_api() {
            return Ok(());
        }
        let apis = match nobody {
            true => &[0][..],
            false => &self.reach.apis,
        };
        let asked = unknown.iter().zip(apis.iter().cycle());
        let answers = asked.map(|(asked, api)| {
            self.clients
                .until_known(asked, *api, Purpose::Inquiry, deadline)
        });
        let answers = join_all(answers).await.into_iter();
        let open = answers.filter(|known| !matches!(known, Ok(true)));
        match open.count() {
            0 => Ok(()),
            open => Err(format!("{open} requests of which nobody knows the outcome")),
        }
    }

    /// Waits until nothing has moved for longer than a poll. Says since when, or what last moved.
    async fn quiet(
        &self,
        mut gauge: watch::Receiver<Gauge>,
        deadline: Instant,
    ) -> Result<Instant, String> {
        let quiet_for = self.scenario.system.poll().min(LONGEST_POLL) + BEYOND_A_POLL;
        let mut quiet: Option<(Instant, Gauge)> = None;
        while Instant::now() < deadline + LATE || quiet.is_some() {
            let now = *gauge.borrow_and_update();
            quiet = match quiet {
                Some((since, before)) if before == now => {
                    if since.elapsed() >= quiet_for {
                        return Ok(since);
                    }
                    Some((since, before))
                }
                _ => now.at_rest.then(|| (Instant::now(), now)),
            };
            // Counted many times a second, and not at all while the database is down.
            if timeout_at(deadline + LATE + quiet_for, gauge.changed())
                .await
                .is_err()
            {
                break;
            }
        }
        Err(gauge.borrow().to_string())
    }
}
