//! A device is erased: no file of the data directory has its id, its sealed id or its hash any more, and everybody else's
//! records are as they were.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use customer::Customer;
use flate2::read::DeflateDecoder;
use geofenced::domain::ids::{AccountId, DeviceId, DeviceKey};
use geofenced::identity::{Gone, Keyring};
use hyper::Method;
use serde_json::{Value, json};
use std::io::Read as _;
use support::{Daemon, PATIENCE};

const HERE: (f64, f64) = (37.5663, 126.978);

const RECORDING: [(&str, &str); 3] = [
    ("GEOFENCED__JOURNAL__KEEP_RECORDING_BYTES", "1000000000"),
    ("GEOFENCED__JOURNAL__SEGMENT_MAX_BYTES", "65536"),
    ("GEOFENCED__SHARD__CHECKPOINT_EVERY_S", "1"),
];

fn device(number: u32) -> DeviceId {
    let mut id = *blake3::hash(&number.to_le_bytes()).as_bytes().first_chunk::<16>().unwrap();
    id[6] = 0x40 | (id[6] & 0x0f);
    DeviceId(id)
}

/// Whom we erase; others are there to stay.
fn victim() -> DeviceId {
    device(7)
}

/// Every form in which a device may lie in a file.
fn forms(data: &Path, device: DeviceId) -> Vec<Vec<u8>> {
    let keyring = Keyring::existing(data).unwrap();
    let gone = Gone::of(vec![DeviceKey { account: AccountId(1), device }], &keyring);
    let text = device.to_string();
    let bare = text.replace('-', "");
    let mut forms = vec![device.0.to_vec()];
    for text in [text.clone(), text.to_uppercase(), bare.clone(), bare.to_uppercase()] {
        forms.push(text.into_bytes());
    }
    forms.extend(gone.sealed().map(|(_, sealed)| sealed.block.to_vec()));
    for (_, member) in gone.members() {
        forms.push(member.to_le_bytes().to_vec());
        forms.push(member.to_be_bytes().to_vec());
    }
    forms
}

fn files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

/// The files that have a form of a device, each with the number of the form. Packed segments are unpacked.
fn traces(data: &Path, forms: &[Vec<u8>]) -> Vec<(PathBuf, usize)> {
    let (mut all, mut found) = (Vec::new(), Vec::new());
    files(data, &mut all);
    for path in all {
        let Ok(mut bytes) = std::fs::read(&path) else { continue };
        if path.extension().is_some_and(|end| end == "rec") {
            let packed = bytes.split_off(96);
            DeflateDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        }
        for (number, form) in forms.iter().enumerate() {
            if bytes.windows(form.len()).any(|window| window == form) {
                found.push((path.strip_prefix(data).unwrap().to_owned(), number));
            }
        }
    }
    found
}

