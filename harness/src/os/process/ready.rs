//! Waiting until what was started can work: asked over its own protocol, never guessed from its log.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::{sleep, timeout};

use super::Process;
use crate::os::causes::Causes;

/// How long one question may take: a server that is still starting may accept and say nothing.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Something that was started and may end before it can work.
#[async_trait]
pub trait Started: Sync {
    /// What messages call it.
    fn name(&self) -> &str;
    /// How it ended, if it did.
    async fn ended(&self) -> anyhow::Result<Option<String>>;
    /// The last lines of its log.
    async fn log_tail(&self) -> String;
}

/// Why something that was started cannot work.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It was to serve, and ended.
    #[error("{name} ended with {status} before it was ready; its log ends with:\n{tail}")]
    Ended {
        /// What was started.
        name: String,
        /// How it ended.
        status: String,
        /// The last lines of its log.
        tail: String,
    },
    /// It was to serve, and does not.
    #[error(
        "{name} was not ready within {waited:?}; last seen: {last}; its log ends with:\n{tail}"
    )]
    InTime {
        /// What was started.
        name: String,
        /// The deadline that passed.
        waited: Duration,
        /// Its last answer.
        last: String,
        /// The last lines of its log.
        tail: String,
    },
    /// Nobody can say whether it still runs.
    #[error("{name}: {problem}")]
    Lost {
        /// What was started.
        name: String,
        /// Why not.
        problem: String,
    },
}

/// Asks again and again until it is answered. Fails when what was `started` ends, or when `within` has passed.
pub async fn until_ready<A>(
    started: &dyn Started,
    within: Duration,
    mut ask: impl FnMut() -> A,
) -> Result<(), NotReady>
where
    A: Future<Output = anyhow::Result<()>>,
{
    let began = Instant::now();
    let mut last = "no answer".to_owned();
    loop {
        match timeout(ANSWER_WITHIN, ask()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => last = Causes(&error).to_string(),
            Err(_) => {}
        }
        let name = started.name().to_owned();
        let ended = started.ended().await.map_err(|error| NotReady::Lost {
            name: name.clone(),
            problem: Causes(&error).to_string(),
        })?;
        if let Some(status) = ended {
            let tail = started.log_tail().await;
            return Err(NotReady::Ended { name, status, tail });
        }
        if began.elapsed() >= within {
            return Err(NotReady::InTime {
                name,
                waited: within,
                last,
                tail: started.log_tail().await,
            });
        }
        sleep(ASK_EVERY).await;
    }
}

#[async_trait]
impl Started for Process {
    fn name(&self) -> &str {
        self.name()
    }

    async fn ended(&self) -> anyhow::Result<Option<String>> {
        Ok(self.ended()?.map(|status| status.to_string()))
    }

    async fn log_tail(&self) -> String {
        self.log_tail()
    }
}
