//! What is kept, and what is said of what is not: of a campaign that began long ago, and of who looked at whom.

use geofenced::auth::grant::Scope;
use geofenced::domain::ids::DeviceId;
use serde_json::{Value, json};

use crate::customer::{Customer, now_ms};
use crate::support::{Daemon, PATIENCE};

const HERE: (f64, f64) = (37.5663, 126.978);
const DAY_MS: i64 = 86_400_000;

const SHORT: [(&str, &str); 4] = [
    ("GEOFENCED__RETENTION__VISITS_DAYS", "210"),
    ("GEOFENCED__RETENTION__DEVICES_DAYS", "120"),
    ("GEOFENCED__RETENTION__CAMPAIGNS_DAYS", "120"),
    ("GEOFENCED__RETENTION__HOURS_DAYS", "31"),
];

fn device(number: u8) -> DeviceId {
    let mut id = [0x33; 16];
    id[15] = number;
    DeviceId(id)
}

/// A local day of the accounts of these tests, so many days from today.
fn day(from_today: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(now_ms() + from_today * DAY_MS).unwrap();
    jiff::tz::TimeZone::get("Etc/GMT+12").unwrap().to_datetime(at).date().to_string()
}

/// An account that measures visits of a store, and a campaign there that began long ago.
async fn registered(customer: &Customer) -> (u64, u64, u64) {
    let android = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &android).await;
    let brand = customer.make("/v1/brands", &json!({"name": "Beans"})).await;
    let store =
        json!({"name": "City hall", "code": "s-1", "brand": brand, "lat": HERE.0, "lon": HERE.1});
    let place = customer.make("/v1/places", &store).await;
    let measured =
        customer.edit("/v1/account", |account| account["measure_visits"] = json!(true)).await;
    let epoch = measured.epoch.unwrap();
    assert_eq!(customer.get(&format!("/v1/account?wait_epoch={epoch}")).await.status, 200);
    let campaign = json!({
        "name": "Coffee", "apps": [app], "locations": [{"general": {"places": [place]}}],
        "trigger": {"on": "enter"}, "start": day(-300), "end": day(1),
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_period", "message_type": "none",
    });
    let campaign = customer.make("/v1/campaigns", &campaign).await;
    customer.set_in_force(campaign, "running").await;
    (app, brand, campaign)
}

