//! Lines: of the operations of one key, one at a time, in the order in which their turns were drawn.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// A line for each key.
#[derive(Debug, Default)]
pub(super) struct Lines(StdMutex<HashMap<u16, Arc<Mutex<()>>>>);

/// A place in a key's line. Whoever awaits it is at its head until he drops what he gets; whoever drops it leaves the line.
pub(super) struct Turn {
    waiting: Pin<Box<dyn Future<Output = Hold> + Send>>,
    come: Option<Hold>,
}

/// A line's head, as long as it is somebody's.
pub(super) type Hold = OwnedMutexGuard<()>;

impl Lines {
    /// The next turn in a key's line. The place in the line is taken now, not when the turn is awaited: operations go out in
    /// the order in which this was called, whatever a runtime does with those who wait.
    pub fn turn(&self, key: u16) -> Turn {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(key).or_default().clone();
        let mut waiting: Pin<Box<dyn Future<Output = Hold> + Send>> = Box::pin(line.lock_owned());
        // The lock is fair: who polls first is first in line.
        let first = waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let come = match first {
            Poll::Ready(hold) => Some(hold),
            Poll::Pending => None,
        };
        Turn { waiting, come }
    }
}

impl Turn {
    /// Waits for it.
    pub async fn come(self) -> Hold {
        match self.come {
            Some(hold) => hold,
            None => self.waiting.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn turns_of_one_key_come_one_at_a_time_in_the_order_in_which_they_were_drawn() {
        let lines = Lines::default();
        let inside = Arc::new(AtomicUsize::new(0));
        let came = Arc::new(StdMutex::new(Vec::new()));
        let turns: Vec<_> = (0..200).map(|number| (number, lines.turn(7))).collect();
        // Spawned the wrong way round.
        let tasks: Vec<_> = turns
            .into_iter()
            .rev()
            .map(|(number, turn)| {
                let (inside, came) = (inside.clone(), came.clone());
                tokio::spawn(async move {
                    let _hold = turn.come().await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    came.lock().unwrap().push(number);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no overlap");
        }
        assert_eq!(*came.lock().unwrap(), (0..200).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_leaves_the_line_lets_the_next_one_wait_for_those_before_him() {
        let lines = Lines::default();
        let first = lines.turn(1).come().await;
        let left = lines.turn(1);
        let third = lines.turn(1).come();
        drop(left);
        tokio::pin!(third);
        assert!(futures_util::poll!(&mut third).is_pending());
        drop(first);
        third.await;
    }

    #[tokio::test]
    async fn keys_do_not_wait_for_each_other() {
        let lines = Lines::default();
        let _one = lines.turn(1).come().await;
        let _two = lines.turn(2).come().await;
    }
}
