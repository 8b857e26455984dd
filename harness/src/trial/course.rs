//! The course of a run: clients and faults side by side, recovery, what the API shows when nothing moves, and the end.

use std::time::Duration;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use super::{Gauge, Heal, Stage, Trial, ending, gauge, reach::Reach, recovery::Recovery};
use crate::{
    client::{self, Clients, Closes, Followers},
    fault::Fault,
    history::{BidAsked, Event},
    injector::Injector,
    observer,
    workload::Plan,
};

/// What the API shows when all is quiet may take so long to be read: a follower gives up a connection that was lost without a
/// word, and takes its feed up again.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// Drives the workload, breaks what is to be broken, waits for recovery, and looks for the last time.
pub(super) async fn perform(
    stage: &Stage<'_>,
    trial: &Trial,
    faults: &[Fault],
    plan: &Plan,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    let clients = Clients::new(stage.system.apis(), stage.recorder.clone())?;
    let (gauge_in, gauge) = watch::channel(Gauge::default());
    let (heal_in, healed) = watch::channel(Vec::new());
    let followed = plan
        .open
        .iter()
        .take(trial.scenario.workload.followers as usize);
    let mut followers = Followers::start(followed, stage.system.apis(), stage.recorder).await?;
    let reach = Reach::of(stage.system, faults);
    let acts = async {
        progress("driving");
        let unknown = disturb(stage, faults, &clients, plan, gauge.clone(), heal_in).await?;
        stage.recorder.record(Event::Healed);
        progress("recovering");
        let recovery = Recovery {
            stage,
            scenario: &trial.scenario,
            plan,
            clients: &clients,
            reach: &reach,
        };
        recovery.await_quiet(unknown, gauge.clone()).await
    };
    let recovered = tokio::select! {
        recovered = acts => recovered?,
        never = gauge::watch(stage, gauge_in, healed) => {
            never?;
            false
        }
    };
    if recovered {
        progress("reading");
        read(stage, &clients, plan, &reach, &mut followers).await?;
    }
    progress("coming to rest");
    let last = ending::last_look(stage, &trial.scenario, recovered).await?;
    drop(followers);
    stage.recorder.record(Event::Snapshot(last));
    Ok(())
}

/// What the API shows, once nothing moves: each bid list to its end, and what followers are still to be shown.
async fn read(
    stage: &Stage<'_>,
    clients: &Clients,
    plan: &Plan,
    reach: &Reach,
    followers: &mut Followers,
) -> Result<()> {
    let places = observer::places(stage.pool).await?;
    let auctions: Vec<Uuid> = plan.taking().chain([plan.closed]).collect();
    let until = Instant::now() + SHOWN_WITHIN;
    tokio::join!(
        clients.list(&auctions, &reach.apis, until),
        followers.caught_up(&places, until)
    );
    Ok(())
}

/// Clients and faults, side by side. Returns what no client knows the fate of.
async fn disturb(
    stage: &Stage<'_>,
    faults: &[Fault],
    clients: &Clients,
    plan: &Plan,
    gauge: watch::Receiver<Gauge>,
    healed: watch::Sender<Vec<Heal>>,
) -> Result<Vec<BidAsked>> {
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
