//! Clients and faults, side by side.

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::{sync::watch, time::Instant};

use crate::{
    ask::fault::Fault,
    history::Asked,
    run::{
        client::{self, Clients, Closes},
        gauge::Gauge,
        heal::Heal,
        injector::Injector,
        stage::Stage,
        workload::Plan,
    },
};

/// Sends the workload and breaks what is to be broken. Returns what no client knows the fate of.
pub(super) async fn disturb(
    stage: &Stage<'_>,
    faults: &[Fault],
    clients: &Clients,
    plan: &Plan,
    gauge: watch::Receiver<Gauge>,
    healed: watch::Sender<Vec<Heal>>,
) -> Result<Vec<Asked>> {
    let (over_in, over) = watch::channel(false);
    let (in_place, mut placed) = watch::channel(0);
    let at_start = faults
        .iter()
        .filter(|fault| fault.starts_with_workload())
        .count();
    for auction in &plan.closing {
        let closes = Closes::In(plan.closes_after);
        client::create_auction(stage.pool, stage.recorder, *auction, closes).await?;
    }
    let injector = Injector {
        system: stage.system,
        servers: stage.servers,
        recorder: stage.recorder,
        gauge,
        began: Instant::now(),
        in_place,
        healed,
        workload_over: over,
    };
    let workload = async {
        // The sender lives in the injector, so that this cannot fail.
        let _ = placed.wait_for(|count| *count >= at_start).await;
        let unknown = clients.drive(&plan.steps).await;
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
