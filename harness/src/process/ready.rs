//! Waiting until a started process can work: asked over its own protocol, never guessed from its log.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::{Process, ProcessError};

/// How long one question may take: a server that is still starting may accept and say nothing.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Asks `process` again and again until it answers. Fails when it ends, or when `within` has passed.
pub async fn until_ready<A>(
    process: &Process,
    within: Duration,
    mut ask: impl FnMut() -> A,
) -> Result<(), ProcessError>
where
    A: Future<Output = anyhow::Result<()>>,
{
    let began = Instant::now();
    let mut last = "no answer".to_owned();
    loop {
        match timeout(ANSWER_WITHIN, ask()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => last = format!("{error:#}"),
            Err(_) => {}
        }
        let (name, tail) = (process.name().to_owned(), process.log_tail());
        if let Some(status) = process.ended()? {
            return Err(ProcessError::EndedEarly { name, status, tail });
        }
        if began.elapsed() >= within {
            return Err(ProcessError::NotReady {
                name,
                waited: within,
                last,
                tail,
            });
        }
        sleep(ASK_EVERY).await;
    }
}
