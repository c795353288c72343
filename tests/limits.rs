//! A total over all partitions, leased to them by a running daemon: never exceeded, and used up though what one
//! partition holds may be wanted by another.

mod support;

use std::time::Duration;

use geofenced::domain::ids::{AppId, DeviceId, FrameSeq, StreamNo};
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;
use jiff::civil::date;

use support::Daemon;

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31", "total_limit": 40,
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome"}]}]}"#;

/// As many pushes as the campaign has.
const TOTAL: usize = 40;

/// Noon of a day in the campaign's period, UTC.
const NOON: UtcMs = UtcMs(1_767_355_200_000 + 10 * 86_400_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_is_used_up_and_not_exceeded() {
    let mut daemon = Daemon::start(&[
        ("GEOFENCED__POLICY__CLOCK", "fixes"),
        ("GEOFENCED__SHARD__SHARDS", "2"),
        ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
    ]);
    daemon.snapshot(support::SQUARE, CAMPAIGNS, date(2026, 1, 1)).await;
    let client = daemon.client().await;
    let mut stream = client.open(StreamNo(1), FrameSeq(1), |_ack| {});
    // Fixes are their own clock: minutes pass between two rounds, so that what is idle may move on.
    for round in 0..12 {
        stream.pings(AppId(1), &pings(round)).await.expect("the daemon is up");
        stream.acked(FrameSeq(round + 1)).await.expect("every frame is acknowledged");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let records = daemon.read_queue("limits", 2 * TOTAL).await;
    let jobs = records.iter().filter(|record| record["type"] == "geofenced.push_job.v1").count();
    assert_eq!(jobs, TOTAL);
    stream.end().await.expect("the stream ends");
    client.close().await;
    assert!(daemon.sigterm().success());
    // Leases and returns are input like any other.
    let replayed = daemon.replay_journal();
    assert_eq!(replayed["equal"], replayed["records"], "{replayed}");
}

/// In the first round devices of many partitions ask for a push; later on only others come, from a few.
fn pings(round: u64) -> Vec<Ping> {
    let devices = if round == 0 { 0..200 } else { 200..260 };
    devices
        .map(|device: u64| Ping {
            device: DeviceId(((1u128 << 100) | u128::from(device)).to_be_bytes()),
            lat_e7: 375_663_000,
            lon_e7: 1_269_780_000,
            fixed_at: NOON + i64::try_from(round).expect("a small number") * 400_000,
            accuracy_m: 10,
            flags: PingFlags(0),
        })
        .collect()
}
