//! A campaign is tried against what was recorded: what it would have brought is what it then brings, or brought.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use geofenced::domain::ids::DeviceId;
use serde_json::{Value, json};

use crate::customer::{Customer, now_ms};
use crate::support::{Daemon, PATIENCE};

const HERE: (f64, f64) = (37.5663, 126.978);

/// Three kilometres away.
const THERE: (f64, f64) = (37.59, 127.0);

/// Small segments, checkpoints every second, and all of it kept.
const RECORDING: [(&str, &str); 3] = [
    ("GEOFENCED__JOURNAL__KEEP_RECORDING_BYTES", "1000000000"),
    ("GEOFENCED__JOURNAL__SEGMENT_MAX_BYTES", "65536"),
    ("GEOFENCED__SHARD__CHECKPOINT_EVERY_S", "1"),
];

fn devices(numbers: std::ops::Range<u32>) -> Vec<DeviceId> {
    let device = |number: u32| {
        let mut id = [0x22; 16];
        id[12..].copy_from_slice(&number.to_be_bytes());
        DeviceId(id)
    };
    numbers.map(device).collect()
}

async fn draft(customer: &Customer) -> (u64, Value) {
    let app = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &app).await;
    let fence = json!({"name": "Square", "shape":
        {"type": "circle", "lat": HERE.0, "lon": HERE.1, "radius_m": 300}});
    let fence = customer.make("/v1/geofences", &fence).await;
    let today = jiff::Timestamp::from_millisecond(now_ms()).unwrap();
    let today = jiff::tz::TimeZone::get("Etc/GMT+12").unwrap().to_datetime(today).date();
    let draft = json!({
        "name": "Coffee", "apps": [app], "locations": [{"general": {"geofences": [fence]}}],
        "trigger": {"on": "enter"}, "start": today.to_string(), "end": today.to_string(),
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_period", "message_type": "none", "holdout_pct": 30,
    });
    (app, draft)
}

/// Has a campaign tried, and waits for what comes of it.
async fn tried(customer: &Customer, campaign: &Value) -> Value {
    let begun = customer.post("/v1/backtests", &json!({ "campaign": campaign })).await;
    assert_eq!((begun.status, &begun.body["state"]), (202, &json!("waiting")), "{}", begun.body);
    let path = format!("/v1/backtests/{}", begun.body["id"]);
    loop {
        let shown = customer.get(&path).await.body;
        if shown["state"] == "done" || shown["state"] == "failed" {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn packed(data: &Path) -> usize {
    let names = std::fs::read_dir(data.join("log")).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    names.map(name).filter(|name| name.to_string_lossy().ends_with(".rec")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_campaign_would_have_brought_is_what_it_brought() {
    let mut daemon = Daemon::start(&RECORDING);
    tokio::time::timeout(PATIENCE, played(&mut daemon)).await.unwrap();
}

async fn played(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "basic").await;
    let (app, draft) = draft(&customer).await;
    let nothing = tried(&customer, &draft).await;
    assert_eq!(nothing["state"], "failed");
    let reason = nothing["reason"].as_str().unwrap();
    assert!(reason.contains("journal.keep_recording_bytes"), "{reason}");
    let wrong = json!({"campaign": {"name": "x"}});
    assert_eq!(customer.post("/v1/backtests", &wrong).await.status, 422);

    let campaign = customer.make("/v1/campaigns", &draft).await;
    customer.set_in_force(campaign, "running").await;
    customer.ping(app, &devices(0..300), HERE).await;
    // Many that bring nothing, so that segments are closed.
    customer.ping(app, &devices(300..4000), THERE).await;
    customer.ping(app, &devices(4000..8000), THERE).await;
    let jobs = customer.jobs().await;
    let of = |job: &Value| job["data"]["device_id"].as_str().unwrap().to_owned();
    let users: BTreeSet<String> = jobs.iter().map(of).collect();
    assert!((100..300).contains(&jobs.len()), "{}", jobs.len());

    let shown = tried(&customer, &json!(campaign)).await;
    let report = &shown["report"];
    assert_eq!((&shown["state"], &shown["progress_pct"]), (&json!("done"), &json!(100)), "{shown}");
    assert_eq!(report["matches"], jobs.len(), "{report}");
    assert_eq!(report["users"], users.len());
    assert_eq!(report["held_out"], 300 - jobs.len());
    assert_eq!((&report["pings"], &report["beside"]), (&json!(8000), &json!([])));
    let by_hour: u64 = report["hours"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hour| hour["matches"].as_u64().unwrap())
        .sum();
    assert_eq!(report["matches"], by_hour);

    customer.set_in_force(campaign, "waiting").await;
    while packed(&daemon.data_dir) < 3 {
        // Checkpoints are made while pings come.
        customer.ping(app, &devices(8000..8100), THERE).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(daemon.sigterm().success());
    // Offline, of the same recording, most of which is packed now.
    let told = Command::new(env!("CARGO_BIN_EXE_geofenced"))
        .args(["backtest", "--json", "--account", "1", "--campaign", &campaign.to_string()])
        .arg("--data-dir")
        .arg(&daemon.data_dir)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let offline: Value = serde_json::from_slice(&told.stdout).unwrap();
    for field in ["matches", "users", "held_out", "hours", "cost", "recorded_from"] {
        assert_eq!(offline[field], report[field], "{field}");
    }
    daemon.restart();
    customer.follow(daemon);
    assert_eq!(customer.get("/v1/backtests/1").await.status, 404);
    assert_eq!(customer.get("/v1/backtests").await.body, json!({"items": []}));
    let again = tried(&customer, &json!(campaign)).await;
    assert_eq!(again["report"]["hours"], report["hours"]);
    assert_eq!(customer.get("/v1/backtests").await.body["items"][0]["state"], "done");
}
