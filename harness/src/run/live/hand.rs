//! What whoever watches a run may do in it.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use serde::Serialize;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::played::Played;
use crate::ask::{
    fault::{BadFault, Fault},
    scenario::{self, Scenario},
};

/// So many orders wait at most.
const WAITING: usize = 16;
/// So often everything comes to rest between its parts, at most.
pub(in crate::run) const MOST_RESTS: u32 = 50;
/// And so long judging at one may take.
pub(in crate::run) const REST_WITHIN: Duration = Duration::from_secs(60);
/// So long an order waits for whoever carries it out.
const TAKEN_WITHIN: Duration = Duration::from_secs(3);

/// Something that may be broken.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// Where.
    pub place: String,
    /// What is done there.
    pub name: String,
    /// The same, as a scenario asks for it; idle where its process may be struck with nothing in its hands.
    #[serde(skip)]
    pub fault: scenario::Fault,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Breaks this of what may be broken, for so long or until it is healed.
    Break {
        /// Index into the choices.
        choice: usize,
        /// For how long.
        lasts: Option<Duration>,
    },
    /// Heals the fault with this index.
    Heal(usize),
    /// So many operations a second.
    Rate(u32),
    /// One operation, which is followed.
    One,
    /// Everything is healed and comes to rest, and all until now is judged.
    Judge,
    /// The same, for the last time.
    End,
}

/// An order, and where it is said what became of it.
#[derive(Debug)]
pub(in crate::run) struct Given {
    pub order: Order,
    pub said: oneshot::Sender<Result<(), String>>,
}

/// What a hand may do, and what it has done.
#[derive(Debug)]
pub struct Hand {
    /// What may be broken.
    pub choices: Vec<Choice>,
    /// Why one fault may not be done on a system that so many are done to.
    pub obstacle: fn(&scenario::Fault, &[&scenario::Fault]) -> Option<String>,
    /// Operations a second, to begin with.
    pub rate: u32,
    /// And at most.
    pub most: u32,
    /// It ends by itself after so long.
    pub span: Duration,
    orders: tokio::sync::Mutex<mpsc::Receiver<Given>>,
    played: Mutex<Option<Played>>,
}

/// Gives orders. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Orders(mpsc::Sender<Given>);

impl Hand {
    /// One that may do this.
    pub fn new(
        choices: Vec<Choice>,
        obstacle: fn(&scenario::Fault, &[&scenario::Fault]) -> Option<String>,
        (rate, most): (u32, u32),
        span: Duration,
    ) -> (Self, Orders) {
        let (give, orders) = mpsc::channel(WAITING);
        let hand = Self {
            choices,
            obstacle,
            rate: rate.min(most),
            most,
            span,
            orders: tokio::sync::Mutex::new(orders),
            played: Mutex::default(),
        };
        (hand, Orders(give))
    }

    /// All that may be broken, on a system such as a story's.
    pub(in crate::run) fn all(&self, base: &Scenario) -> Result<Vec<Fault>, BadFault> {
        let faults = self.choices.iter().map(|choice| scenario::Fault {
            at: choice.fault.when.is_none().then(|| "0s".to_owned()),
            ..choice.fault.clone()
        });
        Fault::all(&Scenario {
            faults: faults.collect(),
            ..base.clone()
        })
    }

    /// What rests, and judging at them, may take beside what is played.
    pub(in crate::run) fn rests(&self, recovers: Duration) -> Duration {
        (recovers + REST_WITHIN) * MOST_RESTS
    }

    pub(in crate::run) async fn orders(
        &self,
    ) -> tokio::sync::MutexGuard<'_, mpsc::Receiver<Given>> {
        self.orders.lock().await
    }

    pub(in crate::run) fn has_played(&self, played: Played) {
        *self.played.lock().unwrap_or_else(PoisonError::into_inner) = Some(played);
    }

    /// Makes a recorded run one of what was done in it, and leaves that as a scenario.
    pub(in crate::run) fn tell(&self, folder: &Path, base: &Scenario) -> Result<()> {
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        match played.take() {
            Some(played) => played.tell(folder, base),
            None => Ok(()),
        }
    }
}

impl Orders {
    /// Gives an order, and waits until it is taken.
    ///
    /// # Errors
    /// Why it is not, for the reader.
    pub async fn give(&self, order: Order) -> Result<(), String> {
        let (said, hears) = oneshot::channel();
        let given = self.0.try_send(Given { order, said });
        given.map_err(|_| "the lab is not ready for that now".to_owned())?;
        match timeout(TAKEN_WITHIN, hears).await {
            Ok(Ok(said)) => said,
            Ok(Err(_)) => Err("the run is over".to_owned()),
            Err(_) => Err(
                "the lab was busy with something else; it is done when it comes to it".to_owned(),
            ),
        }
    }
}
