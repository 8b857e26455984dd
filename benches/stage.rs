//! The environment that all benches share, booted by the first one that runs, and one bench's own part of it.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result};
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};
use outbox_harness::{
    edge::EdgeControl,
    lab::Lab,
    scenario,
    system::{Place, System},
    trial::OwnServers,
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::{ledger::Ledger, timeline::Timeline};

/// Less than any measurement here takes: Criterion then asks for one at a time.
const MEASUREMENT: Duration = Duration::from_millis(1);
/// Rounds behind one sample of `--quick`.
const QUICK_ROUNDS: usize = 2;

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
            let boot = Lab::start(|line| eprintln!("{line}"));
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

    /// Ends a system. Notes, and says, the most memory that each of its roles had resident, in MiB.
    pub async fn strike(&self, system: &System) -> Result<BTreeMap<&'static str, f64>> {
        let mut peaks = BTreeMap::new();
        for member in system.members() {
            // One that a fault has killed has nothing to say.
            if let Ok(usage) = member.usage().await {
                let peak: &mut f64 = peaks.entry(member.role.name()).or_default();
                *peak = peak.max(usage.peak_rss as f64 / (1 << 20) as f64);
            }
        }
        system.stop().await;
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

/// Figures that are compared with one another. Every round measures all of them, one right after the other, so that a
/// slow minute of the machine is in both sides of a ratio.
pub struct Rounds<'s> {
    stage: &'s Stage,
    figures: Vec<Figure<'s>>,
    /// What was measured and not yet given to Criterion.
    measured: Vec<RefCell<VecDeque<Duration>>>,
}

struct Figure<'s> {
    name: &'static str,
    elements: u64,
    measure: Box<dyn Fn() -> Duration + 's>,
}

impl<'s> Rounds<'s> {
    /// Nothing to measure yet.
    pub fn new(stage: &'s Stage) -> Self {
        Self {
            stage,
            figures: Vec::new(),
            measured: Vec::new(),
        }
    }

    /// Adds a figure: `measure` sets up, times `elements` of something, and says how long they took.
    pub fn add(
        &mut self,
        name: &'static str,
        elements: u64,
        measure: impl AsyncFn(&Site<'_>) -> Result<Duration> + 's,
    ) {
        let stage = self.stage;
        self.figures.push(Figure {
            name,
            elements,
            measure: Box::new(move || stage.once(name, async |site| measure(site).await)),
        });
        self.measured.push(RefCell::default());
    }

    /// Makes each figure a bench of Criterion's.
    pub fn bench(&self, group: &mut BenchmarkGroup<'_, WallTime>) {
        for (index, figure) in self.figures.iter().enumerate() {
            group.throughput(Throughput::Elements(figure.elements));
            let name = figure.name.rsplit('/').next().unwrap_or(figure.name);
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|rounds| {
                    // `--quick` stops after one sample only if that took some time.
                    std::thread::sleep(MEASUREMENT * 2);
                    (0..rounds).map(|_| self.next(index)).sum()
                });
            });
        }
    }

    fn next(&self, index: usize) -> Duration {
        let known = self.measured[index].borrow_mut().pop_front();
        known.unwrap_or_else(|| {
            for _ in 0..if self.stage.quick { QUICK_ROUNDS } else { 1 } {
                self.measure();
            }
            let fresh = self.measured[index].borrow_mut().pop_front();
            fresh.expect("a round measures every figure")
        })
    }

    fn measure(&self) {
        for (figure, measured) in self.figures.iter().zip(&self.measured) {
            let took = (figure.measure)();
            let rate = figure.elements as f64 / took.as_secs_f64();
            self.stage.ledger.borrow_mut().note(figure.name, rate);
            measured.borrow_mut().push_back(took);
        }
    }
}

/// Criterion's groups as benches of this length need them: flat, ten samples, no warm-up beyond one round.
pub fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(MEASUREMENT);
    group
}

/// A database and a vhost of a bench's own on the shared servers.
pub struct Site<'l> {
    pub servers: OwnServers,
    pub pool: PgPool,
    lab: &'l Lab,
    name: String,
    folder: PathBuf,
}

/// What to run on a site.
#[derive(Debug, Default)]
pub struct Cast {
    pub apis: u32,
    pub relays: u32,
    pub consumers: u32,
    /// Settings by environment variable; without any, the service runs as shipped.
    pub settings: BTreeMap<String, String>,
}

impl<'l> Site<'l> {
    async fn new(lab: &'l Lab) -> Result<Self> {
        let name = format!("bench_{}", Uuid::now_v7().simple());
        let folder = lab.folder().join(&name);
        tokio::fs::create_dir_all(&folder).await?;
        let servers = OwnServers::prepare(lab, &[], &name).await?;
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(10))
            .connect(&servers.database_url())
            .await
            .context("connecting to the bench's database")?;
        Ok(Self {
            servers,
            pool,
            lab,
            name,
            folder,
        })
    }

    /// Starts the service as shipped, every process dialling its servers itself.
    pub async fn start(&self, cast: Cast) -> Result<System> {
        self.raise(cast.wanted(), None).await
    }

    /// Starts the service with a laboratory's deadlines and an edge on every connection.
    pub async fn start_on_edges(&self, cast: Cast) -> Result<System> {
        let wanted = cast.wanted().in_laboratory();
        self.raise(wanted, Some(self.lab.control())).await
    }

    async fn raise(
        &self,
        wanted: scenario::System,
        control: Option<&EdgeControl>,
    ) -> Result<System> {
        let place = Place {
            name: self.name.clone(),
            environment: self.lab.folder().to_owned(),
            folder: self.folder.clone(),
        };
        System::start(&wanted, &self.servers.addresses(), control, &place).await
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lab that it is part of.
    pub fn lab(&self) -> &Lab {
        self.lab
    }

    async fn clear(self) -> Result<()> {
        self.pool.close().await;
        self.servers.remove(self.lab).await?;
        tokio::fs::remove_dir_all(&self.folder).await?;
        Ok(())
    }
}

impl Cast {
    fn wanted(self) -> scenario::System {
        scenario::System {
            apis: self.apis,
            relays: self.relays,
            consumers: self.consumers,
            settings: self.settings,
        }
    }
}
