//! A listening socket whose every connection is joined to a fresh one upstream: the frame that taps and proxies share.
//!
//! The upstream is dialled beside the accept loop and with a deadline, so one hung server never keeps other clients
//! waiting. Both sockets send at once (`TCP_NODELAY`): a delay on an edge is one that somebody asked for.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    select,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long an upstream may take to answer a connect.
const DIAL_DEADLINE: Duration = Duration::from_secs(5);
/// How long connections may take to end once they are told to.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// Pause after a failed accept: the usual cause is a lack of file descriptors, and a hot loop frees none.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How one direction of a joined pair came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The sender finished; all it sent and its FIN were passed on. The other direction goes on.
    Drained,
    /// Both sockets are to be closed in order.
    Closed,
    /// Both sockets are to be reset.
    Reset,
}

/// What is done with a joined pair of connections.
pub(crate) trait Carrier: Send + Sync + 'static {
    /// A client connected; its upstream is not dialled yet.
    fn accepted(&self) {}

    /// The upstream could not be reached. Says how the client is told.
    fn refused(&self) -> Ending;

    /// Carries bytes both ways until both directions have ended.
    fn carry(
        &self,
        client: &mut TcpStream,
        upstream: &mut TcpStream,
    ) -> impl Future<Output = Ending> + Send;
}

/// An open listening socket and its connections. Dropping it closes them all.
pub(crate) struct Forward {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Forward {
    /// Serves `listener` until this is closed or dropped, or `parent` is cancelled.
    pub(crate) fn open<C: Carrier>(
        listener: TcpListener,
        upstream: &str,
        parent: &CancellationToken,
        carrier: C,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let door = Arc::new(Door {
            upstream: upstream.to_owned(),
            carrier,
            stop: parent.child_token(),
            tasks: TaskTracker::new(),
        });
        let (stop, tasks) = (door.stop.clone(), door.tasks.clone());
        tasks.spawn(door.accept(listener));
        Ok(Self {
            address,
            stop,
            tasks,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and all connections, and returns once they are gone.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(CLOSE_DEADLINE, self.tasks.wait()).await.is_err() {
            let (address, left) = (self.address, self.tasks.len());
            tracing::warn!(%address, left, "connections did not end within {CLOSE_DEADLINE:?}");
        }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Door<C> {
    upstream: String,
    carrier: C,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl<C: Carrier> Door<C> {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((client, _)) => {
                    self.carrier.accepted();
                    let door = Arc::clone(&self);
                    self.tasks.spawn(async move {
                        // Dropping the pair in mid-air closes both sockets, which is what stopping means.
                        select! {
                            () = door.stop.cancelled() => {}
                            () = door.join(client) => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(upstream = %self.upstream, %error, "could not accept a client");
                    select! {
                        () = self.stop.cancelled() => return,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }

    async fn join(&self, mut client: TcpStream) {
        let mut upstream = match dial(&self.upstream).await {
            Ok(upstream) => upstream,
            Err(error) => {
                tracing::debug!(upstream = %self.upstream, %error, "upstream refused");
                if self.carrier.refused() == Ending::Reset {
                    reset_on_drop(&client);
                }
                return;
            }
        };
        if let Err(error) = client.set_nodelay(true) {
            tracing::debug!(%error, "the client left before it was served");
        }
        if self.carrier.carry(&mut client, &mut upstream).await == Ending::Reset {
            reset_on_drop(&client);
            reset_on_drop(&upstream);
        }
    }
}

async fn dial(upstream: &str) -> std::io::Result<TcpStream> {
    let stream = timeout(DIAL_DEADLINE, TcpStream::connect(upstream)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Makes the coming drop send RST in place of FIN. Fails only on a socket whose peer is gone already.
fn reset_on_drop(socket: &TcpStream) {
    if let Err(error) = socket.set_zero_linger() {
        tracing::debug!(%error, "could not ask for a reset");
    }
}

/// Runs both directions of a pair: a drained one leaves the other running, any other ending ends both.
pub(crate) async fn both_ways(
    requests: impl Future<Output = Ending>,
    replies: impl Future<Output = Ending>,
) -> Ending {
    tokio::pin!(requests, replies);
    let (first, requests_left) = select! {
        ending = &mut requests => (ending, false),
        ending = &mut replies => (ending, true),
    };
    match first {
        Ending::Drained if requests_left => requests.await,
        Ending::Drained => replies.await,
        Ending::Closed | Ending::Reset => first,
    }
}
