//! The relay: take the next parcels, publish them, wait until the broker has them, mark them.

use std::{
    fs, io,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    pause::{Pause, idle},
    plant::Plant,
    post::Post,
    table::{Form, HELD_FOR, Held, Parcel, Table},
};

/// Between looks at a table in which nothing waits.
const POLL: Duration = Duration::from_millis(50);
/// After a round somebody else has the next one, if there is somebody: longer than between two looks.
const TURN: Duration = Duration::from_millis(75);
/// How much too early it says that it is ready, where that is planted.
const NOT_READY_FOR: Duration = Duration::from_secs(30);
/// The cursor's file, where that is planted.
const CURSOR_FILE: &str = "cursor";
/// After so many failures parcels are given up, where that is planted.
const FAILURES: u32 = 3;

pub struct Relay {
    form: Form,
    database: String,
    amqp: String,
    exchange: Option<String>,
    plant: Option<Plant>,
    said_ready: AtomicBool,
    failures: AtomicU32,
}

impl Relay {
    pub fn new(
        form: Form,
        database: String,
        amqp: String,
        exchange: Option<String>,
        plant: Option<Plant>,
    ) -> Self {
        Self {
            form,
            database,
            amqp,
            exchange,
            plant,
            said_ready: AtomicBool::new(false),
            failures: AtomicU32::new(0),
        }
    }

    /// Publishes until `stop`, whatever happens to its servers.
    pub async fn run(&self, stop: &CancellationToken) {
        if self.has(Plant::ReadyTooEarly) {
            self.say_ready();
            idle(NOT_READY_FOR, stop).await;
        }
        let mut pause = Pause::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.session(stop, &mut pause).await {
                eprintln!("toy-outbox relay begins anew: {error:#}");
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                if self.has(Plant::GivesUp) && failures >= FAILURES {
                    self.give_up().await;
                }
                pause.wait(stop).await;
            }
        }
    }

    async fn session(&self, stop: &CancellationToken, pause: &mut Pause) -> Result<()> {
        let opened = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            opened = self.open() => opened,
        };
        let (mut table, post) = opened?;
        let mut done = Ok(());
        while !stop.is_cancelled() {
            let until = Instant::now() + HELD_FOR;
            let round = timeout_at(until, self.round(&mut table, &post, until)).await;
            match round.context("a server took too long").flatten() {
                Ok(0) => {
                    self.say_ready();
                    idle(POLL, stop).await;
                }
                Ok(_) => {
                    self.say_ready();
                    self.failures.store(0, Ordering::Relaxed);
                    pause.reset();
                    idle(TURN, stop).await;
                }
                Err(error) => {
                    done = Err(error);
                    break;
                }
            }
        }
        post.close().await;
        if done.is_ok() {
            table.close().await;
        }
        done
    }

    async fn open(&self) -> Result<(Table, Post)> {
        let table = Table::open(&self.database, self.form).await?;
        let post = Post::open(&self.amqp, self.exchange.as_deref(), self.plant).await?;
        Ok((table, post))
    }

    /// Publishes the next parcels, and says how many.
    async fn round(&self, table: &mut Table, post: &Post, until: Instant) -> Result<usize> {
        let Some(mut held) = table.hold().await? else {
            return Ok(0);
        };
        if self.has(Plant::LosesItsState) {
            held.cursor = from_file(&mut held).await?;
        }
        let parcels = held.next(self.has(Plant::ByTimestamp)).await?;
        if parcels.is_empty() {
            held.let_go().await?;
            return Ok(0);
        }
        if self.has(Plant::MarksFirst) {
            held.sent(&parcels).await?;
            let (_, published) = self.publish(&parcels, post, until).await;
            return published.map(|()| parcels.len());
        }
        let (count, published) = self.publish(&parcels, post, until).await;
        let sent = &parcels[..count];
        if sent.is_empty() {
            held.let_go().await?;
            return published.map(|()| 0);
        }
        if self.has(Plant::LosesItsState) {
            let last = parcels[count - 1].seq;
            fs::write(CURSOR_FILE, last.to_string()).context("writing the cursor's file")?;
        }
        held.sent(sent).await?;
        published.map(|()| count)
    }

    /// Publishes parcels in their order, and says how many of them the broker is known to have. Who was frozen for long may
    /// have lost the lock, and publishes nothing more.
    async fn publish(
        &self,
        parcels: &[Parcel],
        post: &Post,
        until: Instant,
    ) -> (usize, Result<()>) {
        let enough = until - HELD_FOR / 2;
        let mut count = 0;
        while count < parcels.len() && Instant::now() < enough {
            let together = &parcels[count..count + abreast(&parcels[count..])];
            if let Err(error) = self.publish_together(together, post, enough).await {
                return (count, Err(error));
            }
            count += together.len();
        }
        (count, Ok(()))
    }

    async fn publish_together(
        &self,
        parcels: &[Parcel],
        post: &Post,
        enough: Instant,
    ) -> Result<()> {
        let mut sent = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            ensure!(
                Instant::now() < enough,
                "the lock may be somebody else's soon"
            );
            sent.push(post.send(parcel).await?);
        }
        post.have_arrived(sent).await
    }

    async fn give_up(&self) {
        let given_up = async {
            let mut table = Table::open(&self.database, self.form).await?;
            if let Some(mut held) = table.hold().await? {
                let parcels = held.next(false).await?;
                held.given_up(&parcels).await?;
            }
            table.close().await;
            anyhow::Ok(())
        };
        match timeout_at(Instant::now() + HELD_FOR, given_up).await {
            Ok(Ok(())) => self.failures.store(0, Ordering::Relaxed),
            Ok(Err(error)) => eprintln!("toy-outbox relay gives up nothing: {error:#}"),
            Err(late) => eprintln!("toy-outbox relay gives up nothing: {late}"),
        }
    }

    fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    fn say_ready(&self) {
        if !self.said_ready.swap(true, Ordering::Relaxed) {
            println!("toy-outbox relay is ready");
        }
    }
}

/// How many of the first parcels are of different lanes: nothing of a lane is published before what comes before it in that
/// lane has arrived.
fn abreast(parcels: &[Parcel]) -> usize {
    let again = |at: &usize| {
        let (before, rest) = parcels.split_at(*at);
        before.iter().any(|parcel| parcel.lane == rest[0].lane)
    };
    (1..parcels.len()).find(again).unwrap_or(parcels.len())
}

/// Where the file says that the cursor is; without a file, at the end.
async fn from_file(held: &mut Held<'_>) -> Result<i64> {
    match fs::read_to_string(CURSOR_FILE) {
        Ok(text) => text.trim().parse().context("reading the cursor's file"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let end = held.end().await?;
            fs::write(CURSOR_FILE, end.to_string()).context("writing the cursor's file")?;
            Ok(end)
        }
        Err(error) => Err(error).context("reading the cursor's file"),
    }
}
