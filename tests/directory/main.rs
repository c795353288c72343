//! The real districts of Korea and a directory of 100,000 stores, imported through the API: campaigns for one brand in
//! two districts, a category in a trade area and all stores of a district compile to exactly the stores that a plain
//! script finds, which knows nothing of this program.
//!
//! The districts lie beside the project, in `../shared/data`; where they are absent the test says so and passes.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../campaign_story/customer.rs"]
#[expect(dead_code, reason = "the story uses the rest")]
mod customer;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use customer::{Customer, now_ms};
use geofenced::domain::ids::{AccountId, CampaignId};
use geofenced::snapshot::store::Store;
use serde_json::{Value, json};
use support::Daemon;

const STORES: usize = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn campaigns_compile_to_the_stores_that_a_plain_script_finds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fences = root.join("../shared/data/real_fences.geojson.gz");
    if !fences.exists() {
        eprintln!("there is no {}: nothing to test", fences.display());
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let script = root.join("tests/directory/plain.py");
    let mut plain = Command::new("python3");
    plain.arg(script).arg(&fences).arg(made.path()).arg(STORES.to_string());
    assert!(plain.status().unwrap().success());
    let file = |name: &str| std::fs::read(made.path().join(name)).unwrap();
    let expected: BTreeMap<String, Value> = serde_json::from_slice(&file("expected.json")).unwrap();

    let daemon = Daemon::start(&[]);
    let customer = Customer::new(&daemon, "basic").await;
    for (query, name) in [("of=regions", "regions.geojson"), ("of=places", "places.csv")] {
        let import = customer.upload(&format!("{query}&file={name}"), file(name)).await;
        let bad = format!("/v1/imports/{}/bad-rows?language=english", import["id"]);
        let bad = customer.raw(hyper::Method::GET, &bad, &[], Vec::new()).await.body;
        let bad = String::from_utf8_lossy(&bad);
        assert_eq!((&import["state"], &import["bad"]), (&json!("usable"), &json!(0)), "{bad}");
    }
    let app = json!({"name": "A", "package": "kr.example", "platform": "ios"});
    let app = customer.make("/v1/apps", &app).await;
    let mut campaigns = BTreeMap::new();
    for (name, wanted) in &expected {
        let campaign = campaign(&customer, (name, wanted), app).await;
        campaigns.insert(name, customer.make("/v1/campaigns", &campaign).await);
    }
    for campaign in campaigns.values() {
        customer.set_in_force(*campaign, "running").await;
    }

    let codes = codes(&customer).await;
    let store = Store::existing(&daemon.data_dir.join("snapshots")).unwrap();
    let loaded = store.load(store.latest().unwrap().unwrap(), None).unwrap();
    let account = loaded.view().account(AccountId(1)).unwrap();
    for (name, number) in campaigns {
        let number = CampaignId(u32::try_from(number).unwrap());
        let found: BTreeSet<&str> = account
            .watched_ids()
            .filter_map(|target| account.target(target))
            .filter(|target| target.campaigns().any(|campaign| campaign.id() == number))
            .map(|target| {
                let key = target.key().split(':').nth(1).unwrap();
                codes[&key.parse::<u64>().unwrap()].as_str()
            })
            .collect();
        let stores = expected[name]["stores"].as_array().unwrap();
        let meant: BTreeSet<&str> = stores.iter().map(|code| code.as_str().unwrap()).collect();
        assert!(meant.len() > 10, "{name}: {} stores show nothing", meant.len());
        assert_eq!(found, meant, "{name}");
    }
}

/// A campaign that runs today, for the stores that the script had in mind.
async fn campaign(customer: &Customer, (name, wanted): (&str, &Value), app: u64) -> Value {
    let mut regions = Vec::new();
    for code in wanted["regions"].as_array().unwrap() {
        regions.push(one(customer, "regions", code.as_str().unwrap()).await);
    }
    let mut general = json!({"regions": regions});
    match name {
        "brand_in_two_regions" => {
            general["brands"] = json!([one(customer, "brands", "Brand 3").await]);
        }
        "category_in_trade_area" => {
            general["categories"] = json!([one(customer, "categories", "C1-2").await]);
        }
        _ => {
            let brands = customer.get("/v1/brands?limit=1000").await.body;
            let brands = brands["items"].as_array().unwrap().iter().map(|brand| &brand["id"]);
            general["brands"] = brands.cloned().collect();
        }
    }
    let now = jiff::Timestamp::from_millisecond(now_ms()).unwrap();
    let today = jiff::tz::TimeZone::get("Etc/GMT+12").unwrap().to_datetime(now).date();
    json!({
        "name": name, "apps": [app], "locations": [{"general": general}], "trigger": {"on": "enter"},
        "start": today.to_string(), "end": today.to_string(),
        "windows": [{"days": ["mon"], "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_day", "message_type": "none",
    })
}

/// The number of the one that is called so exactly, by name or code.
async fn one(customer: &Customer, kind: &str, called: &str) -> u64 {
    let found =
        customer.get(&format!("/v1/{kind}?limit=1000&search={}", called.replace(' ', "%20"))).await;
    let items = found.body["items"].as_array().unwrap().clone();
    let exactly = |item: &&Value| item["name"] == called || item["code"] == called;
    items.iter().find(exactly).unwrap()["id"].as_u64().unwrap()
}

/// The code of each store by its number.
async fn codes(customer: &Customer) -> BTreeMap<u64, String> {
    let mut codes = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = customer.get(&format!("/v1/places?limit=1000&cursor={cursor}")).await.body;
        for place in page["items"].as_array().unwrap() {
            let code = place["code"].as_str().unwrap().to_owned();
            codes.insert(place["id"].as_u64().unwrap(), code);
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return codes,
        }
    }
}
