//! Carries out a scenario's faults: waits for their moment, applies them, reads them back, counts what they bit, heals.
//!
//! Every fault that was applied is healed on every way out, unless it is meant to stay; what it did is in the history
//! either way.

mod bite;
mod hands;
mod hold;
mod imposed;
mod left;
mod meddling;
mod passing;
mod starved;
mod turns;

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    ask::fault::{Action, Fault, Party, Server, Target},
    ask::lasting::Lasting,
    ask::moment::{Moment, Quantity},
    history::{Event, FaultPhase, Recorder},
    os::causes::Causes,
    run::{gauge::Gauge, heal::Heal, own::Done, own_servers::OwnServers},
    system::{Member, System},
    wire::{edge::EdgeError, tap::Held},
};
use bite::{Bitten, Evidence};
use imposed::Imposed;
pub(super) use turns::Turns;

/// How long after the workload a condition may still come true.
const CONDITION_GRACE: Duration = Duration::from_secs(10);

/// Why a fault in turn was not carried out.
pub(crate) const NO_TURN: &str = "its turn never came: the workload was over before";

/// What every fault of a run needs.
pub struct Injector<'r> {
    /// The system that is broken.
    pub system: &'r System,
    /// The servers that this scenario may break.
    pub servers: &'r OwnServers,
    /// The history.
    pub recorder: &'r Recorder,
    /// What has been counted so far.
    pub gauge: watch::Receiver<Gauge>,
    /// When the workload began.
    pub began: Instant,
    /// How many of the faults that start with the workload are in place: the first request waits for all of them.
    pub in_place: watch::Sender<usize>,
    /// The faults that are healed, each from its own moment.
    pub healed: watch::Sender<Vec<Heal>>,
    /// Which faults' damage is made good.
    pub made_good: watch::Receiver<BTreeSet<usize>>,
    /// Whose turn it is.
    pub turns: &'r Turns,
    /// True once the last client has its answer.
    pub workload_over: watch::Receiver<bool>,
}

impl<'r> Injector<'r> {
    /// Carries out fault `index`, when its turn has come, from its moment to its healing. An error means that the lab broke, not
    /// the system.
    pub async fn carry_out(&self, index: usize, fault: &'r Fault) -> Result<()> {
        let Some(turn) = fault.turn else {
            return self.carry_out_from(index, fault, self.began).await;
        };
        let Some(began) = self.turn_of(turn).await else {
            self.note(index, FaultPhase::Failed, NO_TURN.to_owned());
            self.turns.is_over(index);
            return Ok(());
        };
        let carried = self.carry_out_from(index, fault, began).await;
        self.turn_ends(index).await;
        carried
    }

    async fn carry_out_from(&self, index: usize, fault: &'r Fault, began: Instant) -> Result<()> {
        if let (Moment::Message(watched), Action::AtMessage(deed)) = (&fault.moment, &fault.action)
        {
            return self.at_messages(index, fault, watched, deed).await;
        }
        let held = match self.moment(fault, began).await {
            Ok(held) => held,
            Err(missed) => {
                self.note(index, FaultPhase::Failed, missed);
                return Ok(());
            }
        };
        self.note(index, FaultPhase::Asked, format!("{fault:?}"));
        let mut bitten = Bitten::start(self, fault)?;
        let mut imposed = Imposed::default();
        let applied = self.apply(fault, held.as_ref(), &mut imposed, &mut bitten);
        if let Err(error) = applied.await {
            return self.give_up(index, fault, imposed, error).await;
        }
        self.note(index, FaultPhase::Applied, "read back".to_owned());
        // Struck while it was held: what becomes of the message now is what the fault has made of its connection.
        drop(held);
        self.is_in_place(fault);
        bitten.applied();
        self.wait_for_end(fault.lasting).await;
        if let Action::Own(harm) = fault.action
            && let Some((what, times)) = self.servers.felt(harm).await?
        {
            bitten.counted(what, times);
        }
        if let Some((what, times)) = meddling::felt(self.servers, &mut imposed.left).await? {
            bitten.counted(what, times);
        }
        if let (Target::Process(party), Action::NoFiles) = (&fault.target, &fault.action) {
            let members = self.system.members_of(*party)?.into_iter();
            let missed = members.map(|member| starved::missed(self.system, &member));
            bitten.counted("edges_without_connections", missed.sum());
        }
        if imposed.holds_a_lock() {
            bitten.counted("statements_kept_waiting", imposed.kept_waiting().await?);
        }
        let Evidence { proofs, beside } = bitten.count();
        for (what, count) in proofs {
            self.recorder.record(Event::Bite {
                fault: index,
                what: what.to_owned(),
                count,
            });
        }
        if fault.lasting == Lasting::Ever {
            return Ok(());
        }
        self.heal(fault, &mut imposed)
            .await
            .with_context(|| format!("healing fault {}", index + 1))?;
        let beside = beside.into_iter().filter(|(_, count)| *count > 0);
        let beside: String = beside
            .map(|(what, count)| format!("; {what} {count}, which proves nothing"))
            .collect();
        self.note(index, FaultPhase::Healed, format!("read back{beside}"));
        let at = Instant::now();
        self.healed
            .send_modify(|healed| healed.push(Heal { fault: index, at }));
        Ok(())
    }

