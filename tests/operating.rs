//! The daemon as an operator meets it, on the real binary: word to systemd, readiness while it drains, and what a
//! SIGHUP takes up or leaves.

mod support;

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use geofenced::auth::grant::Scope;
use geofenced::sink::http_client::HttpClient;
use jiff::civil::date;
use serde_json::Value;

use support::{Daemon, PATIENCE};

const FENCES: &[u8] = br#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "square", "properties": {"name": "Square", "radius_m": 300},
     "geometry": {"type": "Point", "coordinates": [126.978, 37.5663]}}]}"#;

const CAMPAIGNS: &[u8] = br#"{"accounts": [{"id": 1, "name": "Test", "time_zone": "Asia/Seoul",
      "apps": [{"id": 1, "package": "com.example.app", "platform": "android"}]}],
    "campaigns": [{"id": 1, "name": "Welcome", "mode": "running", "targets": ["square"],
      "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2026-12-31",
      "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
      "frequency": "once_per_period", "messages": [{"title": "Hello", "body": "Welcome"}]}]}"#;

#[test]
fn systemd_hears_that_the_daemon_is_ready_alive_and_stopping() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("notify");
    let systemd = UnixDatagram::bind(&path).expect("binds");
    systemd.set_read_timeout(Some(PATIENCE)).expect("it takes a timeout");
    let mut daemon = Daemon::start(&[
        ("NOTIFY_SOCKET", path.to_str().expect("UTF-8")),
        ("WATCHDOG_USEC", "200000"),
    ]);
    let hear = |word: &str| {
        let mut bytes = [0; 4096];
        loop {
            let len = systemd.recv(&mut bytes).unwrap_or_else(|_| panic!("{word} was never said"));
            let said = String::from_utf8_lossy(&bytes[..len]).into_owned();
            if said.lines().any(|line| line == word) {
                return;
            }
        }
    };
    hear("READY=1");
    (0..5).for_each(|_| hear("WATCHDOG=1"));
    let ended = std::thread::spawn(move || daemon.sigterm());
    hear("STOPPING=1");
    assert!(ended.join().expect("it ends").success());
}

#[tokio::test]
async fn a_draining_daemon_is_not_ready() {
    let daemon = Daemon::start(&[("GEOFENCED__POLICY__CLOCK", "fixes")]);
    daemon.snapshot(FENCES, CAMPAIGNS, date(2026, 1, 1)).await;
    let mut http = daemon.http_client(Scope::Admin).await;
    assert_eq!(readiness(&mut http).await, (200, Vec::new()));
    // A client that has gone without a word holds the drain up for a while.
    let gone = tokio::runtime::Runtime::new().expect("a runtime");
    std::thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(gone.block_on(daemon.client())));
    });
    gone.shutdown_background();
    daemon.signal("TERM");
    let (status, missing) = loop {
        let (status, missing) = readiness(&mut http).await;
        if status != 200 {
            break (status, missing);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!((status, missing), (503, vec!["draining".to_owned()]));
}

/// The status of `/readyz` and the conditions that it misses.
async fn readiness(http: &mut HttpClient) -> (u16, Vec<String>) {
    let answer = http.get("/readyz").await.expect("HTTP is served to the end");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let missing = body["missing"].as_array().cloned().unwrap_or_default();
    let names = missing.iter().filter_map(|one| one["condition"].as_str().map(str::to_owned));
    (answer.status.as_u16(), names.collect())
}
