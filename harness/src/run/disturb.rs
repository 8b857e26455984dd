//! Clients and faults, side by side.

use std::{collections::BTreeSet, ops::Range};

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::{sync::watch, time::Instant};

use crate::{
    ask::fault::Fault,
    run::{
        gauge::Gauge,
        heal::Heal,
        injector::{Injector, Turns},
        stage::Stage,
    },
};

/// What faults are carried out with, for as long as a run goes on.
pub(super) struct Disturbance<'r> {
    pub stage: &'r Stage<'r>,
    /// All of the run's.
    pub faults: &'r [Fault],
    pub turns: &'r Turns,
    pub gauge: watch::Receiver<Gauge>,
    pub healed: watch::Sender<Vec<Heal>>,
    pub made_good: watch::Receiver<BTreeSet<usize>>,
}

impl Disturbance<'_> {
    /// Whoever carries faults out on a workload that began then. It tells how many are `in_place`, and hears when the workload is
    /// `over`.
    pub fn injector(
        &self,
        began: Instant,
        in_place: watch::Sender<usize>,
        over: watch::Receiver<bool>,
    ) -> Injector<'_> {
        let site = self.stage.site;
        Injector {
            system: site.system,
            servers: site.servers,
            recorder: site.recorder,
            gauge: self.gauge.clone(),
            began,
            in_place,
            healed: self.healed.clone(),
            made_good: self.made_good.clone(),
            turns: self.turns,
            workload_over: over,
        }
    }

    /// Breaks what is to be broken by these faults beside a load, which waits for those that begin with it. Ends when both have.
    pub async fn beside<T>(
        &self,
        faults: Range<usize>,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (over_in, over) = watch::channel(false);
        let (in_place, mut placed) = watch::channel(0);
        let meant = &self.faults[faults.clone()];
        let at_start = meant.iter().filter(|fault| fault.starts_with_workload());
        let at_start = at_start.count();
        let injector = self.injector(Instant::now(), in_place, over);
        let workload = async {
            // The sender lives in the injector, so that this cannot fail.
            let _ = placed.wait_for(|count| *count >= at_start).await;
            let driven = load.await;
            over_in.send_replace(true);
            driven
        };
        let numbered = faults.zip(meant);
        let breaking = numbered.map(|(index, fault)| injector.carry_out(index, fault));
        let (driven, broken) = tokio::join!(workload, try_join_all(breaking));
        broken?;
        driven
    }
}
