//! Snapshots are swapped while pings flow: no ping is lost, and each job carries the hash of the snapshot
//! that decided it. Nobody holds on to those that were replaced.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use geofenced::client::ClientStream;
use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;
use jiff::civil::date;

use support::{Daemon, PATIENCE, metric_of};

const FENCES: &[u8] = br#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "square", "properties": {"name": "Square", "radius_m": 300},
     "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}}]}"#;

/// Publications while pings flow.
const SWAPS: u32 = 20;

/// Devices of a frame.
const FRAME_DEVICES: u64 = 20;

/// Noon of a day in the campaign's period, UTC.
const NOON: UtcMs = UtcMs(1_767_355_200_000 + 10 * 86_400_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_tells_the_snapshot_that_decided_it() {
    let mut daemon = Daemon::start(&[
        ("GEOFENCED__POLICY__CLOCK", "fixes"),
        ("GEOFENCED__SHARD__SHARDS", "2"),
        ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
    ]);
    let mut titles = BTreeMap::new();
    titles.insert(publish(&daemon, 0).await, title(0));
    let client = daemon.client().await;
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let sending = async {
        let mut frame = 0;
        while !*stopped.borrow_and_update() {
            send(&mut stream, frame).await;
            frame += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        frame
    };
    let swapping = async {
        for swap in 1..=SWAPS {
            tokio::time::sleep(Duration::from_millis(50)).await;
            titles.insert(publish(&daemon, swap).await, title(swap));
        }
        stop.send_replace(true);
    };
    let (frames, ()) = tokio::join!(sending, swapping);
    stream.acked(FrameSeq(frames)).await.expect("every frame is acknowledged");

    let expected = usize::try_from(frames * FRAME_DEVICES).expect("a small number");
    let records = daemon.read_queue("swap", expected * 2).await;
    let mut devices = BTreeSet::new();
    let mut snapshots = BTreeSet::new();
    for job in records.iter().filter(|record| record["type"] == "geofenced.push_job.v1") {
        let data = &job["data"];
        let snapshot = data["snapshot"].as_str().expect("a job names its snapshot").to_owned();
        assert_eq!(data["message"]["title"], titles[&snapshot], "the text is that snapshot's");
        assert!(devices.insert(data["device_id"].to_string()), "a device gets one job");
        snapshots.insert(snapshot);
    }
    assert_eq!(devices.len(), expected, "no ping is lost");
    assert!(snapshots.len() > 3, "several snapshots decided: {}", snapshots.len());
    stream.end().await.expect("the stream ends");
    client.close().await;
    assert!(daemon.sigterm().success());
    // Each job is decided again with the snapshot that the journal names, to the same bytes.
    let replayed = daemon.replay_journal();
    assert_eq!(replayed["equal"], replayed["records"], "{replayed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_without_work_holds_on_to_no_snapshot_that_was_replaced() {
    let daemon = Daemon::start(&[("GEOFENCED__SHARD__SHARDS", "3")]);
    for swap in 0..4 {
        publish(&daemon, swap).await;
    }
    let only_the_last = async {
        while metric_of(&daemon.metrics().await, "geofenced_snapshot_generations") != 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, only_the_last).await.expect("the last is the only one");
}

fn title(swap: u32) -> String {
    format!("Hello {swap}")
}

/// Publishes the campaign with another title; gives the snapshot's hash.
async fn publish(daemon: &Daemon, swap: u32) -> String {
    let campaigns = format!(
        r#"{{"accounts": [{{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
          "apps": [{{"id": 1, "package": "com.example.app", "platform": "android"}}]}}],
        "campaigns": [{{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
          "trigger": {{"on": "enter"}}, "start": "2026-01-01", "end": "2026-12-31",
          "windows": [{{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}}],
          "frequency": "once_per_period", "messages": [{{"title": "{}", "body": "Welcome"}}]}}]}}"#,
        title(swap)
    );
    let loaded = daemon.snapshot(FENCES, campaigns.as_bytes(), date(2026, 1, 1)).await;
    loaded.view().hash().to_string()
}

async fn send(stream: &mut ClientStream, frame: u64) {
    let pings: Vec<Ping> = (frame * FRAME_DEVICES..(frame + 1) * FRAME_DEVICES)
        .map(|device| Ping {
            device: DeviceId(((1u128 << 100) | u128::from(device)).to_be_bytes()),
            lat_e7: 375_663_000,
            lon_e7: 1_269_780_000,
            fixed_at: NOON,
            accuracy_m: 10,
            flags: PingFlags(0),
        })
        .collect();
    stream.pings(AppId(1), &pings).await.expect("the daemon is up");
}
