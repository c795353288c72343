//! What a campaign has brought, as its account sees it: counted once, and the same after kill -9.

use geofenced::domain::ids::DeviceId;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

use crate::customer::{Customer, now_ms};
use crate::support::{Daemon, PATIENCE};

const HERE: (f64, f64) = (37.5663, 126.978);
const DEVICES: u8 = 12;

fn device(number: u8) -> DeviceId {
    let mut id = [0x22; 16];
    id[15] = number;
    DeviceId(id)
}

/// A local day of the accounts of these tests, so many days from today.
pub(crate) fn day(from_today: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(now_ms() + from_today * 86_400_000).unwrap();
    jiff::tz::TimeZone::get("Etc/GMT+12").unwrap().to_datetime(at).date().to_string()
}

async fn started(customer: &Customer) -> (u64, u64) {
    let android = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &android).await;
    let circle = json!({"name": "Square", "shape":
        {"type": "circle", "lat": HERE.0, "lon": HERE.1, "radius_m": 300}});
    let circle = customer.make("/v1/geofences", &circle).await;
    let campaign = json!({
        "name": "=Coffee", "apps": [app], "locations": [{"general": {"geofences": [circle]}}],
        "trigger": {"on": "enter"}, "start": day(-1), "end": day(1),
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_period", "message_type": "text",
        "messages": [{"title": "Coffee?", "body": "A"}, {"title": "Tea?", "body": "B"}],
    });
    let campaign = customer.make("/v1/campaigns", &campaign).await;
    customer.set_in_force(campaign, "running").await;
    (app, campaign)
}

/// Outcomes of jobs, and what became of them.
async fn report(customer: &Customer, app: u64, of: &[(&Value, &str)]) -> Value {
    let outcomes: Vec<Value> = of
        .iter()
        .map(|(job, kind)| {
            json!({"device": job["data"]["device_id"], "job": job["data"]["job_id"], "kind": kind})
        })
        .collect();
    customer.ingest("/v1/outcomes", &json!({"app": app, "outcomes": outcomes})).await
}

