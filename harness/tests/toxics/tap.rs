//! The tap counts what happened, while it happens, and adds nothing of its own.

use std::{io::ErrorKind, net::SocketAddr};

use outbox_harness::{
    ask::toxic::{Direction, Toxic},
    ask::wire::Dialect,
    wire::tap::{Link, Measure, Spot, Tap, TapCounters},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    echo::Echo,
    stand::{Stand, dial, end_of, exchange, ms, pattern, silent, within},
};

/// A port of this machine where nothing listens, kept bound so that nobody else gets it.
fn closed_port() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn counters(
    read: impl Fn() -> TapCounters,
    met: impl Fn(&TapCounters) -> bool,
) -> TapCounters {
    let wait = async {
        loop {
            let now = read();
            if met(&now) {
                return now;
            }
            tokio::task::yield_now().await;
        }
    };
    within(wait).await
}

#[tokio::test]
async fn bytes_are_counted_both_ways_while_the_connection_lives() {
    let echo = Echo::start().await;
    let tap = Tap::start(echo.address(), Dialect::Bytes, Spot::default())
        .await
        .unwrap();
    let mut stream = dial(tap.address()).await;
    exchange(&mut stream, &pattern(1_000_000)).await.unwrap();
    let seen = counters(|| tap.snapshot(), |now| now.bytes_replies == 1_000_000).await;
    assert_eq!(seen.bytes_requests, 1_000_000);
    assert_eq!((seen.connections_accepted, seen.connections_cut), (1, 0));

    stream.shutdown().await.unwrap();
    end_of(&mut stream).await.1.unwrap();
    let seen = tap.snapshot();
    assert_eq!(
        (seen.connections_cut, seen.connections_refused_upstream),
        (0, 0)
    );
}

#[tokio::test]
async fn who_has_asked_and_got_no_answer_is_seen_waiting() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tap = Tap::start(
        silent.local_addr().unwrap(),
        Dialect::Bytes,
        Spot::default(),
    )
    .await
    .unwrap();
    let mut stream = dial(tap.address()).await;
    stream.write_all(b"a question").await.unwrap();
    let (mut server, _) = within(silent.accept()).await.unwrap();
    counters(|| tap.snapshot(), |now| now.connections_waiting == 1).await;
    server.write_all(b"an answer").await.unwrap();
    counters(|| tap.snapshot(), |now| now.connections_waiting == 0).await;

    stream.write_all(b"another").await.unwrap();
    counters(|| tap.snapshot(), |now| now.connections_waiting == 1).await;
    drop(stream);
    drop(server);
    counters(|| tap.snapshot(), |now| now.connections_waiting == 0).await;
}

#[tokio::test]
async fn an_upstream_that_refuses_is_counted_and_the_client_told_at_once() {
    let (_held, address) = closed_port();
    let tap = Tap::start(address, Dialect::Bytes, Spot::default())
        .await
        .unwrap();
    let mut stream = dial(tap.address()).await;
    let (_, end) = end_of(&mut stream).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let seen = tap.snapshot();
    assert_eq!(
        (seen.connections_refused_upstream, seen.connections_cut),
        (1, 0)
    );
}

#[tokio::test]
async fn a_reset_is_passed_on_as_a_reset_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tap = Tap::start(
        listener.local_addr().unwrap(),
        Dialect::Bytes,
        Spot::default(),
    )
    .await
    .unwrap();

    let mut client = dial(tap.address()).await;
    let (mut server, _) = within(listener.accept()).await.unwrap();
    server.write_all(b"x").await.unwrap();
    counters(|| tap.snapshot(), |now| now.bytes_replies == 1).await;
    server.set_zero_linger().unwrap();
    drop(server);
    let (seen, end) = end_of(&mut client).await;
    assert_eq!(
        (seen, end.unwrap_err().kind()),
        (1, ErrorKind::ConnectionReset)
    );
    assert_eq!(tap.snapshot().connections_cut, 1);

    let client = dial(tap.address()).await;
    let (mut server, _) = within(listener.accept()).await.unwrap();
    client.set_zero_linger().unwrap();
    drop(client);
    let (_, end) = end_of(&mut server).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(
        tap.snapshot().connections_cut,
        1,
        "the client's own reset is no cut"
    );
}

