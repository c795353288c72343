//! What happens, step by step.

use std::collections::BTreeSet;

use geofenced::domain::ids::{AccountId, DeviceId};
use geofenced::snapshot::store::Store;
use serde_json::{Value, json};

use crate::customer::{Customer, now_ms};
use crate::support::{Daemon, PATIENCE};

/// The first local day of the account, and its last, in the zone that is behind all others.
fn today() -> String {
    let now = jiff::Timestamp::from_millisecond(now_ms()).unwrap();
    jiff::tz::TimeZone::get("Etc/GMT+12").unwrap().to_datetime(now).date().to_string()
}

/// An Android ADID and an iOS IDFA, as people paste them.
const ADID: &str = "38400000-8cf0-11bd-b23e-10b96e40000d";
const IDFA: &str = "EA7583CD-A667-48BC-B806-42ECB2B48606";

/// City hall of Seoul.
const HERE: (f64, f64) = (37.5663, 126.978);

/// Two kilometres to the north-east.
const THERE: (f64, f64) = (37.58, 126.995);

/// Inside of the polygon, of the circle that comes as CSV, and of the one that comes as Excel; nothing else is there.
const IN_POLYGON: (f64, f64) = (37.502, 127.102);
const IN_CSV: (f64, f64) = (37.6, 127.05);
const IN_EXCEL: (f64, f64) = (37.65, 127.08);

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_lite() {
    story("lite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_basic() {
    story("basic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_premium() {
    story("premium").await;
}

async fn story(membership: &str) {
    let daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, played(&daemon, membership)).await.unwrap();
}

/// What an account has registered.
struct Registered {
    app: u64,
    circle: u64,
    locations: Vec<Value>,
    audience: Value,
}

async fn played(daemon: &Daemon, membership: &str) {
    let customer = Customer::new(daemon, membership).await;
    let has_more = membership != "lite";
    let registered = register(&customer, has_more).await;
    let campaign = customer.make("/v1/campaigns", &campaign(&registered)).await;
    tested(&customer, campaign, &registered).await;
    ran(&customer, campaign, &registered, has_more).await;
    edited_and_ran_again(&customer, campaign, &registered).await;
    ended(&customer, campaign, &registered).await;
}

/// Places, geofences of both shapes, groups from CSV and Excel, and a segment where the membership has them.
async fn register(customer: &Customer, has_more: bool) -> Registered {
    let android = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &android).await;
    let brand = customer.make("/v1/brands", &json!({"name": "Beans"})).await;
    let store =
        json!({"name": "City hall", "code": "s-1", "brand": brand, "lat": HERE.0, "lon": HERE.1});
    let place = customer.make("/v1/places", &store).await;
    let circle = json!({"name": "Square", "shape":
        {"type": "circle", "lat": HERE.0, "lon": HERE.1, "radius_m": 300}});
    let circle = customer.make("/v1/geofences", &circle).await;
    let triangle = json!({"name": "Triangle", "shape": {"type": "polygon", "coordinates":
        [[[127.1, 37.5], [127.11, 37.5], [127.1, 37.51], [127.1, 37.5]]]}});
    let polygon = customer.make("/v1/geofences", &triangle).await;
    assert!(customer.delete(&format!("/v1/brands/{brand}")).await.status == 409);

    let mut general = json!({"geofences": [circle, polygon]});
    let mut audience = json!("all");
    let csv =
        format!("구분,위도,경도,반경(m),이름\n1,{},{},100,하나\n", IN_CSV.0, IN_CSV.1).into_bytes();
    if has_more {
        for format in ["csv", "xlsx"] {
            let filled = template(customer, "group", format).await;
            let query = format!("of=group&name=Template&file=a.{format}");
            assert_eq!(customer.upload(&query, filled).await["state"], "usable");
        }
        let from_csv = customer.upload("of=group&name=From%20CSV&file=a.csv", csv).await;
        assert_eq!(from_csv["state"], "usable", "{from_csv}");
        let query = "of=group&name=From%20Excel&file=a.xlsx";
        let from_excel = customer.upload(query, workbook()).await;
        assert_eq!(from_excel["state"], "usable", "{from_excel}");
        general["groups"] = json!([from_csv["into"], from_excel["into"]]);
        let list: String = (1..=6).map(|number| format!("{}\n", device(number))).collect();
        let segment = customer.upload("of=segment&name=Six&file=six.csv", list.into()).await;
        assert_eq!(
            (&segment["state"], &segment["good"]),
            (&json!("usable"), &json!(6)),
            "{segment}"
        );
        audience = json!({"segment": segment["into"]});
    } else {
        for query in ["of=group&name=No", "of=segment&name=No"] {
            let path = format!("/v1/imports?{query}");
            let refused = customer.ask(hyper::Method::POST, &path, &[], csv.clone()).await;
            let kind = refused.body["type"].as_str().unwrap_or_default().to_owned();
            assert_eq!((refused.status, &*kind), (403, "urn:geofenced:problem:membership-lacks"));
        }
    }
    let stores = json!({"general": {"places": [place], "condition": "signal_range"}});
    Registered { app, circle, locations: vec![json!({"general": general}), stores], audience }
}

