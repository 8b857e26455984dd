//! Faults that overlap on one edge: each takes off what it set, and nothing of the other's.

use std::{io::ErrorKind, time::Duration};

use outbox_harness::ask::toxic::{Direction, Toxic};
use tokio::net::TcpStream;

use crate::stand::{BOTH, Stand, end_of, exchange, ms, within};

fn latency(millis: u64) -> Toxic {
    Toxic::Latency {
        latency: ms(millis),
        jitter: ms(0),
    }
}

/// The fastest of some exchanges: what a toxic costs at least.
async fn at_best(stream: &mut TcpStream) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        best = best.min(exchange(stream, b"ping").await.unwrap());
    }
    best
}

async fn is_refused(stand: &Stand) -> bool {
    match within(TcpStream::connect(stand.edge.address())).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            true
        }
    }
}

#[tokio::test]
async fn two_cuts_leave_an_edge_down_until_the_last_is_mended() {
    let stand = Stand::any().await;
    let first = stand.edge.cut().await.unwrap();
    let second = stand.edge.cut().await.unwrap();
    stand.edge.mend(first).await.unwrap();
    assert!(is_refused(&stand).await, "the second cut is still in force");
    stand.edge.mend(second).await.unwrap();
    exchange(&mut stand.dial().await, b"after").await.unwrap();
    let third = stand.edge.cut().await.unwrap();
    assert!(is_refused(&stand).await);
    stand.edge.mend(third).await.unwrap();
    exchange(&mut stand.dial().await, b"again").await.unwrap();
    stand.finish().await;
}

#[tokio::test]
async fn a_latency_that_is_taken_off_leaves_the_others_in_place() {
    let stand = Stand::any().await;
    let mut stream = stand.dial().await;
    for direction in BOTH {
        let short = stand.add(latency(60), direction).await;
        let long = stand.add(latency(150), direction).await;
        assert!(at_best(&mut stream).await >= ms(210));
        stand.edge.remove(short).await.unwrap();
        let left = at_best(&mut stream).await;
        assert!(left >= ms(150), "{direction:?}: {left:?}");
        stand.edge.remove(long).await.unwrap();
        let left = at_best(&mut stream).await;
        assert!(left < ms(150), "{direction:?}: {left:?}");
    }
    stand.finish().await;
}

#[tokio::test]
async fn a_mended_cut_leaves_the_toxics_of_others_in_place() {
    let stand = Stand::any().await;
    let late = stand.add(latency(120), Direction::Replies).await;
    let mut stream = stand.dial().await;
    let cut = stand.edge.cut().await.unwrap();
    let _ = end_of(&mut stream).await;
    stand.edge.mend(cut).await.unwrap();
    assert!(at_best(&mut stand.dial().await).await >= ms(120));
    stand.edge.remove(late).await.unwrap();
    stand.finish().await;
}

#[tokio::test]
async fn a_toxic_is_taken_off_an_edge_that_is_down() {
    let stand = Stand::any().await;
    let late = stand.add(latency(200), Direction::Requests).await;
    let cut = stand.edge.cut().await.unwrap();
    stand.edge.remove(late).await.unwrap();
    stand.edge.mend(cut).await.unwrap();
    let took = at_best(&mut stand.dial().await).await;
    assert!(took < ms(200), "{took:?}");
    stand.finish().await;
}

#[tokio::test]
async fn toxics_set_at_the_same_time_are_each_their_own() {
    let stand = Stand::any().await;
    let set = || stand.edge.add(latency(50), Direction::Replies, 1.0);
    let (one, two, three) = tokio::join!(set(), set(), set());
    let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
    assert!(one != two && two != three && one != three);
    assert!(at_best(&mut stand.dial().await).await >= ms(150));
    for toxic in [one, two] {
        stand.edge.remove(toxic).await.unwrap();
    }
    assert!(at_best(&mut stand.dial().await).await >= ms(50));
    stand.edge.remove(three).await.unwrap();
    stand.finish().await;
}
