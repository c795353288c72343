//! Why a device got its push or not, as its account is told: over HTTP and at the command line, while the daemon runs,
//! after kill -9 and after two clean stops.

use std::process::Command;

use geofenced::domain::ids::DeviceId;
use geofenced::geo::circle::distance_deg_m;
use serde_json::{Value, json};

use crate::customer::{Customer, now_ms};
use crate::support::{Daemon, PATIENCE};

const ID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

/// The middle of the fence, and two kilometres away.
const HERE: (f64, f64) = (37.5663, 126.978);
const THERE: (f64, f64) = (37.58, 126.995);

const ACCOUNT: &str = "1";

fn local_now() -> jiff::civil::DateTime {
    let now = jiff::Timestamp::from_millisecond(now_ms()).unwrap();
    jiff::tz::TimeZone::get("Etc/GMT+12").unwrap().to_datetime(now)
}

/// The account's app, and two campaigns at one fence: one at all hours, and one not at this hour.
async fn registered(customer: &Customer) -> (u64, u64, u64) {
    let android = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &android).await;
    let circle = json!({"name": "Square", "shape":
        {"type": "circle", "lat": HERE.0, "lon": HERE.1, "radius_m": 300}});
    let circle = customer.make("/v1/geofences", &circle).await;
    let day = local_now().date();
    let campaign = |name: &str, (start, end): (&str, &str)| {
        json!({
            "name": name, "apps": [app], "locations": [{"general": {"geofences": [circle]}}],
            "trigger": {"on": "enter"}, "start": day.to_string(),
            "end": day.tomorrow().unwrap().to_string(),
            "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "start": start, "end": end}],
            "frequency": "once_per_period", "message_type": "text",
            "messages": [{"title": "Coffee?", "body": "A"}],
        })
    };
    let other_hours = if local_now().hour() < 12 { ("22:00", "24:00") } else { ("00:00", "02:00") };
    let always = customer.make("/v1/campaigns", &campaign("Coffee", ("00:00", "24:00"))).await;
    let closed = customer.make("/v1/campaigns", &campaign("Tea", other_hours)).await;
    (app, always, closed)
}

async fn explained(customer: &Customer, campaign: u64) -> Value {
    let done = customer.get(&format!("/v1/explain?device={ID}&campaign={campaign}")).await;
    assert_eq!(done.status, 200, "{}", done.body);
    done.body
}

/// What `geofenced explain` prints.
fn printed(daemon: &Daemon, campaign: u64, more: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_geofenced"))
        .arg("explain")
        .args(["--data-dir", daemon.data_dir.to_str().unwrap(), "--account", ACCOUNT])
        .args(["--device", &ID.to_uppercase(), "--campaign", &campaign.to_string()])
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_explained_while_the_daemon_runs_and_after_restarts() {
    let mut daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, played(&mut daemon)).await.unwrap();
}

async fn played(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "lite").await;
    let (app, always, closed) = registered(&customer).await;
    let waiting = explained(&customer, always).await;
    assert_eq!(waiting["outcome"], "not_in_force", "{waiting}");
    assert_eq!(waiting["because"], "The campaign is waiting, so nothing is pushed.");
    customer.set_in_force(always, "running").await;
    customer.set_in_force(closed, "running").await;

    let device = [DeviceId::parse(ID).unwrap()];
    let ago_s = |seconds: i64| now_ms() - seconds * 1000;
    customer.ping_of(ago_s(280), app, &device, THERE).await;
    let outside = explained(&customer, always).await;
    assert_eq!(outside["outcome"], "outside", "{outside}");
    let near = &outside["moments"][0]["nearest"];
    assert_eq!((&near["target"]["name"], &near["inside"]), (&json!("Square"), &json!(false)));
    let off_m = near["distance_m"].as_f64().unwrap() - (distance_deg_m(HERE, THERE) - 300.0);
    assert!(off_m.abs() < 0.1, "{near}");

    customer.ping_of(ago_s(220), app, &device, HERE).await;
    let jobs = customer.jobs().await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let job = &jobs[0]["data"]["job_id"];
    let pushed = explained(&customer, always).await;
    assert_eq!(pushed["outcome"], "pushed", "{pushed}");
    assert_eq!(&pushed["moments"][0]["job"], job);
    assert_eq!(&pushed["bucket"]["used_by"][0]["job"], job);
    let late = explained(&customer, closed).await;
    assert_eq!(
        (&late["outcome"], &late["moments"][0]["stopped_by"]),
        (&json!("stopped"), &json!("window"))
    );
    assert!(late["because"].as_str().unwrap().contains("the campaign's window opens at"), "{late}");

    customer.ping_of(ago_s(160), app, &device, HERE).await;
    assert_eq!(explained(&customer, always).await["outcome"], "decided");
    customer.ping_of(ago_s(100), app, &device, THERE).await;
    customer.ping_of(ago_s(40), app, &device, HERE).await;
    let used = explained(&customer, always).await;
    assert_eq!(
        (&used["outcome"], &used["moments"][0]["stopped_by"]),
        (&json!("stopped"), &json!("frequency"))
    );
    assert_eq!(used["moments"].as_array().unwrap().len(), 5);

    // The same at the command line, beside the daemon.
    let line = printed(daemon, always, &["--json"]);
    assert_eq!(without_since(serde_json::from_str(&line).unwrap()), without_since(used.clone()));
    let page = printed(daemon, always, &["--last", "1"]);
    assert!(page.starts_with(used["because"].as_str().unwrap()), "{page}");
    assert!(page.contains("\n  frequency    stopped "), "{page}");

    refused(&customer, daemon, always).await;
    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    assert_eq!(without_since(explained(&customer, always).await), without_since(used.clone()));
    for _ in 0..2 {
        assert!(daemon.sigterm().success());
        let line = printed(daemon, always, &["--json"]);
        assert_eq!(
            without_since(serde_json::from_str(&line).unwrap()),
            without_since(used.clone())
        );
        daemon.restart();
    }
    customer.follow(daemon);
    assert_eq!(without_since(explained(&customer, always).await), without_since(used));
}

