//! The connections that a listener holds: so many at most. Whichever has been without a complete request for the longest
//! makes room for a new one, so that clients that do nothing keep nobody out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};

use crate::metrics::ApiMetrics;

/// How often a listener without a free place looks for a connection that has become idle.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a connection is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// There is no complete request, since then.
    Waiting(Instant),
    /// A request is handled.
    Handling,
    /// The answer is on its way.
    Answering,
}

/// All places of a listener.
#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Taken>,
    metrics: ApiMetrics,
}

/// Places by the order in which they were taken.
type Taken = Mutex<BTreeMap<u64, Arc<Place>>>;

/// What others may know of a connection, and ask of it.
#[derive(Debug)]
struct Place {
    doing: watch::Sender<Doing>,
    vacate: Notify,
}

/// A connection's place. Dropping it frees the place.
#[derive(Debug)]
pub struct Seat {
    number: u64,
    place: Arc<Place>,
    taken: Arc<Taken>,
    metrics: ApiMetrics,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// So many.
    pub fn new(most: usize, metrics: ApiMetrics) -> Self {
        Self {
            free: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            taken: Arc::default(),
            metrics,
        }
    }

    /// A place, if one is free.
    pub fn try_take(&self) -> Option<Seat> {
        Some(self.seat(self.free.clone().try_acquire_owned().ok()?))
    }

    /// A place, as soon as one is free or can be freed.
    pub async fn take(&self) -> Seat {
        loop {
            self.make_room();
            // The semaphore is never closed: an error could only be the end of time.
            if let Ok(Ok(permit)) = timeout(LOOK_EVERY, self.free.clone().acquire_owned()).await {
                return self.seat(permit);
            }
        }
    }

    /// Asks the connection that has been without a request for the longest to go.
    pub fn make_room(&self) {
        let taken = locked(&self.taken);
        let waiting = taken.values().filter_map(|place| {
            let doing = *place.doing.borrow();
            match doing {
                Doing::Waiting(since) => Some((since, place)),
                Doing::Handling | Doing::Answering => None,
            }
        });
        if let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) {
            longest.vacate.notify_one();
        }
    }

    fn seat(&self, permit: OwnedSemaphorePermit) -> Seat {
        let place = Arc::new(Place {
            doing: watch::Sender::new(Doing::Waiting(Instant::now())),
            vacate: Notify::new(),
        });
        let mut taken = locked(&self.taken);
        let number = taken.last_key_value().map_or(0, |(last, _)| last + 1);
        taken.insert(number, place.clone());
        self.metrics.connections.inc();
        Seat {
            number,
            place,
            taken: self.taken.clone(),
            metrics: self.metrics.clone(),
            _permit: permit,
        }
    }
}

impl Seat {
    /// Marks the beginning of a request.
    pub fn begin(&self) -> Request {
        self.place.doing.send_replace(Doing::Handling);
        Request(self.place.clone())
    }

    /// Follows what the connection is busy with.
    pub fn watch(&self) -> watch::Receiver<Doing> {
        self.place.doing.subscribe()
    }

    /// Waits until somebody else needs the place.
    pub async fn wanted(&self) {
        loop {
            self.place.vacate.notified().await;
            // It may have got a request in the meantime.
            if matches!(*self.place.doing.borrow(), Doing::Waiting(_)) {
                self.metrics.connections_displaced.inc();
                return;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        locked(&self.taken).remove(&self.number);
        self.metrics.connections.dec();
    }
}

/// A request that is handled or answered. Dropped, the connection waits for the next.
#[derive(Debug)]
pub struct Request(Arc<Place>);

impl Request {
    /// Marks the end of its handling, and with the end of `body` that of the request.
    pub fn answer(self, body: Body) -> Answer {
        self.0.doing.send_replace(Doing::Answering);
        Answer {
            body,
            _request: self,
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.doing.send_replace(Doing::Waiting(Instant::now()));
    }
}

/// The body of an answer, which knows when it is over.
#[derive(Debug)]
pub struct Answer {
    body: Body,
    _request: Request,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn locked(taken: &Taken) -> MutexGuard<'_, BTreeMap<u64, Arc<Place>>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    const MOMENT: Duration = Duration::from_millis(20);

    fn places(most: usize) -> Places {
        Places::new(most, Metrics::new().api.clone())
    }

    #[tokio::test]
    async fn who_waits_the_longest_makes_room() {
        let places = places(2);
        let (first, second) = (places.try_take().unwrap(), places.try_take().unwrap());
        assert!(places.try_take().is_none());
        drop(first.begin().answer(Body::empty()));
        places.make_room();
        timeout(MOMENT, second.wanted()).await.expect("asked to go");
        assert!(timeout(MOMENT, first.wanted()).await.is_err());
        drop(second);
        assert_eq!(places.metrics.connections.get(), 1);
        timeout(MOMENT, places.take()).await.expect("a free place");
    }

    #[tokio::test]
    async fn nobody_is_displaced_in_the_middle_of_a_request() {
        let places = places(1);
        let busy = places.try_take().unwrap();
        let request = busy.begin();
        assert!(timeout(4 * LOOK_EVERY, places.take()).await.is_err());
        let answer = request.answer(Body::from("x"));
        places.make_room();
        assert!(timeout(MOMENT, busy.wanted()).await.is_err());
        drop(answer);
        places.make_room();
        timeout(MOMENT, busy.wanted()).await.expect("idle now");
    }
}