    /// Takes back what was applied of a fault: half applied is worse than not applied. What cannot be taken back is an
    /// error of the lab.
    async fn give_up(
        &self,
        index: usize,
        fault: &Fault,
        mut imposed: Imposed,
        error: anyhow::Error,
    ) -> Result<()> {
        self.note(index, FaultPhase::Failed, Causes(&error).to_string());
        self.heal(fault, &mut imposed)
            .await
            .with_context(|| format!("taking back what was applied of fault {}", index + 1))?;
        if let Some(EdgeError::Left { .. }) = error.downcast_ref() {
            return Err(error);
        }
        self.is_in_place(fault);
        Ok(())
    }

    fn is_in_place(&self, fault: &Fault) {
        if fault.starts_with_workload() {
            self.in_place.send_modify(|count| *count += 1);
        }
    }

    fn note(&self, fault: usize, phase: FaultPhase, detail: String) {
        self.recorder.record(Event::Fault {
            fault,
            phase,
            detail,
        });
    }

    /// Waits for the fault's moment, or says what never came. A message that it is at is held from here.
    async fn moment(&self, fault: &Fault, began: Instant) -> Result<Option<Held>, String> {
        match &fault.moment {
            Moment::At(after) => {
                sleep_until(began + *after).await;
                Ok(None)
            }
            Moment::When(wanted, quantity) => {
                let condition = self.condition(*wanted, *quantity, fault.patience);
                condition.await.map(|()| None)
            }
            Moment::Message(watched) => self.held(watched, fault.patience).await.map(Some),
        }
    }

    async fn condition(
        &self,
        wanted: u64,
        quantity: Quantity,
        patience: Option<Duration>,
    ) -> Result<(), String> {
        let mut gauge = self.gauge.clone();
        let reached = async {
            gauge
                .wait_for(|gauge| gauge.of(quantity) >= wanted)
                .await
                .is_ok()
        };
        tokio::select! {
            true = reached => Ok(()),
            () = self.too_late(patience) => {
                let most = self.gauge.borrow().of(quantity);
                Err(format!("never saw {wanted} {}; last seen {most}", quantity.phrase()))
            }
        }
    }

    /// Nothing that a fault waits for is to be expected any more, or it waits no longer.
    async fn too_late(&self, patience: Option<Duration>) {
        if let Some(patience) = patience {
            return sleep_until(Instant::now() + patience).await;
        }
        let mut over = self.workload_over.clone();
        // A closed channel is an ended workload, too.
        let _ = over.wait_for(|over| *over).await;
        tokio::time::sleep(CONDITION_GRACE).await;
    }

    async fn wait_for_end(&self, lasting: Lasting) {
        match lasting {
            Lasting::For(span) => sleep_until(Instant::now() + span).await,
            // One that stays bites while the clients ask, too: what it did is counted when they have their answers.
            Lasting::Workload | Lasting::Ever => {
                let mut over = self.workload_over.clone();
                let _ = over.wait_for(|over| *over).await;
            }
        }
    }

