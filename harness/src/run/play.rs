//! A run that goes as whoever watches wants it to: load as it is asked for, faults when they are ordered. Between two parts of it
//! everything comes to rest and is judged, as between the windows of a soak.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{
        fault::Fault,
        scenario::{self, Operation, Scenario, When},
    },
    history::Event,
    run::{
        client::{Load, Source},
        live::{
            Live,
            hand::{Given, Hand, MOST_RESTS, Order, REST_WITHIN},
            played::Played,
        },
        plan::Step,
        soak::{Left, Soak},
    },
};

/// So many faults are done in one run.
const MOST_FAULTS: usize = 500;
/// A message that is waited for and does not come in this time is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many single operations wait to be sent.
const SINGLE: usize = 64;
/// Who was slower than the pace does not catch up with more than this.
const BEHIND: Duration = Duration::from_secs(1);

/// What a run is played with.
pub(super) struct Play<'r> {
    pub soak: Soak<'r>,
    pub live: &'r Live,
    pub hand: &'r Hand,
}

/// What a part of a run goes on with.
struct Part<'p> {
    played: &'p mut Played,
    /// Operations a second.
    rate: u32,
    /// Where in the plan it is.
    next: usize,
    began: Instant,
}

impl Play<'_> {
    /// Drives and breaks as ordered, and brings everything to rest and judges when that is asked for, until the end is.
    pub async fn pass(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<Left> {
        let Soak { recovery, .. } = &self.soak;
        let stage = recovery.stage;
        let recorder = stage.site.recorder;
        let mut orders = self.hand.orders().await;
        recorder.record(Event::Planned { requests: 0 });
        stage.adapter.begin(recorder).await?;
        let mut played = Played {
            keys: stage.adapter.keys(),
            ..Played::default()
        };
        let mut part = Part {
            played: &mut played,
            rate: self.hand.rate,
            next: 0,
            began: Instant::now(),
        };
        let (mut load, mut ended) = (Load::default(), None);
        for number in 1..=MOST_RESTS {
            if number > 1 {
                progress("driving");
            }
            let last = self.part(&mut part, &mut load, &mut orders).await?;
            part.played.sent = load.sent;
            if last == Order::End {
                break;
            }
            progress("coming to rest");
            let ending = recovery.await_quiet(&load.unknown, self.soak.gauge.clone());
            let ending = ending.await?;
            let Event::Recovered { after_ms } = ending else {
                ended = Some(ending);
                break;
            };
            load.unknown.clear();
            progress("judging");
            let so_far = part.played.scenario(&self.soak.trial.scenario);
            let judged = self
                .soak
                .judged(number, so_far, &load, after_ms, REST_WITHIN);
            self.live.judged_so_far(&judged.await?);
        }
        recorder.record(load.driven(load.sent));
        self.hand.has_played(played);
        Ok(Left {
            unknown: load.unknown,
            ended,
        })
    }

    /// Goes on until somebody wants it judged, or ended.
    async fn part(
        &self,
        part: &mut Part<'_>,
        load: &mut Load,
        orders: &mut mpsc::Receiver<Given>,
    ) -> Result<Order> {
        let (rate_in, rate) = watch::channel(part.rate);
        let (single_in, single) = mpsc::channel(SINGLE);
        let stop = CancellationToken::new();
        self.live.open(part.rate);
        let mut sent = Vec::new();
        let paced = Paced {
            live: self.live,
            steps: self.soak.recovery.stage.adapter.steps(),
            next: &mut part.next,
            rate,
            single,
            stop: stop.clone(),
            began: part.began,
            due: Instant::now(),
            sent: &mut sent,
        };
        let Part { played, began, .. } = part;
        let until = *began + self.hand.span;
        let clients = self.soak.clients;
        let hand = async {
            let ended = self
                .obey(played, *began, until, orders, (&rate_in, &single_in))
                .await;
            stop.cancel();
            ended
        };
        let (driven, last) = tokio::join!(clients.send(paced, load), hand);
        driven?;
        part.played.operations.extend(sent);
        part.rate = *rate_in.borrow();
        last
    }

    /// Carries orders out, and heals everything when one ends the part.
    async fn obey(
        &self,
        played: &mut Played,
        began: Instant,
        until: Instant,
        orders: &mut mpsc::Receiver<Given>,
        (rate, single): (&watch::Sender<u32>, &mpsc::Sender<()>),
    ) -> Result<Order> {
        let mut under_way = FuturesUnordered::new();
        let mut heals: BTreeMap<usize, watch::Sender<bool>> = BTreeMap::new();
        let last = loop {
            let given = tokio::select! {
                given = orders.recv() => given,
                Some(done) = under_way.next(), if !under_way.is_empty() => {
                    let (index, asked): (usize, scenario::Fault) = done?;
                    heals.remove(&index);
                    played.faults[index] = asked;
                    continue;
                }
                () = sleep_until(until) => break Order::End,
            };
            let Some(Given { order, said }) = given else {
                break Order::End;
            };
            let answer = match order {
                Order::Break { choice, lasts } => {
                    let on = heals.keys().map(|index| &played.faults[*index]).collect();
                    let idle = *rate.borrow() == 0;
                    let asked = self.asked(choice, lasts, (began.elapsed(), idle), on, played);
                    asked.map(|(asked, fault)| {
                        let index = played.faults.len();
                        self.live.knows(&asked, fault.clone());
                        played.faults.push(asked.clone());
                        let (heal, healed) = watch::channel(false);
                        heals.insert(index, heal);
                        under_way.push(self.broken(index, asked, fault, lasts, began, healed));
                    })
                }
                Order::Heal(index) => match heals.get(&index) {
                    Some(heal) => {
                        heal.send_replace(true);
                        Ok(())
                    }
                    None => Err("that is not broken now".to_owned()),
                },
                Order::Rate(wanted) if wanted <= self.hand.most => {
                    rate.send_replace(wanted);
                    self.live.open(wanted);
                    Ok(())
                }
                Order::Rate(_) => Err(format!("at most {} a second", self.hand.most)),
                Order::One => {
                    let sent = single.try_send(());
                    sent.map_err(|_| "too many wait to be sent".to_owned())
                }
                Order::Judge | Order::End => {
                    // Whoever has gone does not want to know.
                    let _ = said.send(Ok(()));
                    break order;
                }
            };
            let _ = said.send(answer);
        };
        self.live.stage("healing");
        for heal in heals.values() {
            heal.send_replace(true);
        }
        while let Some(done) = under_way.next().await {
            let (index, asked) = done?;
            played.faults[index] = asked;
        }
        Ok(last)
    }

    /// What is broken by a choice, if it can be now.
    fn asked(
        &self,
        choice: usize,
        lasts: Option<Duration>,
        (at, idle): (Duration, bool),
        on: Vec<&scenario::Fault>,
        played: &Played,
    ) -> Result<(scenario::Fault, Fault), String> {
        let choice = self
            .hand
            .choices
            .get(choice)
            .ok_or("there is no such choice")?;
        let mut asked = choice.fault.clone();
        if let Some(why) = (self.hand.obstacle)(&asked, &on) {
            return Err(why);
        }
        if played.faults.len() >= MOST_FAULTS {
            return Err(format!("{MOST_FAULTS} faults are enough for one run"));
        }
        // Under load something is in its hands at once, and without load nothing: nobody who presses a button waits.
        asked.idle &= idle;
        match &asked.when {
            Some(When::Message(_)) => {
                asked.within = Some(millis(PATIENCE));
                asked.lasts = lasts.map(millis);
            }
            _ => asked.at = Some(millis(at)),
        }
        let alone = Scenario {
            faults: vec![asked.clone()],
            ..self.soak.trial.scenario.clone()
        };
        let faults = Fault::all(&alone).map_err(|bad| bad.problem)?;
        let fault = faults.into_iter().next().ok_or("nothing would be broken")?;
        Ok((asked, fault))
    }

    /// Carries one fault out, until it is healed. Says what it then was.
    async fn broken(
        &self,
        index: usize,
        mut asked: scenario::Fault,
        fault: Fault,
        lasts: Option<Duration>,
        began: Instant,
        mut healed: watch::Receiver<bool>,
    ) -> Result<(usize, scenario::Fault)> {
        let (over_in, over) = watch::channel(false);
        let (in_place, _) = watch::channel(0);
        let injector = self.soak.disturbance.injector(began, in_place, over);
        let at = Instant::now();
        let ends = async {
            let by_itself = async {
                match lasts {
                    Some(lasts) => sleep(lasts).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = by_itself => {}
                // The sender lives until this has ended.
                _ = healed.wait_for(|healed| *healed) => {}
            }
            over_in.send_replace(true);
            std::future::pending::<Infallible>().await
        };
        let carried = tokio::select! {
            carried = injector.carry_out(index, &fault) => carried,
            never = ends => match never {},
        };
        carried
            .with_context(|| format!("fault {}: {}: {}", index + 1, asked.on(), asked.action))?;
        if asked.when.is_none() {
            asked.lasts = Some(millis(at.elapsed()));
        }
        Ok((index, asked))
    }
}

fn millis(span: Duration) -> String {
    format!("{}ms", span.as_millis().max(1))
}

/// Steps, as many a second as is wanted at the moment, and single ones between them.
struct Paced<'p> {
    live: &'p Live,
    steps: &'p [Step],
    next: &'p mut usize,
    rate: watch::Receiver<u32>,
    single: mpsc::Receiver<()>,
    stop: CancellationToken,
    began: Instant,
    due: Instant,
    sent: &'p mut Vec<Operation>,
}

impl Paced<'_> {
    /// Waits until one is to be sent; none when nothing more is. Says whether it is one that was asked for by itself.
    async fn wait(&mut self) -> Option<bool> {
        loop {
            let rate = *self.rate.borrow_and_update();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                Some(()) = self.single.recv() => return Some(true),
                Ok(()) = self.rate.changed() => self.due = Instant::now(),
                () = sleep_until(self.due), if rate > 0 => {
                    let next = self.due + Duration::from_secs(1) / rate;
                    self.due = next.max(Instant::now() - BEHIND);
                    return Some(false);
                }
            }
        }
    }
}

impl Source for Paced<'_> {
    async fn next(&mut self) -> Option<&Step> {
        let single = self.wait().await?;
        let Some(step) = self.steps.get(*self.next) else {
            self.stop.cancelled().await;
            return None;
        };
        *self.next += 1;
        if single {
            self.live.follow(step.asked.id);
        }
        let at_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let sent = step
            .operation()
            .map(|operation| Operation { at_ms, ..operation });
        self.sent.extend(sent);
        Some(step)
    }
}