/// A metric of a class of figures, once it is more than `above`.
async fn grown(daemon: &Daemon, metric: &str, class: &str, above: f64) -> f64 {
    let label = format!("{metric}{{class=\"{class}\"}} ");
    loop {
        let mut http = daemon.http_client(Scope::Admin).await;
        let text = http.get("/metrics").await.unwrap().success().unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&label));
        let value: f64 = line.unwrap_or("0").trim().parse().unwrap();
        if value > above {
            return value;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_removed_and_asked_for_refused() {
    let mut daemon = Daemon::start(&SHORT);
    tokio::time::timeout(PATIENCE, removed(&mut daemon)).await.unwrap();
}

async fn removed(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "basic").await;
    let (app, brand, campaign) = registered(&customer).await;
    // Who was at the store 250 days ago; then somebody is there today, and time has gone on.
    let then = now_ms() - 250 * DAY_MS;
    for after_s in [0, 200, 400] {
        customer.ping_of(then + after_s * 1000, app, &[device(1)], HERE).await;
    }
    customer.ping(app, &[device(2)], HERE).await;
    grown(daemon, "geofenced_retention_removed_rows_total", "visits", 0.0).await;
    let from =
        grown(daemon, "geofenced_retention_kept_from_timestamp_seconds", "visits", 0.0).await;
    let expected = f64::from(i32::try_from(now_ms() / 1000 - 211 * 86_400).unwrap());
    assert!((from - expected).abs() <= 86_400.0, "{from} and {expected}");

    let path = format!("/v1/campaigns/{campaign}");
    for round in 0..2 {
        for (what, knob) in [
            (format!("{path}/report?from={}", day(-200)), "retention.devices_days"),
            (format!("{path}/report.csv?from={}", day(-200)), "retention.devices_days"),
            (format!("{path}/figures/hours?day={}", day(-40)), "retention.hours_days"),
            (format!("{path}/visit-report?brands={brand}"), "retention."),
        ] {
            let refused = customer.get(&what).await;
            assert_eq!(refused.status, 422, "{round} {what}: {}", refused.body);
            assert_eq!(refused.body["type"], "urn:geofenced:problem:not-kept");
            assert!(refused.body["detail"].as_str().unwrap().contains(knob), "{}", refused.body);
        }
        let live = customer.get(&format!("{path}/figures")).await.body;
        let report = customer.get(&format!("{path}/report")).await.body;
        for told in [&live, &report] {
            assert!(told["kept_from"].as_str().unwrap() > &*day(-125), "{told}");
        }
        assert_eq!(report["from"], report["kept_from"]);
        if round == 0 {
            daemon.kill9();
            daemon.restart();
            customer.follow(daemon);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_uses_a_location_is_noted() {
    let mut daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, noted(&mut daemon)).await.unwrap();
}

/// What is noted, without what changes from run to run.
async fn uses(customer: &Customer, query: &str) -> Vec<Value> {
    let page = customer.get(&format!("/v1/location-uses?{query}")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.body["items"].as_array().unwrap().clone()
}

fn purposes(uses: &[Value]) -> Vec<&str> {
    uses.iter().map(|one| one["purpose"].as_str().unwrap()).collect()
}

async fn noted(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "basic").await;
    let stranger = Customer::new(daemon, "premium").await;
    let (app, brand, campaign) = registered(&customer).await;
    customer.ping(app, &[device(1)], HERE).await;
    assert_eq!(uses(&customer, "").await, [] as [Value; 0]);

    // What is refused for what it asks uses nothing.
    for wrong in ["visit-report", "visit-report?brands=99"] {
        assert_ne!(customer.get(&format!("/v1/campaigns/{campaign}/{wrong}")).await.status, 200);
    }
    assert_eq!(uses(&customer, "").await, [] as [Value; 0]);

    let explain = format!("/v1/explain?device={}&campaign={campaign}", device(1));
    assert_eq!(customer.get(&explain).await.status, 200);
    let report = format!("/v1/campaigns/{campaign}/visit-report?brands={brand}");
    assert_eq!(customer.get(&report).await.status, 200);
    file_of_visits(&customer, campaign, brand).await;
    let history = json!({"days": 7, "blocks": [{"brands": [brand], "at_least": 1}]});
    let preview = customer.post("/v1/segment-preview", &json!({"history": history})).await;
    assert_eq!(preview.status, 200, "{}", preview.body);
    let backtest = customer.post("/v1/backtests", &json!({"campaign": campaign})).await;
    assert_eq!(backtest.status, 202, "{}", backtest.body);
    let all = uses(&customer, "").await;
    assert_eq!(
        purposes(&all),
        ["backtest", "segment_preview", "visit_report", "visit_report", "visit_report", "explain"]
    );
    let (tried, previewed, reported, explained) = (&all[0], &all[1], &all[2], &all[5]);
    assert_eq!(explained["campaign"], campaign);
    assert_eq!(explained["device"].as_str().unwrap().len(), 16);
    assert!(all.iter().all(|one| one["by"] == "basic campaigns"), "{all:?}");
    assert_eq!((&reported["from"], &reported["to"]), (&json!(day(-300)), &json!(day(-1))));
    assert_eq!((&previewed["from"], &previewed["segment"]), (&json!(day(-7)), &Value::Null));
    assert_eq!((&tried["campaign"], &tried["device"]), (&json!(campaign), &Value::Null));

    // A segment is looked up by the daemon itself.
    let id = customer.make("/v1/segments", &json!({"name": "Regulars", "history": history})).await;
    while uses(&customer, "purpose=segment").await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let looked = uses(&customer, "purpose=segment").await;
    assert_eq!((&looked[0]["segment"], &looked[0]["by"]), (&json!(id), &json!("the segments")));

    // Whoever asks who looked at them gives their id, in any case, and is told what was about them alone.
    let mine = format!("device={}", device(1).to_string().to_uppercase());
    assert_eq!(purposes(&uses(&customer, &mine).await), ["explain"]);
    assert_eq!(uses(&customer, &format!("device={}", device(2))).await, [] as [Value; 0]);
    assert_eq!(uses(&stranger, &mine).await, [] as [Value; 0]);
    let today = format!("from={}&to={}&limit=1", day(0), day(0));
    let page = customer.get(&format!("/v1/location-uses?{today}")).await.body;
    assert_eq!((page["items"].as_array().unwrap().len(), page["next"].is_u64()), (1, true));
    assert_eq!(uses(&customer, &format!("to={}", day(-1))).await, [] as [Value; 0]);
    let wrong = customer.get("/v1/location-uses?purpose=gossip").await;
    assert_eq!((wrong.status, &wrong.body["pointer"]), (422, &json!("/purpose")));

    // The operator's own command is noted, too; and nothing is forgotten in a crash.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_geofenced"))
        .args(["explain", "--data-dir", daemon.data_dir.to_str().unwrap(), "--account", "1"])
        .args(["--device", &device(1).to_string(), "--campaign", &campaign.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    let after = uses(&customer, &mine).await;
    assert_eq!(purposes(&after), ["explain", "explain"]);
    assert_eq!(after[0]["by"], "geofenced explain");
    assert_eq!(after[1], *explained);
}

/// The visit report as files, which are listed; and since when visits are measured.
async fn file_of_visits(customer: &Customer, campaign: u64, brand: u64) {
    let of =
        |ending: &str| format!("/v1/campaigns/{campaign}/visit-report.{ending}?brands={brand}");
    let file = |path: String| async move {
        let answer = customer.raw(hyper::Method::GET, &path, &[], Vec::new()).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.body
    };
    let csv = String::from_utf8(file(of("csv")).await.to_vec()).unwrap();
    assert!(csv.starts_with("\u{feff}campaign,name,from,to,regions,brands,stores,"), "{csv}");
    assert!(csv.ends_with(",,,,,\r\n") && csv.lines().count() == 2, "no lift, one row: {csv}");
    assert!(file(of("xlsx")).await.starts_with(b"PK"));
    let listed = customer.get("/v1/reports?sort=-id").await.body;
    let listed: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| &one["of"]).collect();
    assert_eq!(listed, ["visits", "visits"]);
    let account = customer.get("/v1/account").await.body;
    let from: jiff::Timestamp =
        account["visits_measured"][0]["from"].as_str().unwrap().parse().unwrap();
    let age_s = jiff::Timestamp::now().as_second() - from.as_second();
    assert!((0..600).contains(&age_s), "{account}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_visits_from_the_queue_is_noted() {
    let mut daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, handed_over(&mut daemon)).await.unwrap();
}

async fn handed_over(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "premium").await;
    let (app, ..) = registered(&customer).await;
    for ago_s in [280, 140, 0] {
        customer.ping_of(now_ms() - ago_s * 1000, app, &[device(1)], HERE).await;
    }
    assert_eq!(customer.jobs().await.len(), 1);
    assert_eq!(uses(&customer, "").await, [] as [Value; 0], "a job is handed over to be pushed");
    assert_eq!(customer.records("crm", "visited").await.len(), 1);
    let noted = uses(&customer, "purpose=visits").await;
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert_eq!((&noted[0]["by"], &noted[0]["consumer"]), (&json!("premium queue"), &json!("crm")));
    assert_eq!(noted[0]["device"], Value::Null, "it is of all devices");
    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    assert_eq!(uses(&customer, "").await, noted);
}