async fn erased(customer: &Customer, id: u64) -> Value {
    loop {
        let shown = customer.get(&format!("/v1/erasures/{id}")).await.body;
        if shown["state"] == "erased" {
            return shown;
        }
        assert_eq!(shown["state"], "waiting", "{shown}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn segment_file(numbers: std::ops::Range<u32>, bad: &str) -> Vec<u8> {
    let lines: Vec<String> = numbers.map(|number| device(number).to_string()).collect();
    format!("advertising_id\n{}\n{bad}", lines.join("\n")).into_bytes()
}

/// A campaign of everybody, one of an uploaded segment, one of two devices; a blacklist, a test device, a file that waits.
async fn furnished(customer: &Customer) -> u64 {
    let app = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &app).await;
    let fence = json!({"name": "Square", "shape":
        {"type": "circle", "lat": HERE.0, "lon": HERE.1, "radius_m": 300}});
    let fence = customer.make("/v1/geofences", &fence).await;
    let done =
        customer.upload("of=segment&file=a.csv&name=Regulars", segment_file(0..100, "")).await;
    assert_eq!(done["state"], "usable", "{done}");
    let segment = done["into"].as_u64().unwrap();
    let waits =
        customer.upload("of=segment&file=b.csv&name=Later", segment_file(0..100, "nobody\n")).await;
    assert_eq!(waits["state"], "partly_failed", "{waits}");
    let campaign = |name: &str, audience: Value, state: &'static str| {
        let body = json!({
            "name": name, "apps": [app], "locations": [{"general": {"geofences": [fence]}}],
            "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2099-12-31",
            "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "start": "00:00", "end": "24:00"}],
            "frequency": "once_per_period", "message_type": "none", "audience": audience,
            "test_devices": [victim().to_string(), device(8).to_string()],
        });
        async move {
            let id = customer.make("/v1/campaigns", &body).await;
            customer.set_in_force(id, state).await;
            id
        }
    };
    campaign("All", json!("all"), "running").await;
    campaign("Regulars", json!({ "segment": segment }), "running").await;
    let two = json!({"devices": [victim().to_string(), device(8).to_string()]});
    campaign("Two", two, "running").await;
    campaign("Try", json!("all"), "testing").await;
    let named = json!({"name": "My phone", "advertising_id": victim().to_string()});
    customer.make("/v1/test-devices", &named).await;
    let listed = json!({"advertising_ids": [victim().to_string(), device(200).to_string()]});
    assert_eq!(customer.post("/v1/blacklist/add", &listed).await.status, 200);
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_device_leaves_no_trace() {
    let mut daemon = Daemon::start(&RECORDING);
    tokio::time::timeout(PATIENCE * 4, played(&mut daemon)).await.unwrap();
}

async fn played(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "premium").await;
    let app = furnished(&customer).await;
    let everybody: Vec<DeviceId> = (0..40).map(device).collect();
    customer.ping(app, &everybody, HERE).await;
    let jobs = customer.jobs().await;
    let of_victim = |jobs: &[Value]| {
        let id = victim().to_string();
        jobs.iter().filter(|job| job["data"]["device_id"] == json!(id)).count()
    };
    assert!(of_victim(&jobs) >= 2, "{jobs:?}");
    let clicked = jobs.iter().find(|job| job["data"]["device_id"] == json!(victim().to_string()));
    let outcome = json!({"app": app, "outcomes": [{"device": victim().to_string(),
        "job": clicked.unwrap()["data"]["job_id"], "kind": "clicked"}]});
    customer.ingest("/v1/outcomes", &outcome).await;
    // Who looks at a device is noted with its hash.
    let asked = format!("/v1/explain?device={}&campaign=1", victim());
    assert_eq!(customer.get(&asked).await.status, 200);
    let is_real = |job: &&Value| job["data"]["mode"] != "testing";
    let counted = counted(&customer, jobs.iter().filter(is_real).count()).await;
    let data = daemon.data_dir.clone();
    let forms = forms(&data, victim());
    // As a restore leaves the catalog from before.
    std::fs::copy(data.join("catalog.db"), data.join("catalog.db.replaced")).unwrap();
    let before = traces(&data, &forms);
    for store in ["log", "outbox", "figures", "snapshots", "catalog", "uploads"] {
        assert!(
            before.iter().any(|(path, _)| path.to_string_lossy().starts_with(store)),
            "{store} has none: {before:?}"
        );
    }
    let asked = customer.post("/v1/erasures", &json!({"advertising_id": "nobody"})).await;
    assert_eq!(
        (asked.status, &asked.body["errors"][0]["pointer"]),
        (422, &json!("/advertising_id"))
    );
    let body = json!({"advertising_id": victim().to_string()}).to_string();
    let key = [("idempotency-key", "once")];
    let made = customer.ask(Method::POST, "/v1/erasures", &key, body.into()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    // Killed on the way: it begins anew.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    let shown = erased(&customer, made.body["id"].as_u64().unwrap()).await;
    assert_eq!(shown["advertising_id"], "", "{shown}");
    let stores =
        ["engine", "outbox", "figures", "uploads", "lists", "log", "set aside", "snapshots"];
    assert_eq!(shown["receipt"], json!(stores), "{shown}");
    assert!(shown["before"].as_str().unwrap().starts_with("20"), "{shown}");
    let after = traces(&data, &forms);
    assert!(after.is_empty(), "{after:?}");
    stays_so(daemon, &mut customer, app, &forms).await;
    assert_eq!(totals(&customer).await, counted, "what was counted stays counted");
    new_again(&customer, app, &jobs).await;
}

/// The figures of each campaign.
async fn totals(customer: &Customer) -> Vec<Value> {
    let mut totals = Vec::new();
    for campaign in 1..=4 {
        let figures = customer.get(&format!("/v1/campaigns/{campaign}/figures")).await.body;
        totals.push(figures["total"].clone());
    }
    totals
}

/// The same, once so many jobs are counted.
async fn counted(customer: &Customer, jobs: usize) -> Vec<Value> {
    loop {
        let totals = totals(customer).await;
        let found: u64 = totals.iter().map(|total| total["jobs"].as_u64().unwrap()).sum();
        if found == jobs as u64 {
            return totals;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Over a clean end and a kill, and others are as they were.
async fn stays_so(daemon: &mut Daemon, customer: &mut Customer, app: u64, forms: &[Vec<u8>]) {
    daemon.sigterm();
    daemon.restart();
    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    assert_eq!(traces(&daemon.data_dir, forms), []);
    let listed = customer.get("/v1/blacklist").await.body;
    assert_eq!(listed["items"], json!([device(200).to_string()]));
    let waits = customer.get("/v1/imports/2").await.body;
    assert_eq!(waits["state"], "failed", "{waits}");
    assert_eq!(customer.get(&format!("/v1/apps/{app}")).await.status, 200);
}

/// Whoever was erased is; the others were pushed already.
async fn new_again(customer: &Customer, app: u64, before: &[Value]) {
    customer.ping(app, &[device(1), victim(), device(2)], HERE).await;
    let jobs = customer.jobs().await;
    let of_victim = |job: &&Value| job["data"]["device_id"] == json!(victim().to_string());
    let is_real = |job: &&Value| job["data"]["mode"] != "testing";
    assert!(jobs.iter().filter(is_real).any(|job| of_victim(&job)), "{jobs:?}");
    let pair =
        |job: &Value| (job["data"]["device_id"].clone(), job["data"]["campaign"]["id"].clone());
    let before: Vec<(Value, Value)> = before.iter().filter(is_real).map(pair).collect();
    for job in jobs.iter().filter(is_real) {
        assert!(of_victim(&job) || !before.contains(&pair(job)), "{job}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_one_erasure_and_other_accounts_see_none() {
    let daemon = Daemon::start(&RECORDING);
    let (ours, theirs) =
        (Customer::new(&daemon, "lite").await, Customer::new(&daemon, "basic").await);
    let body = json!({"advertising_id": victim().to_string()}).to_string();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let key = [("idempotency-key", "once")];
        let asked = ours.ask(Method::POST, "/v1/erasures", &key, body.clone().into()).await;
        assert_eq!(asked.status, 201, "{}", asked.body);
        ids.push(asked.body["id"].as_u64().unwrap());
    }
    assert_eq!(ids, [1, 1]);
    assert_eq!(theirs.get("/v1/erasures/1").await.status, 404);
    assert_eq!(theirs.get("/v1/erasures").await.body["items"], json!([]));
    let forged = json!({"advertising_id": victim().to_string(),
        "before": "2020-01-01T00:00:00Z", "receipt": ["everywhere"]});
    let id = theirs.make("/v1/erasures", &forged).await;
    let shown = theirs.get(&format!("/v1/erasures/{id}")).await.body;
    assert!(shown["receipt"].as_array().unwrap().iter().all(|from| from != "everywhere"));
    assert_ne!(shown["before"], "2020-01-01T00:00:00Z");
}
