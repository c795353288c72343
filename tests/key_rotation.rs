//! A stopped daemon gets another master key: what was sealed under the old one goes on, and goes when it is erased.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
mod support;
#[path = "erasure/traces.rs"]
mod traces;

use std::path::Path;
use std::process::{Command, Output};

use customer::Customer;
use geofenced::domain::ids::DeviceId;
use geofenced::identity::Keyring;
use serde_json::{Value, json};
use support::{Daemon, PATIENCE};
use traces::{erased, forms, traces};

const PROGRAM: &str = env!("CARGO_BIN_EXE_geofenced");

const HERE: (f64, f64) = (37.5663, 126.978);

/// Checkpoints follow each other, for an erasure waits for two.
const QUICK: [(&str, &str); 2] = [
    ("GEOFENCED__SHARD__CHECKPOINT_EVERY_S", "1"),
    ("GEOFENCED__JOURNAL__KEEP_RECORDING_BYTES", "1000000000"),
];

fn device(number: u8) -> DeviceId {
    let mut id = *blake3::hash(&[0x4B, number]).as_bytes().first_chunk::<16>().unwrap();
    id[6] = 0x40 | (id[6] & 0x0f);
    DeviceId(id)
}

fn keys(daemon: &Daemon, what: &str) -> Output {
    let data = daemon.data_dir.to_str().unwrap();
    Command::new(PROGRAM).args(["keys", "--data-dir", data, what]).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An app, and a campaign for everybody once.
async fn furnished(customer: &Customer) -> u64 {
    let app = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &app).await;
    let fence = json!({"name": "Square", "shape":
        {"type": "circle", "lat": HERE.0, "lon": HERE.1, "radius_m": 300}});
    let fence = customer.make("/v1/geofences", &fence).await;
    let campaign = json!({
        "name": "All", "apps": [app], "locations": [{"general": {"geofences": [fence]}}],
        "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2099-12-31",
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_period", "message_type": "none", "blacklist": false,
    });
    let campaign = customer.make("/v1/campaigns", &campaign).await;
    customer.set_in_force(campaign, "running").await;
    app
}

fn ids(jobs: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> =
        jobs.iter().map(|job| job["data"]["device_id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

fn sorted(devices: &[DeviceId]) -> Vec<String> {
    let mut ids: Vec<String> = devices.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_before_a_rotation_goes_on_behind_it() {
    let mut daemon = Daemon::start(&QUICK);
    tokio::time::timeout(PATIENCE, rotated(&mut daemon)).await.unwrap();
}

async fn rotated(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "premium").await;
    let app = furnished(&customer).await;
    let early = [device(1), device(2), device(3)];
    customer.ping(app, &early, HERE).await;
    listed(&customer, &early, true).await;

    let refused = keys(daemon, "rotate");
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("stop it first"), "{}", text(&refused.stderr));
    assert_eq!(text(&keys(daemon, "list").stdout).lines().count(), 1);
    daemon.sigterm();
    let key_file = daemon.data_dir.join("keys.json");
    let old_keys = std::fs::read(&key_file).unwrap();
    for versions in [2, 3] {
        let done = keys(daemon, "rotate");
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert_eq!(text(&keys(daemon, "list").stdout).lines().count(), versions);
    }
    daemon.restart();
    customer.follow(daemon);

    // Whoever had a job gets no other; whoever is new gets one; and those of before are read by their ids.
    let all = [device(1), device(2), device(3), device(4)];
    customer.ping(app, &all, HERE).await;
    let jobs = customer.jobs().await;
    assert_eq!(ids(&jobs), sorted(&all), "each once");
    let of_early = jobs.iter().find(|job| job["data"]["device_id"] == json!(early[0].to_string()));
    let clicked = json!({"app": app, "outcomes": [{"device": early[0].to_string(),
        "job": of_early.unwrap()["data"]["job_id"], "kind": "clicked"}]});
    let heard = customer.ingest("/v1/outcomes", &clicked).await;
    assert_eq!((&heard["evaluated"], &heard["rejected"]), (&json!(1), &json!({})));
    listed(&customer, &early, false).await;

    // Over a kill, too: the log of both keys is gone through.
    daemon.kill9();
    let new_keys = std::fs::read(&key_file).unwrap();
    std::fs::write(&key_file, old_keys).unwrap();
    let refused = daemon.try_restart().unwrap_err();
    assert!(refused.contains("catalog.db holds devices sealed under master key 2"), "{refused}");
    let aside = daemon.data_dir.join("aside");
    std::fs::rename(&key_file, &aside).unwrap();
    let refused = daemon.try_restart().unwrap_err();
    assert!(refused.contains("keys.json is missing, but"), "{refused}");
    std::fs::rename(&aside, &key_file).unwrap();
    std::fs::write(&key_file, new_keys).unwrap();
    restored_alone(daemon);
    daemon.restart();
    customer.follow(daemon);
    customer.ping(app, &all, HERE).await;
    assert_eq!(customer.jobs().await, [] as [Value; 0]);
    gone(daemon, &mut customer, app).await;
}

/// A backup of the catalog goes where its keys are, and nowhere else.
fn restored_alone(daemon: &Daemon) {
    let home = tempfile::tempdir().unwrap();
    let (backup, other) = (home.path().join("backup.db"), home.path().join("other"));
    let catalog = |what: &str, from: &Path, to: &Path| {
        Command::new(PROGRAM).args(["catalog", what]).args([from, to]).output().unwrap()
    };
    assert!(catalog("backup", &daemon.data_dir, &backup).status.success());
    let refused = catalog("restore", &backup, &other);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("other/keys.json is missing"), "{refused:?}");
    drop(Keyring::open(&other).unwrap());
    let refused = catalog("restore", &backup, &other);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("under master key 1 with check"), "{refused:?}");
    std::fs::copy(daemon.data_dir.join("keys.json"), other.join("keys.json")).unwrap();
    assert!(catalog("restore", &backup, &other).status.success());
}

/// The blacklist has devices, or loses one of them; those that were put there under an older key are not there twice.
async fn listed(customer: &Customer, devices: &[DeviceId], is_first: bool) {
    let add = json!({"advertising_ids": sorted(devices)});
    let added = customer.post("/v1/blacklist/add", &add).await;
    let changed = if is_first { devices.len() } else { 0 };
    assert_eq!((added.status, &added.body["changed"]), (200, &json!(changed)));
    let listed = customer.get("/v1/blacklist").await.body;
    let listed = listed["items"].as_array().unwrap().clone();
    assert_eq!(listed.len(), devices.len(), "{listed:?}");
}

/// A device that was written under two keys leaves nothing under either.
async fn gone(daemon: &mut Daemon, customer: &mut Customer, app: u64) {
    let victim = device(2);
    let forms = forms(&daemon.data_dir, victim);
    let before = traces(&daemon.data_dir, &forms);
    for store in ["log", "checkpoints", "outbox", "figures"] {
        assert!(before.iter().any(|(path, _)| path.starts_with(store)), "{store}: {before:?}");
    }
    let body = json!({"advertising_id": victim.to_string()});
    let asked = customer.make("/v1/erasures", &body).await;
    erased(customer, asked).await;
    assert_eq!(traces(&daemon.data_dir, &forms), []);
    daemon.sigterm();
    daemon.restart();
    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    assert_eq!(traces(&daemon.data_dir, &forms), []);
    customer.ping(app, &[device(1), victim, device(3), device(4)], HERE).await;
    assert_eq!(
        ids(&customer.jobs().await),
        sorted(&[victim]),
        "it is a new one, the others are not"
    );
}
