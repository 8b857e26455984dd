//! Toxics that slow an edge down and lose nothing.

use outbox_harness::ask::toxic::{Direction, Toxic};
use tokio::io::AsyncWriteExt;

use crate::stand::{BOTH, Stand, end_of, exchange, ms, pattern};

#[tokio::test]
async fn latency_delays_each_direction_it_lies_on() {
    let latency = Toxic::Latency {
        latency: ms(120),
        jitter: ms(0),
    };
    for direction in BOTH {
        let stand = Stand::any().await;
        stand.add(latency, direction).await;
        let took = exchange(&mut stand.dial().await, b"ping").await.unwrap();
        assert!(took >= ms(120), "{direction:?}: {took:?}");
        stand.finish().await;
    }
}

#[tokio::test]
async fn jitter_moves_latency_no_further_than_asked() {
    let stand = Stand::any().await;
    let latency = Toxic::Latency {
        latency: ms(60),
        jitter: ms(20),
    };
    stand.add(latency, Direction::Replies).await;
    let mut stream = stand.dial().await;
    for _ in 0..5 {
        let took = exchange(&mut stream, b"ping").await.unwrap();
        assert!(took >= ms(39), "{took:?}");
    }
    stand.finish().await;
}

#[tokio::test]
async fn many_chunks_cost_one_latency() {
    let stand = Stand::any().await;
    let slicer = Toxic::Slicer {
        average_size: 100,
        size_variation: 1,
        delay: ms(0),
    };
    let latency = Toxic::Latency {
        latency: ms(100),
        jitter: ms(0),
    };
    stand.add(slicer, Direction::Requests).await;
    stand.add(latency, Direction::Requests).await;
    let took = exchange(&mut stand.dial().await, &pattern(10_000))
        .await
        .unwrap();
    // One after the other, a hundred slices would take ten seconds.
    assert!(took >= ms(100) && took < ms(5000), "{took:?}");
    stand.finish().await;
}

#[tokio::test]
async fn bandwidth_limits_each_direction_it_lies_on() {
    for direction in BOTH {
        let stand = Stand::any().await;
        stand
            .add(Toxic::Bandwidth { kb_per_s: 200 }, direction)
            .await;
        let took = exchange(&mut stand.dial().await, &pattern(120_000))
            .await
            .unwrap();
        // 120 kB at 200 kB/s take 600 ms; a catch-up of one quantum or two is allowed for.
        assert!(took >= ms(400), "{direction:?}: {took:?}");
        stand.finish().await;
    }
}

#[tokio::test]
async fn a_slicer_pauses_between_its_slices() {
    let stand = Stand::any().await;
    let slicer = Toxic::Slicer {
        average_size: 100,
        size_variation: 10,
        delay: ms(10),
    };
    stand.add(slicer, Direction::Replies).await;
    let took = exchange(&mut stand.dial().await, &pattern(3000))
        .await
        .unwrap();
    // About thirty slices; Toxiproxy halves, so slices may be near twice the average, never more.
    assert!(took >= ms(120), "{took:?}");
    stand.finish().await;
}

#[tokio::test]
async fn slow_close_delays_the_end_and_not_the_data() {
    let stand = Stand::any().await;
    stand
        .add(Toxic::SlowClose { delay: ms(300) }, Direction::Requests)
        .await;
    stand
        .add(Toxic::SlowClose { delay: ms(300) }, Direction::Replies)
        .await;
    let mut stream = stand.dial().await;
    exchange(&mut stream, b"ping").await.unwrap();
    let closing = std::time::Instant::now();
    stream.shutdown().await.unwrap();
    let (rest, _) = end_of(&mut stream).await;
    assert_eq!(rest, 0);
    assert!(closing.elapsed() >= ms(300), "{:?}", closing.elapsed());
    stand.finish().await;
}

#[tokio::test]
async fn toxicity_spares_its_share_of_connections() {
    let stand = Stand::any().await;
    let swallow = Toxic::Timeout { timeout: ms(1) };
    stand
        .edge
        .add(swallow, Direction::Requests, 0.5)
        .await
        .unwrap();
    let mut spared = 0;
    for _ in 0..60 {
        spared += u32::from(exchange(&mut stand.dial().await, b"ping").await.is_ok());
    }
    // Fewer than 10 or more than 50 of 60 at one half happens once in a hundred million runs.
    assert!((10..=50).contains(&spared), "{spared} of 60 were spared");
    stand.finish().await;
}
