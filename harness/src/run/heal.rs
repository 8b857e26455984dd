//! Which faults' damage is made good, each from its own heal.

use std::collections::BTreeSet;

use anyhow::Result;
use tokio::{sync::watch, time::Instant};

use crate::{
    history::Event,
    run::{adapter::Mark, stage::Stage},
};

/// A fault was healed.
#[derive(Debug, Clone, Copy)]
pub struct Heal {
    /// Its index in the scenario.
    pub fault: usize,
    /// When that was read back.
    pub at: Instant,
}

/// Which heals are still waited for, each from its own moment.
pub(super) struct CatchingUp {
    healed: watch::Receiver<Vec<Heal>>,
    made_good: watch::Sender<BTreeSet<usize>>,
    seen: usize,
    waiting: Vec<(Heal, Mark)>,
}

impl CatchingUp {
    /// Whose damage is made good is told to `made_good`, too.
    pub fn new(
        healed: watch::Receiver<Vec<Heal>>,
        made_good: watch::Sender<BTreeSet<usize>>,
    ) -> Self {
        Self {
            healed,
            made_good,
            seen: 0,
            waiting: Vec::new(),
        }
    }

    /// Records which faults' damage is made good: all that was there when the fault was healed is published and applied.
    pub async fn look(&mut self, stage: &Stage<'_>) -> Result<()> {
        let new = self.healed.borrow()[self.seen..].to_vec();
        if !new.is_empty() {
            let now = stage.adapter.mark().await?;
            self.seen += new.len();
            let marked = new.into_iter().map(|heal| (heal, now.clone()));
            self.waiting.extend(marked);
        }
        // A look may be given up at each question: what still waits stays in its list.
        let mut next = 0;
        while let Some((heal, then)) = self.waiting.get(next) {
            let heal = *heal;
            if stage.adapter.waiting_since(then).await? > 0 {
                next += 1;
                continue;
            }
            self.waiting.remove(next);
            stage.site.recorder.record(Event::CaughtUp {
                fault: heal.fault,
                after_ms: heal.at.elapsed().as_millis() as u64,
            });
            self.made_good.send_modify(|good| {
                good.insert(heal.fault);
            });
        }
        Ok(())
    }
}