    async fn apply(
        &self,
        fault: &Fault,
        held: Option<&Held>,
        imposed: &mut Imposed,
        bitten: &mut Bitten<'_>,
    ) -> Result<()> {
        match (&fault.target, &fault.action) {
            (Target::Edge { from, to }, Action::Cut) => {
                for link in self.system.links_of(*from, *to)? {
                    imposed.cut(link.edge()).await?;
                }
            }
            (Target::Edge { from, to }, Action::Toxics(toxics)) => {
                for link in self.system.links_of(*from, *to)? {
                    imposed.toxics(link.edge(), toxics).await?;
                }
            }
            (_, Action::Own(harm)) => match self.servers.harm(*harm).await? {
                Done::Happened(what) => bitten.happened(what),
                Done::Counted(what, times) => bitten.counted(what, times),
                Done::Holds(session) => imposed.lock(session),
            },
            (_, Action::Meddle(what)) => {
                meddling::meddle(self.servers, self.system, what, imposed, bitten).await?;
            }
            (Target::Process(party), Action::Restart(times)) => {
                for member in self.system.members_of(*party)? {
                    for time in 1..=*times {
                        let hands = self.hands_of(&member, false).await?;
                        ensure!(hands > 0, "restart {time}: nothing was in its hands");
                        bitten.in_hands(hands);
                        member.terminate().await?;
                        member.start().await?;
                        // What the edge still counts may be the hands of the one before.
                        member.wait_until_alive().await?;
                    }
                }
                bitten.happened("restarted");
            }
            (Target::Process(party), Action::NoFiles) => {
                for member in self.system.members_of(*party)? {
                    starved::starve(self.system, &member, imposed).await?;
                }
            }
            (Target::Process(party), action) => {
                for member in self.system.members_of(*party)? {
                    match held {
                        // Of several it is the one whose message is held, if it is one of them.
                        Some(held)
                            if held.process != member.name()
                                && self.is_one_of(&held.process, *party)? =>
                        {
                            continue;
                        }
                        Some(_) => bitten.in_hands(1),
                        None => bitten.in_hands(self.hands_of(&member, fault.idle).await?),
                    }
                    bitten.happened(hit(&member, action).await?);
                }
            }
            (Target::Server(_), Action::Unbind) => {
                let _held = hold::relays(self.system).await?;
                bitten.happened(self.servers.unbind().await?);
            }
            (Target::Server(server), action) => {
                bitten.happened(self.hit_server(*server, action).await?)
            }
            (Target::Edge { .. }, _) => bail!("{:?} cannot be done to an edge", fault.action),
        }
        Ok(())
    }

    fn is_one_of(&self, process: &str, party: Party) -> Result<bool> {
        let members = self.system.members_of(party)?;
        Ok(members.iter().any(|member| member.name() == process))
    }

    async fn hit_server(&self, server: Server, action: &Action) -> Result<&'static str> {
        let server = self.servers.of(server)?;
        match action {
            Action::Kill => server.crash().await.map(|()| "killed"),
            Action::CutPower => server.cut_power().await.map(|()| "power_cut"),
            Action::Freeze => server.freeze().await.map(|()| "stopped"),
            Action::Terminate => server.stop().await.map(|()| "ended"),
            Action::Alarm(of) => server.alarm(*of, true).await.map(|()| "alarm_raised"),
            _ => bail!("{action:?} cannot be done to a server"),
        }
    }

    async fn heal(&self, fault: &Fault, imposed: &mut Imposed) -> Result<()> {
        if let Action::Own(harm) = fault.action {
            imposed.unlock().await?;
            return match self.servers.undo(harm).await? {
                Some(told) => self.system.operate(told).await,
                None => Ok(()),
            };
        }
        if let Action::Meddle(what) = &fault.action {
            return meddling::put_back(self.servers, self.system, what, imposed).await;
        }
        match &fault.target {
            Target::Edge { .. } => imposed.lift().await?,
            Target::Process(party) => {
                for member in self.system.members_of(*party)? {
                    match fault.action {
                        Action::NoFiles => starved::feed(imposed).await?,
                        Action::Freeze => member.thaw().await?,
                        _ => member.start().await?,
                    }
                }
            }
            Target::Server(_) if fault.action == Action::Unbind => {
                let held = hold::relays(self.system).await;
                // Bound again on every way out, also where a message may now meet one queue without the other.
                self.servers.bind_again().await?;
                held.map(drop)?;
            }
            Target::Server(server) => {
                let server = self.servers.of(*server)?;
                match fault.action {
                    Action::Freeze => server.thaw().await?,
                    Action::Alarm(of) => server.alarm(of, false).await?,
                    _ => server.start().await?,
                }
            }
        }
        Ok(())
    }
}

async fn hit(member: &Member, action: &Action) -> Result<&'static str> {
    match action {
        Action::Kill => member.kill().await.map(|_| "killed"),
        Action::Freeze => member.freeze().await.map(|()| "stopped"),
        Action::Terminate => member.terminate().await.map(|()| "ended"),
        _ => bail!("{action:?} cannot be done to a process"),
    }
}
