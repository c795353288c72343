//! When acks come, what they count, and how full shards hold a client back.

use std::sync::atomic::Ordering;
use std::time::Duration;

use geofenced::domain::ids::{AccountId, AppId, FrameSeq};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::submission::Applied;
use tokio::time::{sleep, timeout};

use crate::daemon::{Daemon, SOON, noted, ping, refused, until};
use crate::shards::NOW;

#[tokio::test]
async fn acks_come_when_tickets_resolve_and_not_before() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    assert_eq!(client.terms().account, AccountId(1));
    assert_eq!((client.terms().max_frame_records, client.terms().now), (4096, NOW));
    daemon.shards.holding.store(true, Ordering::SeqCst);
    let (mut stream, acks) = noted(&client, 1);
    for _ in 0..20 {
        stream.pings(AppId(1), &[ping(1, 0), ping(2, PingFlags::MOCK)]).await.unwrap();
    }
    until("all submitted", || daemon.shards.submissions.load(Ordering::SeqCst) == 20).await;
    sleep(Duration::from_millis(100)).await;
    assert!(acks.lock().unwrap().is_empty());
    assert_eq!(daemon.figures.snapshot().pings.in_flight, 20);
    daemon.shards.release(Ok(Applied::default()));
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    let acks = acks.lock().unwrap().clone();
    assert_eq!(acks.last().unwrap().upto, FrameSeq(20));
    assert!(acks.len() <= 3, "coalesced: {}", acks.len());
    assert_eq!(refused(&acks, RejectReason::Mock), 20);
    let figures = daemon.figures.snapshot().pings;
    assert_eq!((figures.received, figures.evaluated, figures.in_flight), (40, 20, 0));
    client.close().await;
}

#[tokio::test]
async fn full_shards_hold_the_client_back_and_lose_nothing() {
    let daemon = Daemon::start(|config| config.max_unacked_frames = 4);
    let client = daemon.client(1).await;
    let taken = daemon.shards.room.available_permits() - 3;
    daemon.shards.room.acquire_many(u32::try_from(taken).unwrap()).await.unwrap().forget();
    let (mut stream, _) = noted(&client, 1);
    let frame: Vec<Ping> = (0..4096u32).map(|_| ping(9, 0)).collect();
    let sending = async {
        for _ in 0..100 {
            stream.pings(AppId(1), &frame).await.unwrap();
        }
        stream.end().await.unwrap();
    };
    let watching = async {
        until("three taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 3).await;
        sleep(Duration::from_millis(300)).await;
        // One window of QUIC, one buffer and one frame in hand are all the daemon may have taken in.
        let read = daemon.figures.snapshot().frames;
        assert!(read <= 5, "{read} frames read while the shards were full");
        daemon.shards.room.add_permits(1000);
    };
    timeout(SOON, async { tokio::join!(sending, watching) }).await.unwrap();
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 409_600);
}

/// Run with `cargo test --release --test ingest_wire -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a check"]
async fn speed() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, _) = noted(&client, 1);
    for size in [64usize, 512, 4096] {
        let frame: Vec<Ping> =
            (0..size).map(|n| ping(u8::try_from(n % 250 + 1).unwrap(), 0)).collect();
        let frames = 8_000_000 / size;
        let begun = tokio::time::Instant::now();
        let mut last = FrameSeq(0);
        for _ in 0..frames {
            last = stream.pings(AppId(1), &frame).await.unwrap();
        }
        stream.acked(last).await.unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(frames * size).unwrap()) / seconds;
        println!("{size} pings a frame: {rate:.0} pings/s acknowledged");
    }
}
