//! Dwells that come true by timer, on the system's clock: over crashes and over a change of the policy, with the
//! journal as witness.

mod support;

use std::time::Duration;

use geofenced::auth::grant::Scope;
use hyper::Method;
use serde_json::json;
use support::{Daemon, metric_of};

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Stay", "mode": "running", "targets": ["square"],
      "trigger": {"on": "dwell", "dwell_s": 2}, "start": "2026-01-01", "end": "2099-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Still here"}]}]}"#;

const DEVICES: u32 = 40;

#[tokio::test]
async fn timers_outlive_crashes_and_look_anew_by_another_policy() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("geofenced.toml");
    let stale_after = |seconds: u32| {
        let text = format!("[policy]\nstale_after_s = {seconds}\n[shard]\ntick_ms = 50\n");
        std::fs::write(&file, text).expect("written");
    };
    stale_after(1);
    let mut daemon = Daemon::start(&[
        ("GEOFENCED_CONFIG", file.to_str().expect("UTF-8")),
        ("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0"),
    ]);
    let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date();
    daemon.snapshot(support::SQUARE, CAMPAIGNS, today).await;
    pings(&daemon).await;
    // The deadlines come when the last fixes are stale already: they are passed over.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let page = daemon.metrics().await;
    assert_eq!(metric_of(&page, "geofenced_jobs_total"), 0, "no job by a stale fix");

    daemon.kill9();
    stale_after(300);
    daemon.restart();
    let records = daemon.read_queue("timers", DEVICES as usize).await;
    let jobs = records.iter().filter(|one| one["type"] == "geofenced.push_job.v1");
    assert_eq!(jobs.count(), DEVICES as usize, "each deadline was looked at again, once");
    daemon.kill9();
    daemon.restart();
    assert!(daemon.sigterm().success());
    daemon.replay_journal();
}

/// One ping of every device at the centre of the square, now.
async fn pings(daemon: &Daemon) {
    let one = |number: u32| {
        let device = format!("00000000-0000-4000-8000-{number:012}");
        json!({ "device": device, "lat": 37.5663, "lon": 126.978, "accuracy_m": 10,
            "platform": "android" })
    };
    let body = json!({ "app": 1, "pings": (1..=DEVICES).map(one).collect::<Vec<_>>() });
    let mut http = daemon.http_client(Scope::Ingest).await;
    let answer = http.send(Method::POST, "/v1/pings", body.to_string().into()).await;
    assert_eq!(answer.expect("it answers").status.as_u16(), 200);
}