#[tokio::test]
async fn a_link_shows_its_edge_being_cut_and_healed() {
    let stand = Stand::any().await;
    let name = format!("{} linked", stand.edge.name());
    let link = Link::create(
        &stand.control,
        &name,
        stand.echo.address(),
        Dialect::Bytes,
        Spot::default(),
    )
    .await
    .unwrap();
    let mut stream = dial(link.address()).await;
    exchange(&mut stream, b"before").await.unwrap();

    let cut = link.edge().cut().await.unwrap();
    let _ = end_of(&mut stream).await;
    let seen = counters(|| link.counters(), |now| now.connections_cut == 1).await;
    assert_eq!(seen.connections_refused_upstream, 0);
    let mut refused = dial(link.address()).await;
    let _ = end_of(&mut refused).await;
    counters(
        || link.counters(),
        |now| now.connections_refused_upstream == 1,
    )
    .await;

    link.edge().mend(cut).await.unwrap();
    exchange(&mut dial(link.address()).await, b"after")
        .await
        .unwrap();
    link.edge().delete().await.unwrap();
    stand.finish().await;
}

#[tokio::test]
async fn a_live_link_shows_a_reset() {
    let stand = Stand::embedded().await;
    let link = Link::create(
        &stand.control,
        "reset",
        stand.echo.address(),
        Dialect::Bytes,
        Spot::default(),
    )
    .await
    .unwrap();
    let mut stream = dial(link.address()).await;
    exchange(&mut stream, b"before").await.unwrap();
    let reset = Toxic::ResetPeer { timeout: ms(0) };
    link.edge()
        .add(reset, Direction::Replies, 1.0)
        .await
        .unwrap();
    stream.write_all(b"during").await.unwrap();
    let (_, end) = end_of(&mut stream).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(link.counters().connections_cut, 1);
}

#[tokio::test]
async fn held_requests_wait_and_none_is_lost() {
    let echo = Echo::start().await;
    let tap = Tap::start(echo.address(), Dialect::Bytes, Spot::default())
        .await
        .unwrap();
    let mut living = dial(tap.address()).await;
    exchange(&mut living, b"before").await.unwrap();
    let held = tap.hold(ms(5000)).await.unwrap();
    living.write_all(b"held").await.unwrap();
    let mut new = dial(tap.address()).await;
    new.write_all(b"held").await.unwrap();
    assert!(silent(&mut living, ms(100)).await && silent(&mut new, ms(100)).await);
    assert_eq!(tap.snapshot().bytes_requests, 6);
    drop(held);
    for stream in [&mut living, &mut new] {
        let mut back = [0; 4];
        within(stream.read_exact(&mut back)).await.unwrap();
        assert_eq!(&back, b"held");
    }
}

#[tokio::test]
async fn a_delay_is_measured_only_where_answers_come_late() {
    let stand = Stand::embedded().await;
    let upstream = stand.echo.address();
    let link = Link::create(
        &stand.control,
        "late",
        upstream,
        Dialect::Bytes,
        Spot::default(),
    )
    .await
    .unwrap();
    let mut stream = dial(link.address()).await;
    let meter = link.tap().measure(Measure::Delay(ms(300)));
    exchange(&mut stream, b"in time").await.unwrap();
    assert_eq!(meter.count(), 0);
    let latency = Toxic::Latency {
        latency: ms(300),
        jitter: ms(0),
    };
    let late = link
        .edge()
        .add(latency, Direction::Replies, 1.0)
        .await
        .unwrap();
    exchange(&mut stream, b"late").await.unwrap();
    assert_eq!(meter.count(), 1);
    link.edge().remove(late).await.unwrap();
}

#[tokio::test]
async fn living_connections_are_those_on_which_bytes_came_back() {
    let stand = Stand::embedded().await;
    let upstream = stand.echo.address();
    let link = Link::create(
        &stand.control,
        "living",
        upstream,
        Dialect::Bytes,
        Spot::default(),
    )
    .await
    .unwrap();
    let mut stream = dial(link.address()).await;
    let _silent = dial(link.address()).await;
    counters(|| link.counters(), |now| now.connections_accepted == 2).await;
    assert_eq!(link.counters().connections_living, 0);
    exchange(&mut stream, b"hello").await.unwrap();
    assert_eq!(link.counters().connections_living, 1);
    let cut = link.edge().cut().await.unwrap();
    let _ = end_of(&mut stream).await;
    let ended = |now: &TapCounters| now.connections_ended == 1;
    let seen = counters(|| link.counters(), ended).await;
    assert_eq!((seen.connections_living, seen.connections_cut), (0, 1));
    link.edge().mend(cut).await.unwrap();
}
