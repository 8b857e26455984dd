//! Faults at the very moment at which a message passes.

use std::sync::Arc;

use anyhow::Result;
use tokio::{
    sync::{mpsc, watch},
    time::{Duration, Instant, sleep_until},
};

use super::Injector;
use crate::{
    ask::{
        fault::Fault,
        lasting::Lasting,
        wire::{Deed, Watched},
    },
    history::{Event, FaultPhase, Recorder, STRUCK},
    run::heal::Heal,
    wire::tap::{Act, Held, TapCounters, Trigger},
};

/// What is swallowed or stalled is not noticed at once: after the last message it lasts so long, where nothing else is said.
const FELT_FOR: Duration = Duration::from_secs(1);

/// Disarmed on every way out.
pub(super) struct Armed(pub(super) Arc<Trigger>);

impl Drop for Armed {
    fn drop(&mut self) {
        self.0.disarm();
    }
}

/// Records messages when they are struck, and not when what was done to them is over: what follows is then seen to follow.
struct Bites<'r> {
    recorder: &'r Recorder,
    fault: usize,
    /// So many are recorded.
    told: u64,
}

impl Bites<'_> {
    /// Until so many are struck.
    async fn until(&mut self, mut struck: watch::Receiver<u64>, wanted: u64) {
        while self.told < wanted {
            let more = struck.wait_for(|struck| *struck > self.told).await;
            let Ok(struck) = more.map(|struck| *struck) else {
                return;
            };
            self.up_to(struck);
        }
    }

    fn up_to(&mut self, struck: u64) {
        if struck > self.told {
            self.recorder.record(Event::Bite {
                fault: self.fault,
                what: STRUCK.to_owned(),
                count: struck - self.told,
            });
            self.told = struck;
        }
    }
}

impl<'r> Injector<'r> {
    fn arm(&self, watched: &Watched, act: Act) -> Result<Armed> {
        let trigger = Trigger::new(watched.clone(), act);
        for link in self.system.links_of(watched.from, watched.to)? {
            link.tap().arm(&trigger);
        }
        Ok(Armed(trigger))
    }

    /// Waits for a message, which is held from here; or says what never passed.
    pub(super) async fn held(
        &self,
        watched: &Watched,
        patience: Option<Duration>,
    ) -> Result<Held, String> {
        let (tell, mut told) = mpsc::channel(1);
        let armed = self.arm(watched, Act::Tell(tell));
        let _armed = armed.map_err(|error| error.to_string())?;
        tokio::select! {
            Some(held) = told.recv() => Ok(held),
            () = self.too_late(patience) => Err(self.never_passed(watched)),
        }
    }

    /// Strikes messages as they pass, as many as are wanted.
    pub(super) async fn at_messages(
        &self,
        index: usize,
        fault: &'r Fault,
        watched: &Watched,
        deed: &Deed,
    ) -> Result<()> {
        self.note(index, FaultPhase::Asked, format!("{fault:?}"));
        let armed = self.arm(watched, Act::Deed(deed.clone()))?;
        self.note(index, FaultPhase::Applied, "armed".to_owned());
        self.is_in_place(fault);
        let (struck, wanted) = (armed.0.struck(), armed.0.wanted());
        let mut bites = Bites {
            recorder: self.recorder,
            fault: index,
            told: 0,
        };
        let in_time = tokio::select! {
            () = bites.until(struck.clone(), wanted) => true,
            () = self.too_late(fault.patience) => false,
        };
        if in_time && matches!(deed, Deed::Swallow | Deed::Stall) {
            self.lasts(fault.lasting).await;
        }
        // In this order: whatever it strikes at the last moment is told, too.
        drop(armed);
        bites.up_to(*struck.borrow());
        if bites.told == 0 {
            self.note(index, FaultPhase::Failed, self.never_passed(watched));
            return Ok(());
        }
        if fault.lasting == Lasting::Ever {
            return Ok(());
        }
        self.note(index, FaultPhase::Healed, "disarmed".to_owned());
        let at = Instant::now();
        self.healed
            .send_modify(|healed| healed.push(Heal { fault: index, at }));
        Ok(())
    }

    async fn lasts(&self, lasting: Lasting) {
        match lasting {
            Lasting::For(span) => sleep_until(Instant::now() + span).await,
            Lasting::Workload | Lasting::Ever => {
                self.wait_for_end(lasting).await;
                sleep_until(Instant::now() + FELT_FOR).await;
            }
        }
    }

    fn never_passed(&self, watched: &Watched) -> String {
        let (from, to) = (watched.from.role.name(), watched.to.role.name());
        let mut sum = TapCounters::default();
        for link in self
            .system
            .links_of(watched.from, watched.to)
            .into_iter()
            .flatten()
        {
            sum += link.counters();
        }
        let opaque = match sum.opaque {
            0 => String::new(),
            some => format!(
                "; {some} of its {} connections were opaque: they encrypt, or speak something else",
                sum.connections_accepted
            ),
        };
        format!(
            "{} number {} that was meant never passed on {from} -> {to}{opaque}",
            watched.event.name(),
            watched.nth
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history;

    #[tokio::test]
    async fn messages_are_recorded_as_they_are_struck_and_each_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("history.jsonl");
        let recorder = Recorder::create(&file).expect("a recorder");
        let (strike, struck) = watch::channel(0);
        let mut bites = Bites {
            recorder: &recorder,
            fault: 0,
            told: 0,
        };
        let strikes = async {
            for up_to in [1, 3] {
                strike.send(up_to).expect("somebody listens");
                tokio::task::yield_now().await;
                recorder.record(Event::Healed);
            }
        };
        tokio::join!(biased; bites.until(struck.clone(), 3), strikes);
        bites.up_to(*struck.borrow());
        recorder.finish().expect("everything written");
        let history = history::read(&file).expect("a history");
        let told = history.events().filter_map(|event| match event {
            Event::Bite { count, .. } => Some(*count),
            Event::Healed => Some(0),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<u64>>(), [1, 0, 2, 0]);
    }
}
