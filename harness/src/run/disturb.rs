//! Clients and faults, side by side.

use std::collections::BTreeSet;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::{sync::watch, time::Instant};

use crate::{
    ask::fault::Fault,
    history::Asked,
    run::{
        client::Clients,
        gauge::Gauge,
        heal::Heal,
        injector::{Injector, Turns},
        stage::Stage,
    },
};

/// Sends the workload and breaks what is to be broken. Returns what no client knows the fate of.
pub(super) async fn disturb(
    stage: &Stage<'_>,
    faults: &[Fault],
    clients: &Clients,
    gauge: watch::Receiver<Gauge>,
    (healed, made_good): (watch::Sender<Vec<Heal>>, watch::Receiver<BTreeSet<usize>>),
) -> Result<Vec<Asked>> {
    let (over_in, over) = watch::channel(false);
    let (in_place, mut placed) = watch::channel(0);
    let at_start = faults
        .iter()
        .filter(|fault| fault.starts_with_workload())
        .count();
    stage.adapter.begin(stage.site.recorder).await?;
    let turns = Turns::of(faults);
    let injector = Injector {
        system: stage.site.system,
        servers: stage.site.servers,
        recorder: stage.site.recorder,
        gauge,
        began: Instant::now(),
        in_place,
        healed,
        made_good,
        turns: &turns,
        workload_over: over,
    };
    let workload = async {
        // The sender lives in the injector, so that this cannot fail.
        let _ = placed.wait_for(|count| *count >= at_start).await;
        let unknown = clients
            .drive(stage.adapter.steps(), stage.site.recorder, turns.all_over())
            .await;
        over_in.send_replace(true);
        unknown
    };
    let breaking = try_join_all(
        faults
            .iter()
            .enumerate()
            .map(|(index, fault)| injector.carry_out(index, fault)),
    );
    let (unknown, broken) = tokio::join!(workload, breaking);
    broken?;
    unknown
}
