//! A kill -9 under load, a restart, a client that resends: nothing is lost and nothing doubled.
//!
//! Every device enters the fence once, so the jobs that must come out are known: one a device. The daemon is
//! killed at a random moment of each round while frames are under way. `GEOFENCED_CRASH_ROUNDS` sets the
//! rounds (default 10).

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geofenced::client::ClientStream;
use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::reasons::RejectReason;
use geofenced::domain::units::UtcMs;
use jiff::civil::date;
use serde_json::Value;

use support::Daemon;

const FENCES: &[u8] = br#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "square", "properties": {"name": "Square", "radius_m": 300},
     "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}}]}"#;

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome to ${geofence}"}]}]}"#;

/// Devices of a frame.
const FRAME_DEVICES: u64 = 50;

/// Frames of a round.
const ROUND_FRAMES: u64 = 40;

/// Noon of a day in the campaign's period, UTC.
const NOON: UtcMs = UtcMs(1_767_355_200_000 + 10 * 86_400_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_doubled() {
    let rounds: u64 = std::env::var("GEOFENCED_CRASH_ROUNDS")
        .ok()
        .map_or(10, |rounds| rounds.parse().expect("GEOFENCED_CRASH_ROUNDS is a number"));
    let mut daemon = Daemon::start(&[
        ("GEOFENCED__POLICY__CLOCK", "fixes"),
        ("GEOFENCED__SHARD__SHARDS", "2"),
        ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
    ]);
    daemon.snapshot(FENCES, CAMPAIGNS, date(2026, 1, 1)).await;
    let client = daemon.client().await;
    let rejected = Arc::new(Mutex::new(BTreeMap::<String, u64>::new()));
    let tally = Arc::clone(&rejected);
    let mut stream = client.open(StreamNo(1), FrameSeq(1), move |ack| {
        let mut tally = tally.lock().expect("nobody panics with it");
        for reason in RejectReason::ALL {
            let count = ack.rejects[usize::from(reason.number())];
            if count > 0 {
                *tally.entry(reason.to_string()).or_default() += count;
            }
        }
    });
    let mut lots = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..rounds {
        let pause = Duration::from_millis(next(&mut lots) % 120);
        let first = round * ROUND_FRAMES;
        let sending = send(&mut stream, first..first + ROUND_FRAMES);
        let crash = async {
            tokio::time::sleep(pause).await;
            daemon.kill9();
            daemon.restart();
        };
        tokio::join!(sending, crash);
    }
    let frames = rounds * ROUND_FRAMES;
    stream.acked(FrameSeq(frames)).await.expect("everything is acknowledged in the end");

    let expected = usize::try_from(frames * FRAME_DEVICES).expect("a small number");
    let records = daemon.read_queue("crash", expected * 2).await;
    eprintln!("rejected: {:?}", rejected.lock().expect("nobody panics with it"));
    check_jobs(&records, expected);
    stream.end().await.expect("the stream ends");
    client.close().await;
    assert!(daemon.sigterm().success());
    let replayed = daemon.replay_journal();
    assert_eq!(replayed["equal"], replayed["records"], "{replayed}");
}

/// One job a device, each id once.
fn check_jobs(records: &[Value], expected: usize) {
    let jobs: Vec<&Value> =
        records.iter().filter(|record| record["type"] == "geofenced.push_job.v1").collect();
    let ids: BTreeSet<&str> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
    assert_eq!(ids.len(), jobs.len(), "no id comes twice");
    let mut by_device: BTreeMap<&str, u32> = BTreeMap::new();
    for job in &jobs {
        *by_device.entry(job["data"]["device_id"].as_str().expect("a job has one")).or_default() +=
            1;
    }
    assert!(by_device.values().all(|jobs| *jobs == 1), "no device gets two");
    let all = (0..expected as u64).map(|device| ping_inside(device).device.to_string());
    let missing: Vec<String> =
        all.filter(|device| !by_device.contains_key(device.as_str())).collect();
    let some = &missing[..missing.len().min(5)];
    assert!(missing.is_empty(), "{} devices are missing, such as {some:?}", missing.len());
}

async fn send(stream: &mut ClientStream, frames: std::ops::Range<u64>) {
    for frame in frames {
        let devices = frame * FRAME_DEVICES..(frame + 1) * FRAME_DEVICES;
        let pings: Vec<Ping> = devices.map(ping_inside).collect();
        stream.pings(AppId(1), &pings).await.expect("the client reconnects by itself");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn ping_inside(device: u64) -> Ping {
    let id = (1u128 << 100) | u128::from(device);
    Ping {
        device: DeviceId(id.to_be_bytes()),
        lat_e7: 375_663_000,
        lon_e7: 1_269_780_000,
        fixed_at: NOON,
        accuracy_m: 10,
        flags: PingFlags(0),
    }
}

/// Marsaglia's xorshift64.
fn next(lots: &mut u64) -> u64 {
    *lots ^= *lots << 13;
    *lots ^= *lots >> 7;
    *lots ^= *lots << 17;
    *lots
}