/// A group as Excel has it.
fn workbook() -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, (header, value)) in
        (0..).zip([("구분", 1.0), ("위도", IN_EXCEL.0), ("경도", IN_EXCEL.1), ("반경(m)", 100.0)])
    {
        sheet.write(0, column, header).unwrap();
        sheet.write(1, column, value).unwrap();
    }
    sheet.write(0, 4, "이름").unwrap();
    sheet.write(1, 4, "둘").unwrap();
    book.save_to_buffer().unwrap()
}

async fn template(customer: &Customer, of: &str, format: &str) -> Vec<u8> {
    let path = format!("/v1/templates/{of}?format={format}&language=korean");
    let file = customer.raw(hyper::Method::GET, &path, &[], Vec::new()).await;
    assert_eq!(file.status.as_u16(), 200);
    file.body.to_vec()
}

fn campaign(registered: &Registered) -> Value {
    json!({
        "name": "Coffee", "apps": [registered.app], "audience": registered.audience,
        "locations": registered.locations, "trigger": {"on": "enter"},
        "start": today(), "end": today(),
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_period", "message_type": "text",
        "messages": [{"title": "Coffee?", "body": "Round the corner"}],
        "test_devices": [ADID, IDFA],
    })
}

fn device(number: u8) -> DeviceId {
    let mut id = [0x11; 16];
    id[15] = number;
    DeviceId(id)
}

/// Devices of jobs.
fn devices(jobs: &[Value]) -> BTreeSet<String> {
    jobs.iter().map(|job| job["data"]["device_id"].as_str().unwrap().to_owned()).collect()
}

/// On its test devices alone, as often as they come in.
async fn tested(customer: &Customer, campaign: u64, registered: &Registered) {
    customer.set_in_force(campaign, "testing").await;
    let tests = [ADID, IDFA].map(|text| DeviceId::parse(text).unwrap());
    customer.ping(registered.app, &[tests[0], tests[1], device(1), device(9)], HERE).await;
    let jobs = customer.jobs().await;
    assert_eq!(devices(&jobs), tests.iter().map(ToString::to_string).collect());
    assert_eq!(jobs.len(), 2, "{jobs:?}");
    assert!(jobs.iter().all(|job| job["data"]["mode"] == "testing"), "{jobs:?}");
    let edit = customer.edit(&format!("/v1/campaigns/{campaign}"), |_| {}).await;
    assert_eq!(edit.body["type"], "urn:geofenced:problem:campaign-read-only");
}

/// For real: the segment's users, or all of them.
async fn ran(customer: &Customer, campaign: u64, registered: &Registered, has_more: bool) {
    customer.set_in_force(campaign, "running").await;
    // Each is somewhere else, and the last is nobody of the segment's.
    let places = [HERE, IN_POLYGON, IN_CSV, IN_EXCEL].into_iter().zip(1..);
    for (place, number) in places {
        customer.ping(registered.app, &[device(number)], place).await;
    }
    customer.ping(registered.app, &[device(9)], HERE).await;
    let jobs = customer.jobs().await;
    let addressed: &[u8] = if has_more { &[1, 2, 3, 4] } else { &[1, 2, 9] };
    let expected = addressed.iter().map(|number| device(*number).to_string()).collect();
    assert_eq!(devices(&jobs), expected);
    assert!(jobs.iter().all(|job| job["data"]["mode"] == "running"), "{jobs:?}");
    assert_eq!(jobs.len(), addressed.len(), "{jobs:?}");
    let job = &jobs[0]["data"];
    assert_eq!(job["message"]["title"], "Coffee?");
    // What a running campaign uses is locked.
    let locked = customer.edit(&format!("/v1/geofences/{}", registered.circle), |_| {}).await;
    assert_eq!(locked.body["type"], "urn:geofenced:problem:active");
}

