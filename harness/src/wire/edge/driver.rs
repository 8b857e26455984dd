//! The official client, kept on a thread of its own.
//!
//! It blocks, starts a runtime of its own, panics on transport errors and then holds a poisoned lock. On an own thread
//! it is made, used and dropped off the lab's runtime, a panic is caught and answered with a fresh client, and whoever
//! waits for it has a deadline.

use std::{
    any::Any,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};
use toxiproxy_rust::client::Client;

use super::error::EdgeError;

/// How long one verb may take. The client's own limit is 30 s for each of its requests.
const DEADLINE: Duration = Duration::from_secs(15);
/// Verbs that may wait for the thread. More than that means that it hangs.
const WAITING: usize = 256;

type Verb = Box<dyn FnOnce(&Client) -> Result<(), String> + Send>;

struct Job {
    verb: Verb,
    done: oneshot::Sender<Result<(), String>>,
}

/// The thread's mailbox. The thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Driver {
    jobs: SyncSender<Job>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Driver {
    pub(super) fn start(api: SocketAddr) -> Result<Self, EdgeError> {
        let (jobs, mailbox) = sync_channel(WAITING);
        thread::Builder::new()
            .name("toxiproxy-client".to_owned())
            .spawn(move || work(api, &mailbox))
            .map_err(|e| EdgeError::Setup {
                reason: e.to_string(),
            })?;
        Ok(Self { jobs })
    }

    /// Runs one verb, named for error messages.
    pub(super) async fn run(
        &self,
        name: &'static str,
        verb: impl FnOnce(&Client) -> Result<(), String> + Send + 'static,
    ) -> Result<(), EdgeError> {
        let failed = |reason: String| EdgeError::Client { verb: name, reason };
        let (done, answer) = oneshot::channel();
        let job = Job {
            verb: Box::new(verb),
            done,
        };
        self.jobs.try_send(job).map_err(|e| match e {
            TrySendError::Full(_) => failed(format!("{WAITING} changes wait for it already")),
            TrySendError::Disconnected(_) => failed("its thread has ended".to_owned()),
        })?;
        match timeout(DEADLINE, answer).await {
            Ok(Ok(done)) => done.map_err(failed),
            Ok(Err(_)) => Err(failed("its thread has ended".to_owned())),
            Err(_) => Err(EdgeError::Deadline {
                verb: name,
                deadline: DEADLINE,
            }),
        }
    }
}

fn work(api: SocketAddr, mailbox: &Receiver<Job>) {
    let mut client = None;
    while let Ok(job) = mailbox.recv() {
        if job.done.is_closed() {
            // Whoever asked has given up; a change made behind their back would be a fault that nobody knows of.
            continue;
        }
        let verb = job.verb;
        let done = catch_unwind(AssertUnwindSafe(|| {
            verb(client.get_or_insert_with(|| Client::new(api)))
        }));
        let done = done.unwrap_or_else(|panic| {
            client = None;
            Err(format!("it panicked: {}", message(panic.as_ref())))
        });
        if job.done.send(done).is_err() {
            tracing::warn!(%api, "a change to Toxiproxy was finished after its deadline");
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_the_client_is_an_error_and_the_next_verb_finds_a_fresh_one() {
        let driver = Driver::start("127.0.0.1:9".parse().unwrap()).unwrap();
        let panicked = driver.run("panic", |_| panic!("lock {}", "poisoned")).await;
        let error = panicked.unwrap_err().to_string();
        assert!(error.contains("panicked: lock poisoned"), "{error}");
        driver.run("go on", |_| Ok(())).await.unwrap();
    }
}
