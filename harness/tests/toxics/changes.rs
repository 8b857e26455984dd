//! Toxics that come and go while data flows.

use outbox_harness::ask::toxic::{Direction, Toxic};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stand::{BOTH, Stand, end_of, exchange, ms, pattern, silent, within};

#[tokio::test]
async fn a_toxic_strikes_live_connections_from_the_moment_it_is_set() {
    let stand = Stand::any().await;
    let mut stream = stand.dial().await;
    exchange(&mut stream, b"before").await.unwrap();
    let latency = Toxic::Latency {
        latency: ms(150),
        jitter: ms(0),
    };
    for direction in BOTH {
        let toxic = stand.add(latency, direction).await;
        let took = exchange(&mut stream, b"during").await.unwrap();
        assert!(took >= ms(150), "{direction:?}: {took:?}");
        stand.edge.remove(toxic).await.unwrap();
    }
    let mut took = Vec::new();
    for _ in 0..5 {
        took.push(exchange(&mut stream, b"after").await.unwrap());
    }
    assert!(took.iter().min() < Some(&ms(150)), "it lingers: {took:?}");
    stand.finish().await;
}

#[tokio::test]
async fn two_latencies_on_one_direction_both_hold() {
    let stand = Stand::embedded().await;
    let latency = Toxic::Latency {
        latency: ms(80),
        jitter: ms(0),
    };
    let first = stand.add(latency, Direction::Replies).await;
    let second = stand.add(latency, Direction::Replies).await;
    assert_ne!(first.name(), second.name());
    let took = exchange(&mut stand.dial().await, b"ping").await.unwrap();
    assert!(took >= ms(160), "{took:?}");
    stand.finish().await;
}

#[tokio::test]
async fn what_a_removed_latency_held_arrives_at_once() {
    let stand = Stand::embedded().await;
    let latency = Toxic::Latency {
        latency: ms(600_000),
        jitter: ms(0),
    };
    let toxic = stand.add(latency, Direction::Requests).await;
    let mut stream = stand.dial().await;
    stream.write_all(b"held").await.unwrap();
    assert!(silent(&mut stream, ms(100)).await);
    stand.edge.remove(toxic).await.unwrap();
    let mut back = [0; 4];
    within(stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"held");
    stand.finish().await;
}

#[tokio::test]
async fn megabytes_survive_toxics_that_come_and_go() {
    let stand = Stand::embedded().await;
    let latency = Toxic::Latency {
        latency: ms(30),
        jitter: ms(20),
    };
    let slicer = Toxic::Slicer {
        average_size: 900,
        size_variation: 300,
        delay: ms(0),
    };
    let bandwidth = Toxic::Bandwidth { kb_per_s: 500 };
    let mut slicers = Vec::new();
    for direction in BOTH {
        slicers.push(stand.add(slicer, direction).await);
    }
    let mut stream = stand.dial().await;
    let bytes = pattern(4_000_000);
    let changes = async {
        for _ in 0..4 {
            for direction in BOTH {
                let slow = stand.add(bandwidth, direction).await;
                let late = stand.add(latency, direction).await;
                // A pace, not a wait for anything: data is to flow under both.
                tokio::time::sleep(ms(50)).await;
                stand.edge.remove(slow).await.unwrap();
                stand.edge.remove(late).await.unwrap();
            }
        }
        for slicer in slicers {
            stand.edge.remove(slicer).await.unwrap();
        }
    };
    let (exchanged, ()) = tokio::join!(exchange(&mut stream, &bytes), changes);
    exchanged.unwrap();
    stand.finish().await;
}

#[tokio::test]
async fn a_slow_edge_holds_its_sender_back() {
    let stand = Stand::embedded().await;
    stand
        .add(Toxic::Bandwidth { kb_per_s: 0 }, Direction::Requests)
        .await;
    let mut stream = stand.dial().await;
    let bytes = pattern(64_000_000);
    let all = tokio::time::timeout(ms(1000), stream.write_all(&bytes)).await;
    assert!(
        all.is_err(),
        "64 MB vanished into a proxy that passes nothing on"
    );
    stand.finish().await;
}

#[tokio::test]
async fn a_half_closed_connection_still_receives() {
    let stand = Stand::embedded().await;
    let latency = Toxic::Latency {
        latency: ms(100),
        jitter: ms(0),
    };
    stand.add(latency, Direction::Replies).await;
    let mut stream = stand.dial().await;
    stream.write_all(&pattern(50_000)).await.unwrap();
    stream.shutdown().await.unwrap();
    let (seen, end) = end_of(&mut stream).await;
    end.unwrap();
    assert_eq!(seen, 50_000);
    stand.finish().await;
}