/// Waiting: what may change changes, and nobody is told twice.
async fn edited_and_ran_again(customer: &Customer, campaign: u64, registered: &Registered) {
    customer.set_in_force(campaign, "waiting").await;
    customer.ping(registered.app, &[device(6)], HERE).await;
    assert_eq!(customer.jobs().await, Vec::<Value>::new());
    let path = format!("/v1/campaigns/{campaign}");
    let begun =
        customer.edit(&path, |document| document["audience"] = json!({"devices": [ADID]})).await;
    assert_eq!(begun.body["type"], "urn:geofenced:problem:campaign-begun", "{}", begun.body);
    let edited =
        customer.edit(&path, |document| document["messages"][0]["title"] = json!("Tea?")).await;
    assert_eq!(edited.status, 200, "{}", edited.body);
    let moved = customer
        .edit(&format!("/v1/geofences/{}", registered.circle), |document| {
            document["shape"]["lat"] = json!(THERE.0);
            document["shape"]["lon"] = json!(THERE.1);
        })
        .await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    customer.set_in_force(campaign, "running").await;
    // Device 1 had its push; device 2 had too, and comes into the moved circle.
    customer.ping(registered.app, &[device(1), device(2)], THERE).await;
    assert_eq!(customer.jobs().await, Vec::<Value>::new());
    customer.ping(registered.app, &[device(5)], THERE).await;
    let jobs = customer.jobs().await;
    assert_eq!(devices(&jobs), [device(5).to_string()].into());
    assert_eq!(jobs[0]["data"]["message"]["title"], "Tea?");
}

/// The day is over: the account moves to where it is tomorrow already.
async fn ended(customer: &Customer, campaign: u64, registered: &Registered) {
    let moved = customer
        .edit("/v1/account", |account| account["time_zone"] = json!("Pacific/Kiritimati"))
        .await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let path = format!("/v1/campaigns/{campaign}");
    while customer.get(&path).await.body["state"] != "ended" {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // Whoever has had nothing gets nothing any more.
    customer.ping(registered.app, &[device(6)], HERE).await;
    assert_eq!(customer.jobs().await, Vec::<Value>::new());
    let again = customer.set(campaign, "running").await;
    assert_eq!(again.body["type"], "urn:geofenced:problem:state-change-refused");
    let copied = customer
        .post(
            &format!("{path}/copy"),
            &json!({"name": "Again", "start": "2099-01-01", "end": "2099-01-02"}),
        )
        .await;
    assert_eq!((copied.status, &copied.body["state"]), (201, &json!("waiting")), "{}", copied.body);
}

/// Somebody else's publication takes the number that the next change is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_publication_by_hand_does_not_stand_in_the_way() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "premium").await;
    let registered = register(&customer, true).await;
    let campaign = customer.make("/v1/campaigns", &campaign(&registered)).await;
    customer.set_in_force(campaign, "running").await;
    let dir = daemon.data_dir.join("snapshots");
    let store = Store::existing(&dir).unwrap();
    let runs = || {
        let loaded = store.load(store.latest().unwrap().unwrap(), None).unwrap();
        let account = loaded.view().account(AccountId(1)).unwrap();
        account.campaigns().count()
    };
    assert_eq!(runs(), 1);
    let newest = store.latest().unwrap().unwrap();
    let rolled = std::process::Command::new(env!("CARGO_BIN_EXE_geofenced"))
        .args(["snapshot", "rollback"])
        .arg(&dir)
        .arg(newest.to_string())
        .status();
    assert!(rolled.unwrap().success());
    assert_eq!(store.latest().unwrap().unwrap().0, newest.0 + 1);
    assert_eq!(customer.set(campaign, "waiting").await.status, 200);
    while runs() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(store.latest().unwrap().unwrap().0 > newest.0 + 1);
}
