//! One process of the system: started, struck, and asked how it is.

use std::{
    net::SocketAddr,
    path::Path,
    process::ExitStatus,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Result, anyhow};
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::{
    launch::Launch,
    life::{Asked, Life},
    manners::Manners,
    running::Running,
    sign::{Before, Sign},
};
use crate::{
    ask::fault::{Party, Role},
    os::descriptors,
    os::process::{NotReady, Usage, until_ready},
};

/// The kernel acts on SIGKILL at once; seconds are for a machine that is overloaded.
const KILLED_WITHIN: Duration = Duration::from_secs(15);
/// Between two looks at whether somebody has started it again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One process of the system and how to start it again.
pub struct Member {
    pub(super) name: String,
    pub(super) roles: Vec<Party>,
    pub(super) launch: Launch,
    pub(super) http: Option<SocketAddr>,
    pub(super) sign: Sign,
    pub(super) manners: Manners,
    pub(super) state: Mutex<State>,
    pub(super) revived: AtomicU64,
}

/// What has become of it.
#[derive(Default)]
pub(super) struct State {
    life: Option<Life>,
    /// Whether it is to run: whoever starts again what ended by itself leaves alone what was taken away.
    wanted: bool,
}

impl State {
    async fn is_to_be_revived(&self) -> bool {
        match &self.life {
            Some(life) if self.wanted => life.has_ended_by_itself().await,
            _ => false,
        }
    }
}

impl Member {
    /// Where its output goes.
    pub fn log(&self) -> &Path {
        self.launch.log()
    }

    /// `relay 2`.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// What it plays, with its number among all that play it.
    pub fn roles(&self) -> &[Party] {
        &self.roles
    }

    /// Whether it plays a role.
    pub fn plays(&self, role: Role) -> bool {
        self.roles.iter().any(|own| own.role == role)
    }

    /// Whether it is meant by `party`.
    pub fn is(&self, party: Party) -> bool {
        let own = self.roles.iter();
        own.filter_map(|own| Some((own.role, own.number?)))
            .any(|(role, number)| party.includes(role, number))
    }

    /// Where it takes requests, around all edges; none if it takes none.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// How often it has ended by itself and was started again, as its owner would have it.
    pub fn revived(&self) -> u64 {
        self.revived.load(Relaxed)
    }

    /// Starts it, if it does not run.
    pub async fn start(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        state.wanted = true;
        let runs = match &state.life {
            Some(life) => life.process.is_running().await,
            None => false,
        };
        if !runs {
            state.life = Some(self.begin().await?);
        }
        Ok(())
    }

    async fn begin(&self) -> Result<Life> {
        let before = self.sign.before(self.launch.log());
        Ok(Life::begin(self.launch.spawn().await?, before))
    }

    /// Whether it has ended by itself, and is to run.
    pub(super) async fn has_ended_by_itself(&self) -> bool {
        self.state.lock().await.is_to_be_revived().await
    }

    /// Starts it again, if it is still wanted and still ended by itself.
    pub(super) async fn revive(&self) -> Result<()> {
        let mut state = self.state.lock().await;
        if state.is_to_be_revived().await {
            state.life = Some(self.begin().await?);
            self.revived.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Waits until it can work, for as long as it may take to start.
    pub async fn wait_for_start(&self) -> Result<()> {
        self.wait_until_ready(self.manners.ready_within).await
    }

    /// Waits until it can work.
    pub async fn wait_until_ready(&self, within: Duration) -> Result<()> {
        self.wait(within, |before| async move {
            self.sign.shows(&before, self.launch.log()).await
        })
        .await
    }

    /// Waits until it answers at all, for as long as it may take to start: from then on it hears what it is told, whether it
    /// can work or not.
    pub async fn wait_until_alive(&self) -> Result<()> {
        self.wait(self.manners.ready_within, |before| async move {
            self.sign.lives(&before, self.launch.log()).await
        })
        .await
    }

    async fn wait<A>(&self, within: Duration, ask: impl Fn(Before) -> A) -> Result<()>
    where
        A: Future<Output = Result<()>>,
    {
        let deadline = Instant::now() + within;
        loop {
            let (process, before) = self.alive().await?;
            let left = deadline.saturating_duration_since(Instant::now());
            let ready = until_ready(process.started(), left, || ask(before.clone())).await;
            let ended = matches!(ready, Err(NotReady::Ended { .. }));
            if !ended || self.manners.restart_after.is_none() || Instant::now() > deadline {
                return Ok(ready?);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// SIGKILL to it and its descendants, and waits for the end.
    pub async fn kill(&self) -> Result<ExitStatus> {
        let process = self.asked_to_end(Asked::Killed).await?;
        process.kill().await?;
        process.wait(KILLED_WITHIN).await
    }

    /// Asks it to stop, and waits for the end; what has not ended in time is killed, and that is its death. Does nothing to
    /// a process that has ended already.
    pub async fn terminate(&self) -> Result<()> {
        let process = self.asked_to_end(Asked::Stopped).await?;
        process.signal(self.manners.stop).await?;
        let within = self.manners.stops_within;
        if process.wait(within).await.is_err() {
            if let Some(life) = &mut self.state.lock().await.life {
                life.asked(Asked::Overdue(within)).await;
            }
            process.kill().await?;
        }
        Ok(())
    }

    /// SIGSTOP; returns when the kernel shows it stopped.
    pub async fn freeze(&self) -> Result<()> {
        self.process().await?.freeze().await
    }

    /// SIGCONT; returns when the kernel shows it running.
    pub async fn thaw(&self) -> Result<()> {
        self.process().await?.thaw().await
    }

    /// Lets it open nothing more, no connection either.
    pub async fn take_files(&self) -> Result<descriptors::Taken> {
        let leader = self.leader().await?;
        spawn_blocking(move || descriptors::take(leader)).await?
    }

    /// Whether it runs, stopped or not.
    pub async fn is_running(&self) -> bool {
        match &self.state.lock().await.life {
            Some(life) => life.process.is_running().await,
            None => false,
        }
    }

    /// Whether a fault has ended it and not started it again.
    pub async fn is_taken_away(&self) -> bool {
        let state = self.state.lock().await;
        state.life.as_ref().is_some_and(Life::is_taken_away)
    }

    /// How it ended, if that is not as it was asked to. Said once.
    pub async fn death(&self) -> Option<String> {
        let mut state = self.state.lock().await;
        state.life.as_mut()?.death(&self.manners).await
    }

    /// What it has used so far, and at most.
    pub async fn usage(&self) -> Result<Usage> {
        self.process().await?.usage()
    }

    /// The leader of its process group.
    pub(crate) async fn leader(&self) -> Result<i32> {
        Ok(self.process().await?.leader())
    }

    async fn process(&self) -> Result<Running> {
        Ok(self.alive().await?.0)
    }

    async fn alive(&self) -> Result<(Running, Before)> {
        let state = self.state.lock().await;
        let life = state.life.as_ref().ok_or_else(|| self.never_started())?;
        Ok((life.process.clone(), life.before.clone()))
    }

    async fn asked_to_end(&self, asked: Asked) -> Result<Running> {
        let mut state = self.state.lock().await;
        state.wanted = false;
        let life = state.life.as_mut().ok_or_else(|| self.never_started())?;
        life.asked(asked).await;
        Ok(life.process.clone())
    }

    fn never_started(&self) -> anyhow::Error {
        anyhow!("{} was never started", self.name)
    }
}
