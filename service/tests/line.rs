//! A broker that falls silent: what a relay leaves behind each time it gives a connection up.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    running::{Running, until},
    site::Site,
};

crate::cases!(connections_that_fall_silent_leave_no_thread_and_no_socket);

/// How long the broker is heard on each connection: it greets, and confirms some.
const HEARD_FOR: Duration = Duration::from_millis(400);
/// Connections given up before the first count, and before the second one.
const TRIES: (usize, usize) = (2, 8);
/// What a process may have more of by chance: connections that are being made and given up, of a thread and four descriptors
/// each, and one to Postgres.
const BY_CHANCE: (usize, usize) = (3, 12);

async fn connections_that_fall_silent_leave_no_thread_and_no_socket(site: &Site) -> Result<()> {
    let mut url = Url::parse(&site.servers.amqp_url())?;
    let host = url.host_str().context("a host")?;
    let broker = format!("{host}:{}", url.port().unwrap_or(5672));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let silent = listener.local_addr()?;
    url.set_host(Some("127.0.0.1"))?;
    url.set_port(Some(silent.port())).ok().context("a port")?;
    let tries = Arc::new(AtomicUsize::new(0));
    let mut at_work = JoinSet::new();
    at_work.spawn(serve(listener, broker, tries.clone()));
    let pool = site.pool.clone();
    at_work.spawn(async move {
        // There is always something to be confirmed.
        for sequence in 1.. {
            _ = crate::site::append(&pool, Uuid::from_u128(7), sequence, 1).await;
            sleep(Duration::from_millis(50)).await;
        }
    });
    let relay = Running::start(
        site,
        "relay",
        &[
            ("AMQP_URL", url.as_str()),
            ("OUTBOX_CONFIRM_TIMEOUT_MS", "100"),
            ("OUTBOX_RETRY_MAX_MS", "200"),
        ],
    )?;
    let mut held = Vec::new();
    for wanted in [TRIES.0, TRIES.1] {
        until(&format!("{wanted} connections"), || async {
            let tried = tries.load(Relaxed);
            Ok((tried >= wanted, tried.to_string()))
        })
        .await?;
        held.push(holds(&relay)?);
    }
    let (threads, sockets) = (held[1].0, held[1].1);
    ensure!(
        threads <= held[0].0 + BY_CHANCE.0 && sockets <= held[0].1 + BY_CHANCE.1,
        "threads and descriptors after {} and {} connections: {held:?}",
        TRIES.0,
        TRIES.1
    );
    relay.stop().await
}

/// Threads and descriptors of a process.
fn holds(running: &Running) -> Result<(usize, usize)> {
    let pid = running.process.pid();
    let count =
        |what: &str| Ok::<_, std::io::Error>(fs::read_dir(format!("/proc/{pid}/{what}"))?.count());
    Ok((count("task")?, count("fd")?))
}

async fn serve(listener: TcpListener, broker: String, tries: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        tries.fetch_add(1, Relaxed);
        connections.spawn(fall_silent(client, broker.clone()));
    }
}

/// Passes everything on for a while, and then takes all that is said and answers nothing, for as long as the client likes.
async fn fall_silent(client: TcpStream, broker: String) -> Result<()> {
    let broker = TcpStream::connect(broker).await?;
    let (mut said, mut heard) = client.into_split();
    let (mut answers, mut asked) = broker.into_split();
    let hears = async {
        let mut buffer = [0; 4096];
        loop {
            let read = answers.read(&mut buffer).await?;
            if read == 0 {
                return anyhow::Ok(());
            }
            heard.write_all(&buffer[..read]).await?;
        }
    };
    let passed_on = async {
        tokio::select! {
            ended = hears => ended,
            ended = copy(&mut said, &mut asked) => Ok(_ = ended?),
        }
    };
    if let Ok(ended) = timeout(HEARD_FOR, passed_on).await {
        return ended;
    }
    copy(&mut said, &mut sink()).await?;
    Ok(())
}
