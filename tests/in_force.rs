//! Whether a change is in force: what an account's own fault or the disk is in the way of is said not to be, and comes in
//! force when that is gone.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
mod support;

use customer::Customer;
use geofenced::control::store::{CATALOG_FILE, Content, Key, Kind, SqliteStore, thread};
use geofenced::domain::ids::AccountId;
use geofenced::domain::units::UtcMs;
use serde_json::json;
use support::Daemon;

/// A running campaign of an app at a circle of its own.
async fn running(customer: &Customer, app: u64) -> u64 {
    let circle = json!({"name": "F", "shape": {"type": "circle", "lat": 37.5, "lon": 127.0, "radius_m": 100}});
    let fence = customer.make("/v1/geofences", &circle).await;
    let campaign = json!({"name": "C", "apps": [app], "trigger": {"on": "enter"}, "frequency": "once_per_day",
        "locations": [{"general": {"geofences": [fence]}}], "start": "2026-01-01", "end": "2099-12-31",
        "windows": [{"days": ["mon"], "start": "00:00", "end": "24:00"}], "message_type": "none"});
    let campaign = customer.make("/v1/campaigns", &campaign).await;
    customer.set_in_force(campaign, "running").await;
    campaign
}

async fn app(customer: &Customer) -> u64 {
    let app = json!({"name": "A", "package": "kr.example", "platform": "android"});
    customer.make("/v1/apps", &app).await
}

/// Breaks a geofence behind the daemon's back, as a fault of ours might.
fn spoil(daemon: &Daemon, fence: u32) {
    let mut store = SqliteStore::open(&daemon.data_dir.join(CATALOG_FILE)).unwrap();
    let key = Key::new(AccountId(1), Kind::Geofence, fence);
    thread::write(&mut store, |tx| {
        let content = tx.get(key)?.unwrap().content;
        let body = content.body.replace("\"lat\":37.5", "\"lat\":137.5");
        assert_ne!(body, content.body);
        Ok(tx.update(key, Content { body, ..content }, UtcMs(1))?)
    })
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_not_in_force_is_not_said_to_be() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let other = Customer::new(&daemon, "premium").await;
    let (ours, theirs) = (app(&customer).await, app(&other).await);
    let campaigns = [
        running(&customer, ours).await,
        running(&customer, ours).await,
        running(&other, theirs).await,
    ];
    spoil(&daemon, 1);
    // The second is stopped, and the first keeps that from coming in force: nobody is told otherwise.
    let stopped = customer.set(campaigns[1], "waiting").await;
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    let path = format!("/v1/campaigns/{}?wait_epoch={}", campaigns[1], stopped.epoch.unwrap());
    let waited = customer.get(&path).await;
    assert_eq!(
        (waited.status, &waited.body["type"]),
        (422, &json!("urn:geofenced:problem:failed"))
    );
    let detail = waited.body["detail"].as_str().unwrap();
    assert!(detail.contains("campaign 1") && detail.contains("geofence 1"), "{detail}");
    other.set_in_force(campaigns[2], "waiting").await;
    customer.set_in_force(campaigns[0], "waiting").await;
    assert_eq!(customer.get(&path).await.status, 200, "with the first gone, so is the second");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_was_in_the_way_of_comes_in_force_by_itself() {
    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    let app = app(&customer).await;
    let campaign = running(&customer, app).await;
    let (dir, away) = (daemon.data_dir.join("snapshots"), daemon.data_dir.join("away"));
    std::fs::rename(&dir, &away).unwrap();
    let stopped = customer.set(campaign, "waiting").await;
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    let path = format!("/v1/campaigns/{campaign}?wait_epoch={}", stopped.epoch.unwrap());
    while customer.get(&path).await.body["type"] != "urn:geofenced:problem:failed" {}
    std::fs::rename(&away, &dir).unwrap();
    // Nobody changes anything any more.
    while customer.get(&path).await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
