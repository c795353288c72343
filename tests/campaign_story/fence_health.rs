//! Fences that do not do what they were drawn for: found by what devices do there, and nobody else's to see.

use std::time::Duration;

use geofenced::domain::ids::DeviceId;
use serde_json::{Value, json};

use crate::customer::{Customer, now_ms};
use crate::figures::day;
use crate::support::{Daemon, PATIENCE};

const HERE: (f64, f64) = (37.5663, 126.978);
const CORNER: (f64, f64) = (37.60, 127.05);

fn devices(kind: u8, count: u8) -> Vec<DeviceId> {
    let device = |number| {
        let mut id = [0x33; 16];
        (id[14], id[15]) = (kind, number);
        DeviceId(id)
    };
    (0..count).map(device).collect()
}

/// Three fences of a campaign that runs: a square, one inside of it, and a small one elsewhere.
async fn started(customer: &Customer) -> (u64, u64, [u64; 3]) {
    let android = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &android).await;
    let mut fences = [0; 3];
    let drawn = [("Square", HERE, 300), ("Inner", HERE, 100), ("Corner", CORNER, 60)];
    for (fence, (name, (lat, lon), radius_m)) in fences.iter_mut().zip(drawn) {
        let circle = json!({"name": name, "shape":
            {"type": "circle", "lat": lat, "lon": lon, "radius_m": radius_m}});
        *fence = customer.make("/v1/geofences", &circle).await;
    }
    let campaign = json!({
        "name": "Coffee", "apps": [app], "locations": [{"general": {"geofences": fences}}],
        "trigger": {"on": "enter"}, "start": day(-1), "end": day(1),
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_period", "message_type": "none",
    });
    let campaign = customer.make("/v1/campaigns", &campaign).await;
    customer.set_in_force(campaign, "running").await;
    (app, campaign, fences)
}

/// Fence and finding of each item.
fn found(page: &Value) -> Vec<(u64, String)> {
    let items = page["items"].as_array().unwrap();
    let one = |item: &Value| {
        assert_eq!(item["kind"], "geofence");
        (item["id"].as_u64().unwrap(), item["finding"].as_str().unwrap().to_owned())
    };
    items.iter().map(one).collect()
}

/// Fence health, once so many enters of a fence are counted.
async fn health(customer: &Customer, fence: u64, enters: u64) -> Value {
    loop {
        let page = customer.get("/v1/fence-health").await;
        // Somebody else may be looked at.
        if page.status == 200 {
            let items = page.body["items"].as_array().unwrap();
            if items.iter().any(|item| item["id"] == fence && item["enters"] == enters) {
                return page.body;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fences_are_found_by_what_devices_do_there() {
    let mut daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, looked_at(&mut daemon)).await.unwrap();
}

async fn looked_at(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "lite").await;
    let mut stranger = Customer::new(daemon, "basic").await;
    let (app, campaign, [square, inner, corner]) = started(&customer).await;
    // In, out, and in again two minutes later.
    let ago_s = |seconds: i64| now_ms() - seconds * 1000;
    let walkers = devices(1, 40);
    customer.ping_of(ago_s(250), app, &walkers, HERE).await;
    customer.ping_of(ago_s(140), app, &walkers, (37.58, 126.995)).await;
    customer.ping_of(ago_s(30), app, &walkers, HERE).await;
    let coarse = |device: &DeviceId| json!({"device": device.to_string(), "lat": CORNER.0, "lon": CORNER.1, "accuracy_m": 90});
    let coarse: Vec<Value> = devices(2, 35).iter().map(coarse).collect();
    let sent = customer.ingest("/v1/pings", &json!({"app": app, "pings": coarse})).await;
    assert_eq!(sent["evaluated"], 35, "{sent}");
    let page = health(&customer, square, 80).await;
    let page = if found(&page).len() < 4 { health(&customer, corner, 35).await } else { page };
    told(&page, [square, inner, corner], campaign);
    paged(&customer, &page).await;
    let other = stranger.get("/v1/fence-health").await;
    assert_eq!((other.status, &other.body["items"]), (200, &json!([])), "{}", other.body);

    // What was handed in survives a crash; an orderly end hands in what was not.
    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    assert_eq!(found(&health(&customer, square, 80).await), found(&page));
    customer.ping_of(ago_s(20), app, &devices(3, 20), HERE).await;
    assert!(daemon.sigterm().success());
    daemon.restart();
    customer.follow(daemon);
    stranger.follow(daemon);
    let page = customer.get("/v1/fence-health").await.body;
    let square = page["items"].as_array().unwrap().iter().find(|item| item["id"] == square);
    assert_eq!(square.unwrap()["enters"], 100, "{page}");
    assert_eq!(stranger.get("/v1/fence-health").await.body["items"], json!([]));
    // A campaign that waits asks nothing of its fences.
    customer.set_in_force(campaign, "waiting").await;
    assert_eq!(customer.get("/v1/fence-health").await.body["items"], json!([]));
}

/// What each finding rests on.
fn told(page: &Value, [square, inner, corner]: [u64; 3], campaign: u64) {
    let of = |fence: u64, finding: &str| (fence, finding.to_owned());
    let expected = [
        of(square, "flaps"),
        of(inner, "flaps"),
        of(inner, "overlaps"),
        of(corner, "small_for_accuracy"),
    ];
    assert_eq!(found(page), expected, "{page}");
    assert_eq!((&page["cut_short"], page.get("next")), (&json!([]), None));
    assert_eq!(page["counted_days"].as_array().unwrap().last(), Some(&page["items"][0]["since"]));
    let items = &page["items"];
    let (flaps, overlaps, small) = (&items[0], &items[2], &items[3]);
    assert_eq!((&flaps["name"], &flaps["campaigns"]), (&json!("Square"), &json!([campaign])));
    assert_eq!((&flaps["exits"], &flaps["returns"]), (&json!(40), &json!(40)));
    assert_eq!((&flaps["returns_pct"], &flaps["size_m"]), (&json!(100), &json!(300)));
    assert!(flaps["advice"].as_str().unwrap().contains("back within 10 minutes"), "{flaps}");
    assert_eq!(overlaps["overlaps"]["share_pct"], 100);
    assert_eq!(overlaps["overlaps"]["with"]["name"], "Square");
    assert_eq!((&small["median_accuracy_m"], &small["size_m"]), (&json!(75), &json!(60)));
    assert_eq!((&small["enters"], &small["too_coarse"]), (&json!(35), &json!(0)));
}

/// The same, a finding a page, and of one kind.
async fn paged(customer: &Customer, whole: &Value) {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = customer.get(&format!("/v1/fence-health?limit=1&cursor={cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        seen.extend(found(&page.body));
        match page.body["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, found(whole));
    let flaps = customer.get("/v1/fence-health?finding=flaps").await.body;
    assert_eq!(found(&flaps).len(), 2);
    for wrong in ["finding=never", "limit=0", "limit=1001", "cursor=1", "from=2026-11-23"] {
        let refused = customer.get(&format!("/v1/fence-health?{wrong}")).await;
        assert_eq!(refused.status, 422, "{wrong}: {}", refused.body);
    }
}
