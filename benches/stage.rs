//! The environment that all benches share, booted by the first one that runs.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    time::Duration,
};

use anyhow::{Result, bail};
use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};
use outbox_harness::{
    servers::backend::Wanted,
    servers::lab::Lab,
    system::{PROCESSES, System},
};
use tokio::{
    runtime::Runtime,
    time::{Instant, sleep},
};

use crate::{ledger::Ledger, processors::Processors, site::Site, timeline::Timeline};

/// Less than any measurement here takes: Criterion then asks for one at a time.
pub const MEASUREMENT: Duration = Duration::from_millis(1);

/// How often the end of something is looked for. No figure is read off this clock.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Runtime, servers, and what was measured so far.
pub struct Stage {
    pub runtime: Runtime,
    pub ledger: RefCell<Ledger>,
    pub timelines: RefCell<Vec<Timeline>>,
    /// One round of everything, with smaller tables where a large one takes minutes.
    pub quick: bool,
    lab: OnceCell<Lab>,
}

impl Stage {
    /// Nothing is booted yet.
    pub fn new() -> Self {
        Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            ledger: RefCell::default(),
            timelines: RefCell::default(),
            quick: std::env::args().any(|argument| argument == "--quick"),
            lab: OnceCell::new(),
        }
    }

    /// The servers.
    pub fn lab(&self) -> &Lab {
        self.lab.get_or_init(|| {
            // Container networks would be measured with the outbox.
            let wanted = Wanted::native();
            let boot = Lab::start(&wanted, |line| eprintln!("{line}"));
            self.runtime
                .block_on(boot)
                .unwrap_or_else(|error| panic!("the lab could not be set up: {error:#}"))
        })
    }

    /// One measurement on a site of its own.
    pub fn once<T>(&self, what: &str, measure: impl AsyncFnOnce(&Site<'_>) -> Result<T>) -> T {
        let lab = self.lab();
        let measured = self.runtime.block_on(async {
            let site = Site::new(lab).await?;
            let measured = measure(&site).await?;
            site.clear().await?;
            anyhow::Ok(measured)
        });
        measured.unwrap_or_else(|error| panic!("{what} could not be measured: {error:#}"))
    }

    /// Does `work`, and notes what each of `elements` of a figure cost the machine meanwhile.
    pub async fn spend<T>(
        &self,
        figure: &'static str,
        elements: u64,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let before = Processors::read();
        let done = work.await?;
        if let Some((before, after)) = before.zip(Processors::read()) {
            let spent = after.since(before);
            self.ledger.borrow_mut().spent(figure, elements, spent);
        }
        Ok(done)
    }

    /// Ends a system. Notes, and says, the most memory that each of its roles had resident, in MiB.
    pub async fn strike(&self, system: &System) -> Result<BTreeMap<&'static str, f64>> {
        let mut peaks = BTreeMap::new();
        for member in system.members() {
            // One that a fault has killed has nothing to say.
            if let (Ok(usage), Some(own)) = (member.usage().await, member.roles().first()) {
                let peak: &mut f64 = peaks.entry(own.role.name()).or_default();
                *peak = peak.max(usage.peak_rss as f64 / (1 << 20) as f64);
            }
        }
        system.stop(&PROCESSES).await;
        system.remove_edges().await?;
        self.ledger.borrow_mut().peaks(&peaks);
        Ok(peaks)
    }

    /// The table, and the picture of latency under faults.
    pub fn report(&self) {
        crate::timeline::draw(&self.timelines.borrow());
        let machine = self.lab.get().map(|lab| lab.describe().join(", "));
        self.ledger.borrow().print(machine.as_deref());
    }
}

/// Criterion's groups as benches of this length need them: flat, ten samples, no warm-up beyond one round.
pub fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(MEASUREMENT)
        .measurement_time(MEASUREMENT);
    group
}

/// A figure's name within its group.
pub fn title(figure: &str) -> &str {
    figure.split_once('/').map_or(figure, |(_, title)| title)
}

/// Asks again and again until there is an answer; `what` is late when there is none within `within`.
pub async fn until<T, A>(what: &str, within: Duration, mut ask: impl FnMut() -> A) -> Result<T>
where
    A: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("{what} took longer than {within:?}");
        }
        sleep(ASK_EVERY).await;
    }
}