/// The figures, once they have come as far.
async fn figures(customer: &Customer, campaign: u64, jobs: u64, clicked: u64) -> Value {
    let path = format!("/v1/campaigns/{campaign}/figures");
    loop {
        let figures = customer.get(&path).await.body;
        let total = &figures["total"];
        if (&total["jobs"], &total["clicked"]) == (&json!(jobs), &json!(clicked)) {
            return figures;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_count_each_job_and_click_once_and_survive_kill_9() {
    let mut daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, counted(&mut daemon)).await.unwrap();
}

/// A campaign's figures as they are followed.
struct Stream(Lines<BufReader<TcpStream>>);

impl Stream {
    async fn open(customer: &Customer, campaign: u64) -> Self {
        let mut socket = TcpStream::connect(&customer.http).await.unwrap();
        let request = format!(
            "GET /v1/campaigns/{campaign}/figures/stream HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            customer.http, customer.campaigns
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(socket).lines())
    }

    /// The next figures; none where the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.0.next_line().await.unwrap()?;
            // The last chunk of an answer has no bytes.
            if line == "0" {
                return None;
            }
            if let Some(figures) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(figures).unwrap());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_followed_until_the_campaign_goes() {
    let daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, followed(&daemon)).await.unwrap();
}

async fn followed(daemon: &Daemon) {
    let customer = Customer::new(daemon, "basic").await;
    let (app, campaign) = started(&customer).await;
    let mut stream = Stream::open(&customer, campaign).await;
    assert_eq!(stream.next().await.unwrap()["total"]["jobs"], 0, "it begins with how it is");
    let devices: Vec<DeviceId> = (0..DEVICES).map(device).collect();
    customer.ping(app, &devices, HERE).await;
    let last = loop {
        let figures = stream.next().await.unwrap();
        if figures["total"]["jobs"] == u64::from(DEVICES) {
            break figures;
        }
    };
    assert_eq!(last, figures(&customer, campaign, u64::from(DEVICES), 0).await);
    customer.set_in_force(campaign, "waiting").await;
    assert_eq!(customer.delete(&format!("/v1/campaigns/{campaign}")).await.status, 204);
    // There is nothing to follow any more; before, it may tell that the campaign waits.
    while stream.next().await.is_some() {}
}

async fn counted(daemon: &mut Daemon) {
    let mut customer = Customer::new(daemon, "lite").await;
    let (app, campaign) = started(&customer).await;
    let devices: Vec<DeviceId> = (0..DEVICES).map(device).collect();
    // In, out, and in again: the second time each has had its push.
    let ago_s = |seconds: i64| now_ms() - seconds * 1000;
    customer.ping_of(ago_s(250), app, &devices, HERE).await;
    customer.ping_of(ago_s(140), app, &devices, (37.58, 126.995)).await;
    customer.ping_of(ago_s(30), app, &devices, HERE).await;
    let jobs = customer.jobs().await;
    assert_eq!(jobs.len(), usize::from(DEVICES));
    let stranger = Customer::new(daemon, "basic").await;
    let (foreign_app, _) = started(&stranger).await;

    let all: Vec<(&Value, &str)> = jobs.iter().map(|job| (job, "delivered")).collect();
    assert_eq!(report(&customer, app, &all).await["evaluated"], u64::from(DEVICES));
    let clicks = [(&jobs[0], "clicked"), (&jobs[1], "clicked"), (&jobs[0], "clicked")];
    assert_eq!(report(&customer, app, &clicks).await["rejected"], json!({}));
    // Nobody's job, somebody else's device, and another account's job.
    let mut wrong = [jobs[2].clone(), jobs[3].clone()];
    wrong[0]["data"]["job_id"] = json!("0f1e2d3c-4b5a-8978-8796-a5b4c3d2e1f0");
    wrong[1]["data"]["device_id"] = jobs[4]["data"]["device_id"].clone();
    let refused = report(&customer, app, &wrong.each_ref().map(|job| (job, "clicked"))).await;
    assert_eq!(refused["rejected"], json!({"unknown_job": 2}));
    let foreign = report(&stranger, foreign_app, &[(&jobs[5], "clicked")]).await;
    assert_eq!(foreign["rejected"], json!({"unknown_job": 1}));
    let before = figures(&customer, campaign, u64::from(DEVICES), 2).await;
    let total = &before["total"];
    assert_eq!((&total["reached"], &total["delivered"]), (&json!(12), &json!(12)));
    assert_eq!((&total["responded"], &total["response_rate_pct"]), (&json!(2), &json!(16.67)));
    assert_eq!(before["audience"], u64::from(DEVICES), "devices seen in the app");
    let of_variants = |name: &str| -> u64 {
        let variants = before["variants"].as_array().unwrap();
        assert_eq!(variants.len(), 2);
        variants.iter().map(|variant| variant[name].as_u64().unwrap()).sum()
    };
    assert_eq!((of_variants("reached"), of_variants("clicked")), (12, 2));
    assert_eq!(before["suppressed"], json!({"frequency": 12}));
    assert_eq!(before["days"].as_array().unwrap().len(), 1);

    daemon.kill9();
    daemon.restart();
    customer.follow(daemon);
    let after = figures(&customer, campaign, u64::from(DEVICES), 2).await;
    assert_eq!(after, before);
    // Told again after the crash, it is the same click.
    assert_eq!(report(&customer, app, &clicks[..1]).await["evaluated"], 1);
    assert_eq!(report(&customer, app, &[(&jobs[6], "clicked")]).await["evaluated"], 1);
    assert_eq!(figures(&customer, campaign, 12, 3).await["total"]["responded"], 3);
    told(&customer, campaign).await;
}

/// By hour, for days that are over, and by month.
async fn told(customer: &Customer, campaign: u64) {
    let path = format!("/v1/campaigns/{campaign}");
    let hours = customer.get(&format!("{path}/figures/hours?day={}", day(0))).await.body;
    let hours = hours.as_array().unwrap().clone();
    assert_eq!(hours.len(), 24);
    assert_eq!(hours.iter().map(|hour| hour["jobs"].as_u64().unwrap()).sum::<u64>(), 12);
    let report = customer.get(&format!("{path}/report")).await;
    assert_eq!((report.status, &report.body["to"]), (200, &json!(day(-1))), "{}", report.body);
    assert_eq!(report.body["rows"].as_array().unwrap().len(), 2, "a row for each variant");
    let today = customer.get(&format!("{path}/report?to={}", day(0))).await;
    assert_eq!((today.status, &today.body["errors"][0]["pointer"]), (422, &json!("/to")));
    let csv =
        customer.raw(hyper::Method::GET, &format!("{path}/report.csv"), &[], Vec::new()).await;
    let csv = String::from_utf8(csv.body.to_vec()).unwrap();
    assert!(csv.starts_with("\u{feff}campaign,name,day,variant,"), "{csv}");
    assert!(csv.contains(",'=Coffee,"), "a name is no formula: {csv}");
    let xlsx = format!("{path}/report.xlsx");
    let xlsx = customer.raw(hyper::Method::GET, &xlsx, &[], Vec::new()).await;
    assert!(xlsx.body.starts_with(b"PK"));
    made_again(customer, campaign, &path).await;
    let usage = customer.get("/v1/usage").await.body;
    assert_eq!((&usage["pushes"], &usage["included"]), (&json!(12), &json!(100_000)));
    assert_eq!((&usage["over"], &usage["fee_krw"]), (&json!(0), &json!(1_000_000)));
    assert_eq!(customer.get("/v1/campaigns/4711/figures").await.status, 404);
}

/// Files of reports are listed, and downloaded again as they were.
async fn made_again(customer: &Customer, campaign: u64, path: &str) {
    let asked = |path: String| async move {
        let answer = customer.raw(hyper::Method::GET, &path, &[], Vec::new()).await;
        assert_eq!(answer.status, 200, "{path}");
        let place = answer.headers["content-location"].to_str().unwrap().to_owned();
        (answer.body, place)
    };
    let (csv, place) = asked(format!("{path}/report.csv")).await;
    assert_eq!(asked(format!("{path}/report.csv")).await, (csv.clone(), place.clone()));
    let (_, usage) = asked("/v1/usage.csv".to_owned()).await;
    assert_ne!(usage, place);
    let all = customer.get("/v1/reports?sort=-id").await.body;
    let all = all["items"].as_array().unwrap();
    assert_eq!(all.len(), 3, "each once: {all:?}");
    let told: Vec<(&str, &str)> = all
        .iter()
        .map(|one| (one["of"].as_str().unwrap(), one["format"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("usage", "csv"), ("campaign", "xlsx"), ("campaign", "csv")]);
    let first = &all[2];
    assert_eq!((&first["campaign"], &first["rows"]), (&json!(campaign), &json!(3)));
    assert_eq!((&first["from"], &first["to"]), (&json!(day(-1)), &json!(day(-1))));
    assert_eq!((&first["bytes"], &first["state"]), (&json!(csv.len()), &json!("ready")));
    assert_eq!(first["asked_by"], "lite campaigns");
    assert_eq!(first["hash"], blake3::hash(&csv).to_hex().as_str());
    let again = asked(format!("/v1/reports/{}/file", first["id"])).await;
    assert_eq!(again, (csv, place));
    assert_eq!(customer.get("/v1/reports/99/file").await.status, 404);
}

/// Users who were at a store yesterday, found by their visits, are whom a campaign addresses.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_by_visit_history_is_an_audience() {
    let daemon = Daemon::start(&[]);
    tokio::time::timeout(PATIENCE, looked_up(&daemon)).await.unwrap();
}

async fn looked_up(daemon: &Daemon) {
    let customer = Customer::new(daemon, "basic").await;
    let android = json!({"name": "Shop", "package": "kr.example.shop", "platform": "android"});
    let app = customer.make("/v1/apps", &android).await;
    let brand = customer.make("/v1/brands", &json!({"name": "Beans"})).await;
    let store =
        json!({"name": "City hall", "code": "s-1", "brand": brand, "lat": HERE.0, "lon": HERE.1});
    let place = customer.make("/v1/places", &store).await;
    let history = json!({"days": 7, "blocks": [{"brands": [brand], "at_least": 1}]});
    let segment = json!({"name": "Regulars", "history": history});
    let refused = customer.post("/v1/segments", &segment).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (422, &json!("/history")));
    let measured =
        customer.edit("/v1/account", |account| account["measure_visits"] = json!(true)).await;
    let epoch = measured.epoch.unwrap();
    assert_eq!(customer.get(&format!("/v1/account?wait_epoch={epoch}")).await.status, 200);

    // Yesterday or the day before, wherever the account's day begins.
    let then = now_ms() - 30 * 3_600_000;
    for after_s in [0, 200] {
        customer.ping_of(then + after_s * 1000, app, &[device(1)], HERE).await;
        customer.ping_of(then + after_s * 1000, app, &[device(2)], (37.6, 127.0)).await;
    }
    let preview = json!({"history": history});
    while customer.post("/v1/segment-preview", &preview).await.body["size"] != 1 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let id = customer.make("/v1/segments", &segment).await;
    let path = format!("/v1/segments/{id}");
    while customer.get(&path).await.body["state"] != "usable" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let size = customer.get(&format!("{path}/size")).await.body;
    assert_eq!((&size["size"], &size["as_of"]), (&json!(1), &json!(day(0))));
    let campaign = json!({
        "name": "Come again", "apps": [app], "audience": {"segment": id},
        "locations": [{"general": {"places": [place]}}], "trigger": {"on": "enter"},
        "start": day(-1), "end": day(1),
        "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": "00:00", "end": "24:00"}],
        "frequency": "once_per_period", "message_type": "none",
    });
    let campaign = customer.make("/v1/campaigns", &campaign).await;
    customer.set_in_force(campaign, "running").await;
    customer.ping(app, &[device(1), device(2), device(3)], HERE).await;
    let jobs = customer.jobs().await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert_eq!(jobs[0]["data"]["device_id"], device(1).to_string());
    let figures = customer.get(&format!("/v1/campaigns/{campaign}/figures")).await.body;
    assert_eq!(figures["audience"], 1);
    // Asked for more visits than there were, it is nobody.
    let edited =
        customer.edit(&path, |segment| segment["history"]["blocks"][0]["at_least"] = json!(2));
    assert_eq!(edited.await.body["state"], "computing");
    while customer.get(&format!("{path}/size")).await.body["size"] != 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
