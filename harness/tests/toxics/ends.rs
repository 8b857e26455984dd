//! Toxics that end connections, and edges that are cut.

use std::io::ErrorKind;

use outbox_harness::ask::toxic::{Direction, Toxic};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::stand::{BOTH, Stand, end_of, exchange, ms, pattern, silent, within};

#[tokio::test]
async fn timeout_swallows_data_and_then_closes() {
    for direction in BOTH {
        let stand = Stand::any().await;
        stand
            .add(Toxic::Timeout { timeout: ms(200) }, direction)
            .await;
        let mut stream = stand.dial().await;
        let began = std::time::Instant::now();
        stream.write_all(b"ping").await.unwrap();
        let (seen, _) = end_of(&mut stream).await;
        assert_eq!(seen, 0, "{direction:?}");
        // It may have met the connection a moment before the clock here was read.
        assert!(
            began.elapsed() >= ms(100),
            "{direction:?}: {:?}",
            began.elapsed()
        );
        stand.finish().await;
    }
}

#[tokio::test]
async fn a_timeout_starts_anew_with_every_chunk() {
    let stand = Stand::any().await;
    stand
        .add(Toxic::Timeout { timeout: ms(400) }, Direction::Requests)
        .await;
    let mut stream = stand.dial().await;
    let began = std::time::Instant::now();
    for _ in 0..8 {
        stream.write_all(b"ping").await.unwrap();
        tokio::time::sleep(ms(100)).await;
    }
    assert_eq!(end_of(&mut stream).await.0, 0);
    // The last chunk came after 700 ms.
    assert!(began.elapsed() >= ms(1000), "{:?}", began.elapsed());
    stand.finish().await;
}

#[tokio::test]
async fn a_timeout_of_zero_never_closes_until_it_is_removed() {
    let stand = Stand::any().await;
    let mut stream = stand.dial().await;
    exchange(&mut stream, b"before").await.unwrap();
    let toxic = stand
        .add(Toxic::Timeout { timeout: ms(0) }, Direction::Replies)
        .await;
    stream.write_all(b"lost").await.unwrap();
    assert!(silent(&mut stream, ms(200)).await);
    stand.edge.remove(toxic).await.unwrap();
    let (seen, _) = end_of(&mut stream).await;
    assert_eq!(seen, 0, "what was swallowed must not come back");
    stand.finish().await;
}

#[tokio::test]
async fn limit_data_closes_after_exactly_so_many_bytes() {
    for direction in BOTH {
        let stand = Stand::any().await;
        stand.add(Toxic::LimitData { bytes: 1000 }, direction).await;
        let mut stream = stand.dial().await;
        stream.write_all(&pattern(700)).await.unwrap();
        stream.write_all(&pattern(700)).await.unwrap();
        let (seen, _) = end_of(&mut stream).await;
        // Closing in the requests' direction may overtake replies that are on their way.
        match direction {
            Direction::Replies => assert_eq!(seen, 1000),
            Direction::Requests => assert!(seen <= 1000, "{seen}"),
        }
        stand.finish().await;
    }
}

#[tokio::test]
async fn reset_peer_resets_new_connections_that_send() {
    for direction in BOTH {
        let stand = Stand::any().await;
        stand
            .add(Toxic::ResetPeer { timeout: ms(0) }, direction)
            .await;
        // The reset may come as early as in the connect, and before, while or after something is sent.
        let error = match within(TcpStream::connect(stand.edge.address())).await {
            Err(error) => error,
            Ok(mut stream) => {
                let sent = stream.write_all(b"ping").await;
                let (seen, end) = end_of(&mut stream).await;
                assert_eq!(seen, 0);
                sent.and(end).expect_err("a reset, not an end")
            }
        };
        let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(kinds.contains(&error.kind()), "{direction:?}: {error:?}");
        stand.finish().await;
    }
}

#[tokio::test]
async fn reset_peer_resets_live_connections_once_they_have_something_to_say() {
    for direction in BOTH {
        let stand = Stand::embedded().await;
        let mut stream = stand.dial().await;
        exchange(&mut stream, b"before").await.unwrap();
        stand
            .add(Toxic::ResetPeer { timeout: ms(0) }, direction)
            .await;
        assert!(silent(&mut stream, ms(100)).await, "an idle one stays");
        stream.write_all(b"during").await.unwrap();
        let (seen, end) = end_of(&mut stream).await;
        let error = end.expect_err("a reset, not an end");
        assert_eq!(
            (seen, error.kind()),
            (0, ErrorKind::ConnectionReset),
            "{direction:?}"
        );
        stand.finish().await;
    }
}

#[tokio::test]
async fn reset_peer_waits_as_long_as_it_is_told() {
    let stand = Stand::embedded().await;
    let mut stream = stand.dial().await;
    exchange(&mut stream, b"before").await.unwrap();
    stand
        .add(Toxic::ResetPeer { timeout: ms(250) }, Direction::Requests)
        .await;
    let began = std::time::Instant::now();
    stream.write_all(b"during").await.unwrap();
    let (_, end) = end_of(&mut stream).await;
    assert_eq!(end.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    assert!(began.elapsed() >= ms(250));
    stand.finish().await;
}

#[tokio::test]
async fn a_cut_edge_ends_live_connections_and_refuses_new_ones_until_it_heals() {
    let stand = Stand::any().await;
    let mut stream = stand.dial().await;
    exchange(&mut stream, b"before").await.unwrap();
    let narrow = stand
        .add(Toxic::Bandwidth { kb_per_s: 1 }, Direction::Replies)
        .await;
    let cut = stand.edge.cut().await.unwrap();
    assert_eq!(end_of(&mut stream).await.0, 0);
    let refused = within(TcpStream::connect(stand.edge.address())).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);

    stand.edge.remove(narrow).await.unwrap();
    stand.edge.mend(cut).await.unwrap();
    let took = exchange(&mut stand.dial().await, &pattern(100_000))
        .await
        .unwrap();
    assert!(
        took < ms(20_000),
        "the bandwidth limit is still there: {took:?}"
    );
    stand.finish().await;
}

#[tokio::test]
async fn a_port_stays_with_its_proxy_while_it_is_down() {
    let stand = Stand::embedded().await;
    let cut = stand.edge.cut().await.unwrap();
    let listeners: Vec<_> = (0..200)
        .map(|_| {
            std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
        })
        .collect();
    assert!(!listeners.contains(&stand.edge.address()));
    stand.edge.mend(cut).await.unwrap();
    exchange(&mut stand.dial().await, b"ping").await.unwrap();
    stand.finish().await;
}

#[tokio::test]
async fn dropping_the_server_closes_everything() {
    let mut stand = Stand::embedded().await;
    let mut stream = stand.dial().await;
    exchange(&mut stream, b"before").await.unwrap();
    drop(stand.server.take());
    assert_eq!(end_of(&mut stream).await.0, 0);
    for address in [stand.edge.address(), stand.api] {
        let closed = async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        within(closed).await;
    }
}