/// By default a stop leaves little more than the state; and a daemon that runs trims its log and replaces checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn a_trimmed_log_is_explained_by_the_state_that_came_of_it() {
    let busy = [
        // The tests' daemons keep all, as a rule.
        ("GEOFENCED__JOURNAL__KEEP_RECORDING_BYTES", "0"),
        ("GEOFENCED__SHARD__CHECKPOINT_EVERY_S", "2"),
        ("GEOFENCED__JOURNAL__SEGMENT_MAX_BYTES", "65536"),
    ];
    let mut daemon = Daemon::start(&busy);
    tokio::time::timeout(PATIENCE, trimmed(&mut daemon)).await.unwrap();
}

async fn trimmed(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "basic").await;
    let (app, always, _closed) = registered(&customer).await;
    customer.set_in_force(always, "running").await;
    let device = DeviceId::parse(ID).unwrap();
    customer.ping(app, &[device], HERE).await;
    let job = explained(&customer, always).await["moments"][0]["job"].clone();
    assert!(job.is_string());
    for _ in 0..3 {
        assert!(daemon.sigterm().success());
        daemon.restart();
    }
    customer.follow(daemon);
    let names = std::fs::read_dir(daemon.data_dir.join("log")).unwrap();
    let firsts = names.filter_map(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".seg").map(|first| first.parse::<u64>().unwrap())
    });
    assert!(firsts.min() > Some(0), "the beginning of the log is trimmed");
    let told = explained(&customer, always).await;
    assert_eq!(
        (&told["outcome"], &told["moments"][0]["basis"]),
        (&json!("decided"), &json!("last_known"))
    );
    assert_eq!(told["bucket"]["used_by"][0]["job"], job, "{told}");

    let others: Vec<DeviceId> =
        (1..=300u128).map(|number| DeviceId(number.to_be_bytes())).collect();
    for _ in 0..8 {
        customer.ping(app, &others, THERE).await;
        assert_eq!(explained(&customer, always).await["bucket"]["used_by"][0]["job"], job);
    }
}

/// Without what a restart may change: where the records begin, and the number of the snapshot that decides by now.
fn without_since(mut told: Value) -> Value {
    told["records_since"].take();
    told["campaign"]["epoch"].take();
    told
}

async fn refused(customer: &Customer, daemon: &Daemon, campaign: u64) {
    let wrong = [
        (format!("campaign={campaign}"), 422, "/device"),
        (format!("device=me&campaign={campaign}"), 422, "/device"),
        (format!("device={ID}&campaign=mine"), 422, "/campaign"),
        (format!("device={ID}&campaign={campaign}&last=101"), 422, "/last"),
    ];
    for (query, status, pointer) in wrong {
        let done = customer.get(&format!("/v1/explain?{query}")).await;
        assert_eq!(
            (done.status, done.body["pointer"].as_str()),
            (status, Some(pointer)),
            "{query}"
        );
    }
    let none = customer.get(&format!("/v1/explain?device={ID}&campaign=4711")).await;
    assert_eq!(none.status, 404, "{}", none.body);
    // Another account neither has the campaign nor sees the device in one of its own.
    let stranger = Customer::new(daemon, "basic").await;
    let path = format!("/v1/explain?device={ID}&campaign={campaign}");
    assert_eq!(stranger.get(&path).await.status, 404);
    let (_app, own, _closed) = registered(&stranger).await;
    stranger.set_in_force(own, "running").await;
    let path = format!("/v1/explain?device={ID}&campaign={own}");
    let unseen = stranger.get(&path).await;
    assert_eq!((unseen.status, &unseen.body["moments"]), (200, &json!([])), "{}", unseen.body);
}
