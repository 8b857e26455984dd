//! One listener and its connections, whatever they do: each wait for a client has a deadline, and told to stop it comes to
//! an end in time.

use std::future::pending;
use std::io::{Error, ErrorKind};
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::places::{Answer, Doing, Places, Seat};
use super::unread::Worded;
use crate::metrics::ApiMetrics;

/// The longest head of a request.
const HEAD_BYTES: usize = 32 * 1024;
/// How long a connection may take to write out what it has, once it is to end.
const WRITE_OUT: Duration = Duration::from_millis(500);
/// The pause after an accept that failed for want of something that others hold.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often the same trouble is logged.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What a client may take of a listener.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Open connections.
    pub most: usize,
    /// How long a connection may be without a complete request.
    pub idle: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub write: Duration,
    /// How long the requests that are handled at the stop may still take.
    pub drain: Duration,
}

/// A listener and what it serves.
#[derive(Debug)]
pub struct Listening {
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    places: Places,
}

impl Listening {
    /// `router` at `listener`.
    pub fn new(
        listener: TcpListener,
        router: Router,
        limits: ConnectionLimits,
        metrics: &ApiMetrics,
    ) -> Self {
        Self {
            listener,
            router,
            places: Places::new(limits.most, metrics.clone()),
            limits,
        }
    }

    /// Serves until it is told to stop, and then finishes what is handled.
    pub async fn serve(self, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        let mut troubles = (Trouble::default(), Trouble::default());
        while let Some((stream, seat)) = stop.run_until_cancelled(self.next(&mut troubles)).await {
            let life = hold(
                stream,
                seat,
                self.router.clone(),
                self.limits.clone(),
                stop.clone(),
            );
            connections.spawn(cut.clone().run_until_cancelled_owned(life));
        }
        drop(self.listener);
        connections.close();
        if timeout(self.limits.drain, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = connections.len(),
                "cut connections whose requests did not come to an end"
            );
            cut.cancel();
            connections.wait().await;
        }
    }

    /// The next connection, and a place for it.
    async fn next(&self, (full, failed): &mut (Trouble, Trouble)) -> (TcpStream, Seat) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Some(seat) = self.places.try_take() {
                        return (stream, seat);
                    }
                    full.log(|| {
                        tracing::warn!(
                            most = self.limits.most,
                            "as many connections as there may be: idle ones are closed for new ones"
                        );
                    });
                    return (stream, self.places.take().await);
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    failed.log(|| tracing::error!(%error, "a connection could not be accepted"));
                    self.places.make_room();
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A connection from its first byte to its last.
async fn hold(
    stream: TcpStream,
    seat: Seat,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    prepare(&stream, limits.write);
    let handle = service_fn(|request| handle(&seat, &router, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Worded::new(stream)), handle);
    let mut connection = pin!(connection);
    // How a connection ends is its client's business: what became of the request is told by the answer, or asked for again.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = seat.wanted() => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let mut doing = seat.watch();
    loop {
        let now = *doing.borrow_and_update();
        let written_out = async {
            match now {
                Doing::Waiting(_) | Doing::Answering => sleep(WRITE_OUT).await,
                Doing::Handling => pending().await,
            }
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = written_out => return,
            Ok(()) = doing.changed() => {}
        }
    }
}

async fn handle(
    seat: &Seat,
    router: &Router,
    request: Request<Incoming>,
) -> Result<Response<Answer>, std::convert::Infallible> {
    let begun = seat.begin();
    let response = router.clone().oneshot(request.map(Body::new)).await?;
    Ok(response.map(|body| begun.answer(body)))
}

/// A client that takes nothing is told from a slow one by the kernel: for so long nothing of what was sent was taken, be it
/// that the window is closed or that nobody is there.
fn prepare(stream: &TcpStream, write: Duration) {
    let small_answers_at_once = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let given_up = {
        let milliseconds = u32::try_from(write.as_millis()).unwrap_or(u32::MAX);
        rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds)
    };
    #[cfg(not(target_os = "linux"))]
    let given_up = {
        let _ = write;
        std::io::Result::Ok(())
    };
    if let Err(error) = small_answers_at_once.and(given_up.map_err(Error::from)) {
        tracing::debug!(%error, "a connection goes without an option");
    }
}

/// Whether the client went away before it was accepted.
fn is_the_clients(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

/// Logs what goes on happening now and then.
#[derive(Debug, Default)]
struct Trouble(Option<Instant>);

impl Trouble {
    fn log(&mut self, say: impl FnOnce()) {
        if self.0.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
            self.0 = Some(Instant::now());
            say();
        }
    }
}
