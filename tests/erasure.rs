//! A device is erased: no file of the data directory has its id, its sealed id or its hash any more, and everybody else's
//! records are as they were.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
#[path = "erasure/habits.rs"]
mod habits;
mod support;
#[path = "erasure/traces.rs"]
mod traces;

use std::path::{Path, PathBuf};
use std::time::Duration;

use customer::Customer;
use geofenced::domain::ids::DeviceId;
use habits::Habits;
use hyper::Method;
use serde_json::{Value, json};
use support::{Daemon, PATIENCE};
use traces::{erased, forms, traces};

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

/// Who is as known as they are, and stays.
fn other() -> DeviceId {
    device(8)
}

/// Where the two spend the night: a cell each, with nobody else in it.
const HOME: (f64, f64) = (37.58, 126.978);
const OTHER_HOME: (f64, f64) = (37.5663, 127.0);

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
    let inhabitants = [(victim(), HOME), (other(), OTHER_HOME)];
    let habits = Habits::form(&customer, app, &inhabitants).await;
    let again = habits.begin(&customer, "Again").await;
    habits.at_home(&customer, &inhabitants, 60).await;
    let everybody: Vec<DeviceId> = (0..40).map(device).collect();
    customer.ping(app, &everybody, HERE).await;
    let jobs = customer.jobs().await;
    let of_victim = |jobs: &[Value]| {
        let id = victim().to_string();
        jobs.iter().filter(|job| job["data"]["device_id"] == json!(id)).count()
    };
    assert!(of_victim(&jobs) >= 2, "{jobs:?}");
    for (device, _) in inhabitants {
        assert!(has_got(&jobs, device, again), "both are visitors: {jobs:?}");
    }
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
    let mut forms = forms(&data, victim());
    forms.push(habits::cell(HOME));
    // As a restore leaves the catalog from before.
    std::fs::copy(data.join("catalog.db"), data.join("catalog.db.replaced")).unwrap();
    known_everywhere(&data, &forms).await;
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
    let asked = customer.get(&format!("/v1/explain?device={}&campaign=1", other())).await;
    assert_eq!(asked.status, 200, "others are explained by what is left: {}", asked.body);
    habits.until_members_are(&customer, 1).await;
    stays_so(daemon, &mut customer, app, &forms).await;
    assert_eq!(totals(&customer).await, counted, "what was counted stays counted");
    assert_eq!(habits.visitors(&customer).await, 1, "the visit of the other is still there");
    habits.until_members_are(&customer, 1).await;
    let at_night = traces(&daemon.data_dir, &[habits::cell(OTHER_HOME)]);
    assert!(at_night.iter().any(|(path, _)| path.starts_with("checkpoints")), "{at_night:?}");
    let once_more = habits.begin(&customer, "Once more").await;
    // The one goes on to where the others are, the other comes from there: no faster than people do.
    habits.at_home(&customer, &inhabitants[..1], 10).await;
    habits.at_home(&customer, &inhabitants[1..], 0).await;
    let since = customer.jobs().await;
    assert!(has_got(&since, other(), once_more), "{since:?}");
    assert!(!has_got(&since, victim(), once_more), "nobody knows a visit of it: {since:?}");
    new_again(&customer, app, &jobs).await;
}

/// Whether a campaign made a job for a device.
fn has_got(jobs: &[Value], device: DeviceId, campaign: u64) -> bool {
    let (device, campaign) = (json!(device.to_string()), json!(campaign));
    jobs.iter()
        .any(|job| job["data"]["device_id"] == device && job["data"]["campaign"]["id"] == campaign)
}

/// Waits until every store of the data directory has the device, and a checkpoint the cell of its night.
async fn known_everywhere(data: &Path, forms: &[Vec<u8>]) {
    let stores = ["log", "checkpoints", "outbox", "figures", "snapshots", "catalog", "uploads"];
    for try_no in 1.. {
        let found = traces(data, forms);
        let has = |store: &str, number: Option<usize>| {
            let is_there = |(path, form): &(PathBuf, usize)| {
                path.starts_with(store) && number.is_none_or(|number| number == *form)
                    || store == "catalog" && path.to_string_lossy().starts_with(store)
            };
            found.iter().any(is_there)
        };
        if stores.iter().all(|store| has(store, None)) && has("checkpoints", Some(forms.len() - 1))
        {
            return;
        }
        assert!(try_no < 20, "not everywhere: {found:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The figures of each campaign.
async fn totals(customer: &Customer) -> Vec<Value> {
    let mut totals = Vec::new();
    for campaign in 1..=5 {
        let figures = customer.get(&format!("/v1/campaigns/{campaign}/figures")).await.body;
        totals.push(figures["total"].clone());
    }
    totals
}

/// The same, once so many jobs are counted, and the click on one.
async fn counted(customer: &Customer, jobs: usize) -> Vec<Value> {
    loop {
        let totals = totals(customer).await;
        let found =
            |what: &str| totals.iter().map(|total| total[what].as_u64().unwrap()).sum::<u64>();
        if found("jobs") == jobs as u64 && found("clicked") == 1 {
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
