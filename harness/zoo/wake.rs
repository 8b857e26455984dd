//! What wakes a relay: a writer's notification, or time. A notification is a doorbell and no delivery: after each new listener
//! the relay looks by itself.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use super::{
    bug::{Bug, fires},
    database::{ANSWER_WITHIN, pool},
    rest, within,
};

/// The doorbell.
pub struct Doorbell {
    url: String,
    listener: Option<PgListener>,
    was_lost: bool,
}

impl Doorbell {
    /// Nobody listens yet.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            listener: None,
            was_lost: false,
        }
    }

    /// Waits for a notification, for so long at most, or until `stop`.
    pub async fn wait(&mut self, poll: Duration, stop: &CancellationToken) {
        let given_up = self.was_lost && fires(Bug::ListenerNeverBack);
        let Some(listener) = &mut self.listener else {
            if !given_up {
                match self.listen().await {
                    Ok(listener) => {
                        self.listener = Some(listener);
                        return;
                    }
                    Err(error) => eprintln!("zoo-outbox relay: nobody listens: {error:#}"),
                }
            }
            return rest(poll, stop).await;
        };
        let poll = match fires(Bug::NotifyWithoutPoll) {
            true => Duration::from_secs(3600),
            false => poll,
        };
        tokio::select! {
            () = rest(poll, stop) => {}
            heard = listener.try_recv() => if !matches!(heard, Ok(Some(_))) {
                self.listener = None;
                self.was_lost = true;
            }
        }
    }

    async fn listen(&self) -> anyhow::Result<PgListener> {
        let listening = async {
            let mut listener = PgListener::connect_with(&pool(&self.url, 1)?).await?;
            listener.listen("outbox").await?;
            anyhow::Ok(listener)
        };
        within(ANSWER_WITHIN, listening).await?
    }
}
