//! Connections that end before everything is acknowledged: restarts, drains, faults.

use std::sync::atomic::Ordering;
use std::time::Duration;

use geofenced::domain::ids::AppId;
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::submission::{Applied, Lost};
use geofenced::wire::close::CloseCode;
use tokio::time::{sleep, timeout};

use crate::daemon::{Daemon, SOON, noted, ping, refused, until};
use crate::rude::{Rude, frame};
use crate::shards::Mood;

#[tokio::test]
async fn unacknowledged_frames_are_sent_again_after_a_restart() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 7);
    let sure = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.acked(sure)).await.unwrap().unwrap();
    // The next ones are taken, but the daemon dies before it can say so.
    daemon.shards.holding.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        stream.pings(AppId(1), &[ping(1, 0), ping(2, 0)]).await.unwrap();
    }
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 6).await;
    daemon.shards.release(Err(Lost::Stopped));
    let daemon = daemon.restart().await;
    stream.pings(AppId(2), &[ping(3, 0)]).await.unwrap();
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    let acks = acks.lock().unwrap().clone();
    assert_eq!(refused(&acks, RejectReason::Resent), 10);
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 12, "each record took effect once");
    let spans: Vec<u64> = acks.iter().flat_map(|ack| ack.from.0..=ack.upto.0).collect();
    assert_eq!(spans, (1..=7).collect::<Vec<_>>(), "each frame was acknowledged once, in order");
}

#[tokio::test]
async fn a_drain_acknowledges_what_was_read() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 1);
    daemon.shards.holding.store(true, Ordering::SeqCst);
    let last = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 1).await;
    daemon.stop.send_replace(true);
    sleep(Duration::from_millis(100)).await;
    daemon.shards.release(Ok(Applied::default()));
    timeout(SOON, stream.acked(last)).await.unwrap().unwrap();
    assert_eq!(acks.lock().unwrap().len(), 1);
    timeout(SOON, daemon.task).await.unwrap().unwrap();
    let closes = daemon.figures.snapshot().closes;
    let draining = CloseCode::ALL.iter().position(|&code| code == CloseCode::Draining).unwrap();
    assert_eq!(closes[draining], 1);
    assert_eq!(daemon.figures.snapshot().connections_open, 0);
}

#[tokio::test]
async fn frames_refused_in_a_drain_take_no_ack_away() {
    let daemon = Daemon::start(|_| {});
    let client = daemon.client(1).await;
    let (mut stream, acks) = noted(&client, 1);
    daemon.shards.holding.store(true, Ordering::SeqCst);
    let taken = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 1).await;
    *daemon.shards.mood.lock().unwrap() = Mood::Draining;
    stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    let refused_too = || {
        let figures = daemon.figures.snapshot();
        (figures.frames, figures.pings.in_flight) == (2, 1)
    };
    until("refused", refused_too).await;
    daemon.shards.release(Ok(Applied::default()));
    timeout(SOON, stream.acked(taken)).await.unwrap().unwrap();
    assert_eq!(acks.lock().unwrap().last().unwrap().upto, taken);
    *daemon.shards.mood.lock().unwrap() = Mood::Good;
    let daemon = daemon.restart().await;
    timeout(SOON, stream.end()).await.unwrap().unwrap();
    assert_eq!(refused(&acks.lock().unwrap(), RejectReason::Resent), 0, "what was taken was told");
    assert_eq!(daemon.shards.records.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_drain_ends_no_stream_before_all_have_their_acks() {
    let daemon = Daemon::start(|config| config.drain_timeout_s = 20);
    let client = daemon.client(1).await;
    let (mut idle, idle_acks) = noted(&client, 1);
    let seq = idle.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, idle.acked(seq)).await.unwrap().unwrap();
    daemon.shards.holding.store(true, Ordering::SeqCst);
    let (mut slow, slow_acks) = noted(&client, 2);
    let seq = slow.pings(AppId(1), &[ping(2, 0)]).await.unwrap();
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 2).await;
    daemon.stop.send_replace(true);
    // Longer than a client waits for the close after the end of a stream.
    sleep(Duration::from_millis(2500)).await;
    daemon.shards.release(Ok(Applied::default()));
    timeout(SOON, slow.acked(seq)).await.unwrap().unwrap();
    let _daemon = daemon.restart().await;
    for stream in [idle, slow] {
        timeout(SOON, stream.end()).await.unwrap().unwrap();
    }
    for acks in [idle_acks, slow_acks] {
        assert_eq!(refused(&acks.lock().unwrap(), RejectReason::Resent), 0);
    }
}

#[tokio::test]
async fn a_panic_closes_with_internal_and_every_record_is_counted() {
    let daemon = Daemon::start(|_| {});
    let rude = Rude::greeted(&daemon).await;
    let _first = rude.say(&frame(1, 1), false).await;
    until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 1).await;
    *daemon.shards.mood.lock().unwrap() = Mood::Panicking;
    let _second = rude.say(&frame(2, 1), false).await;
    assert_eq!(rude.code().await, CloseCode::Internal);
    until("all is counted", || {
        let figures = daemon.figures.snapshot();
        figures.pings.received == 4 && figures.pings.in_flight == 0 && figures.connections_open == 0
    })
    .await;
    let pings = daemon.figures.snapshot().pings;
    assert!(pings.adds_up(), "{pings:?}");
    assert_eq!(pings.rejected[usize::from(RejectReason::Unavailable.number())], 2);
    // The daemon goes on.
    *daemon.shards.mood.lock().unwrap() = Mood::Good;
    let client = daemon.client(1).await;
    let (mut stream, _) = noted(&client, 1);
    stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
    timeout(SOON, stream.end()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failed_sync_is_unavailable_and_a_stopped_shard_is_draining() {
    for (lost, code) in
        [(Lost::SyncFailed, CloseCode::Unavailable), (Lost::Stopped, CloseCode::Draining)]
    {
        let daemon = Daemon::start(|_| {});
        daemon.shards.holding.store(true, Ordering::SeqCst);
        let rude = Rude::greeted(&daemon).await;
        let _send = rude.say(&frame(1, 1), false).await;
        until("taken", || daemon.shards.submissions.load(Ordering::SeqCst) == 1).await;
        daemon.shards.release(Err(lost));
        assert_eq!(rude.code().await, code);
    }
}

#[tokio::test]
async fn a_client_that_reads_no_acks_holds_up_nobody_else() {
    let daemon = Daemon::start(|config| config.send_window_bytes = 4096);
    let rude = Rude::greeted(&daemon).await;
    let (mut send, _unread) = rude.connection.open_bi().await.unwrap();
    let mute = async {
        // Its acks fill the send window, then the list of open frames, then its own flow control.
        for seq in 1.. {
            if timeout(Duration::from_secs(1), send.write_all(&frame(1, seq))).await.is_err() {
                return;
            }
        }
    };
    let (client, other) = (daemon.client(1).await, async {
        let (mut stream, _) = noted(&daemon.client(2).await, 1);
        for _ in 0..50 {
            let seq = stream.pings(AppId(1), &[ping(1, 0)]).await.unwrap();
            timeout(SOON, stream.acked(seq)).await.unwrap().unwrap();
        }
    });
    timeout(SOON * 3, async { tokio::join!(mute, other) }).await.unwrap();
    client.close().await;
    // A drain waits for it no longer than it says.
    daemon.stop.send_replace(true);
    timeout(SOON, daemon.task).await.unwrap().unwrap();
    let pings = daemon.figures.snapshot().pings;
    assert_eq!((pings.in_flight, pings.adds_up()), (0, true));
}
