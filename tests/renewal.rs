//! What a restart finds: schedules of an old day are renewed, and a damaged newest epoch is passed over.

mod support;

use std::time::Duration;

use geofenced::auth::grant::Scope;
use jiff::civil::date;
use serde_json::Value;

use support::Daemon;

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2036-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome"}]}]}"#;

/// Looks at the daemon, a tenth of a second apart: far longer than a start and a renewal take.
const LOOKS: u32 = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_renews_schedules_and_passes_over_a_damaged_epoch() {
    let mut daemon = Daemon::start(&[("GEOFENCED__OUTBOX__DISK_RESERVE_BYTES", "0")]);
    daemon.snapshot(support::SQUARE, CAMPAIGNS, date(2026, 1, 1)).await;
    assert!(daemon.sigterm().success());
    daemon.restart();
    let renewed = state_once(&daemon, |state| state["current"]["epoch"] == 2).await;
    assert_eq!(renewed["last_failure"], Value::Null);
    assert!(daemon.sigterm().success());

    let damaged = daemon.data_dir.join("snapshots/epochs/00000000000000000003");
    std::fs::write(damaged, b"nonsense").expect("the store is there");
    daemon.restart();
    let state = state_once(&daemon, |state| state["current"] != Value::Null).await;
    assert_eq!(state["current"]["epoch"], 2, "{state}");
    let failure = state["last_failure"].as_str().expect("it says why");
    assert!(failure.contains("00000000000000000003"), "{failure}");
    assert!(daemon.sigterm().success());
}

/// What `GET /v1/snapshots` says, once it is as wanted.
async fn state_once(daemon: &Daemon, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut http = daemon.http_client(Scope::Admin).await;
    let mut last = Value::Null;
    for _ in 0..LOOKS {
        let answer = http.get("/v1/snapshots").await.expect("the daemon is up");
        let body = answer.success().expect("the token is the operator's");
        let state: Value = serde_json::from_slice(&body).expect("it is JSON");
        if wanted(&state) {
            return state;
        }
        last = state;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!("the daemon stays as it is: {last}")
}
