//! The main job on real input: the daemon with campaigns on real fences takes real pings over QUIC, and the jobs
//! that come out of its queue are those that the engine gives offline: none missing, none repeated, none else.
//!
//! The input lies beside the project, in `../shared/data`; where it is absent the test says so and passes. The
//! made-up town of the second test is always there.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use geofenced::client::Client;
use geofenced::domain::decision::Output;
use geofenced::domain::fix::Fix;
use geofenced::domain::ids::{AppId, DeviceKey, FrameSeq, StreamNo};
use geofenced::domain::ping::Ping;
use geofenced::domain::policy::Policy;
use geofenced::offline::pings::read_fixes;
use geofenced::offline::simulate::{Simulation, simulate};
use geofenced::snapshot::load::Loaded;
use geofenced::snapshot::store::read_input;
use jiff::civil::{Date, date};
use serde_json::{Value, json};
use support::{ACCOUNT, Daemon, PATIENCE};

const APP: AppId = AppId(1);

/// Pings of a frame: a gateway's.
const FRAME_PINGS: usize = 50;

/// Streams that the pings are dealt to by partition, so that each device keeps its order.
const STREAMS: usize = 4;

/// What a job says that does not hang on when its pings arrived.
type Job = BTreeMap<&'static str, String>;

/// Jobs by device, campaign and bucket.
type Jobs = BTreeMap<(String, u64, i64), Job>;

#[test]
fn the_queue_gives_the_jobs_of_the_offline_engine_on_real_input() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let file = |name: &str| -> PathBuf { data.join(name) };
    if !file("real_pings.csv.gz").exists() {
        eprintln!("there is no {}: nothing to test", data.display());
        return;
    }
    let fixes = read_fixes(&file("real_pings.csv.gz")).unwrap().pings;
    let fences = fences_near(&read_input(&file("real_fences.geojson.gz")).unwrap(), &fixes);
    // Schedules reach 400 days; the pings lie in three years.
    let first_days = [date(1900, 1, 1), date(2021, 3, 1), date(2026, 1, 1)];
    let jobs = run(&fences, &campaigns_on_real_fences(), &fixes, &first_days);
    assert!(jobs > 500, "{jobs} jobs are too few to show anything");
}

#[test]
fn the_queue_gives_the_jobs_of_the_offline_engine_in_a_made_up_town() {
    let fences: Vec<Value> = (0..40)
        .map(|fence| {
            let (lat, lon) =
                (37.5 + f64::from(fence / 8) * 0.01, 127.0 + f64::from(fence % 8) * 0.01);
            json!({"type": "Feature", "id": format!("circle-{fence}"),
                "properties": {"radius_m": 150 + 20 * fence},
                "geometry": {"type": "Point", "coordinates": [lon, lat]}})
        })
        .collect();
    let fences = json!({"type": "FeatureCollection", "features": fences}).to_string();
    let campaigns = campaign_file(&[
        (json!("all"), json!({"on": "enter"}), json!("once_per_period")),
        (json!({"prefix": "circle-1"}), json!({"on": "exit"}), json!("once_per_day")),
        (json!("all"), json!({"on": "dwell", "dwell_s": 120}), json!("once_per_day")),
        (json!({"prefix": "circle-2"}), json!({"on": "enter"}), json!({"resend_after_s": 600})),
    ]);
    let fixes = walks(60, 100);
    let jobs = run(fences.as_bytes(), &campaigns, &fixes, &[date(2026, 1, 1)]);
    assert!(jobs > 60, "{jobs} jobs are too few to show anything");
}

/// The features whose box comes within three degrees of a fix: unoptimised, the whole set takes minutes. The load
/// test's scenario `real` has all of them.
fn fences_near(geojson: &[u8], fixes: &[Fix]) -> Vec<u8> {
    let spots: BTreeSet<(i32, i32)> =
        fixes.iter().map(|fix| (fix.at.lat / 5_000_000, fix.at.lon / 5_000_000)).collect();
    let file: Value = serde_json::from_slice(geojson).unwrap();
    let is_near = |feature: &&Value| {
        let mut boxed = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        widen(&mut boxed, &feature["geometry"]["coordinates"]);
        let [south, west, north, east] = boxed;
        spots.iter().any(|(lat, lon)| {
            let (lat, lon) = (f64::from(*lat) / 2.0, f64::from(*lon) / 2.0);
            (south - 3.0..=north + 3.0).contains(&lat) && (west - 3.0..=east + 3.0).contains(&lon)
        })
    };
    let near: Vec<&Value> = file["features"].as_array().unwrap().iter().filter(is_near).collect();
    eprintln!("{} fences near {} pings", near.len(), fixes.len());
    json!({"type": "FeatureCollection", "features": near}).to_string().into_bytes()
}

/// Makes the box (south, west, north, east) hold all positions in nested coordinates.
fn widen(boxed: &mut [f64; 4], coordinates: &Value) {
    let list = coordinates.as_array().unwrap();
    if let (Some(lon), Some(lat)) =
        (list.first().and_then(Value::as_f64), list.get(1).and_then(Value::as_f64))
    {
        let [south, west, north, east] = *boxed;
        *boxed = [south.min(lat), west.min(lon), north.max(lat), east.max(lon)];
    } else {
        list.iter().for_each(|inner| widen(boxed, inner));
    }
}

/// Campaigns whose targets are real fences, by prefixes of their numbers, so that some overlap and some do not.
fn campaigns_on_real_fences() -> Vec<u8> {
    let (enter, exit) = (json!({"on": "enter"}), json!({"on": "exit"}));
    let dwell = json!({"on": "dwell", "dwell_s": 300});
    campaign_file(&[
        (json!("all"), enter.clone(), json!("once_per_period")),
        (json!({"prefix": "1"}), enter.clone(), json!("once_per_day")),
        (json!({"prefix": "2"}), exit, json!("once_per_day")),
        (json!("all"), dwell, json!("once_per_day")),
        (json!("nationwide"), enter.clone(), json!("once_per_day")),
        (json!({"prefix": "7"}), enter, json!("once_per_period")),
    ])
}

/// A campaign for each (targets, trigger, frequency), that runs at all hours; the third is held out for a fifth
/// of its devices and the second has two messages.
fn campaign_file(wishes: &[(Value, Value, Value)]) -> Vec<u8> {
    let campaign = |(number, (targets, trigger, frequency)): (usize, &(Value, Value, Value))| {
        let messages = vec![json!({"title": "t", "body": "at ${geofence}"}); 1 + number % 2];
        json!({
            "id": number + 1, "name": format!("campaign {number}"), "mode": "running",
            "targets": targets, "trigger": trigger, "frequency": frequency,
            "start": "1900-01-01", "end": "2026-12-31", "priority": number,
            "holdout_pct": if number == 2 { 20 } else { 0 },
            "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "start": "00:00", "end": "24:00"}],
            "messages": messages,
        })
    };
    let campaigns: Vec<Value> = wishes.iter().enumerate().map(campaign).collect();
    let apps = json!([{"id": APP.0, "package": "test.app", "platform": "android"}]);
    let account = json!({"id": ACCOUNT.0, "time_zone": "Asia/Seoul", "apps": apps});
    json!({"accounts": [account], "campaigns": campaigns}).to_string().into_bytes()
}

/// Devices that walk from circle to circle, a fix every 30 s, in the order of time.
fn walks(devices: u8, fixes: i32) -> Vec<Fix> {
    let start_ms = 1_767_250_000_000;
    let mut all = Vec::new();
    for step in 0..fixes {
        for device in 0..devices {
            let mut id = [7; 16];
            id[3] = device;
            let (row, way) = (i32::from(device) % 5, i32::from(device) + 3 * step);
            // 30 s at up to 1.4 m/s, there and back along a row of circles.
            let back_and_forth = (way % 400 - 200).abs();
            all.push(Fix {
                device: geofenced::domain::ids::DeviceId(id),
                at: geofenced::domain::units::PointE7 {
                    lat: 375_000_000 + row * 100_000,
                    lon: 1_270_000_000 + back_and_forth * 3_500,
                },
                fixed_at: geofenced::domain::units::UtcMs(start_ms + i64::from(step) * 30_000),
                accuracy_m: 10,
                flags: geofenced::domain::ping::PingFlags::default(),
            });
        }
    }
    all
}

/// Sends the fixes, with a snapshot from each first day in turn for those it covers, and compares. Returns how
/// many jobs there were.
fn run(fences: &[u8], campaigns: &[u8], fixes: &[Fix], first_days: &[Date]) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let work = async {
        let mut daemon = Daemon::start(&[("GEOFENCED__POLICY__CLOCK", "fixes")]);
        let mut expected = Jobs::new();
        let mut sent = 0;
        for (at, first_day) in first_days.iter().enumerate() {
            let loaded = daemon.snapshot(fences, campaigns, *first_day).await;
            let share = those_between(fixes, *first_day, first_days.get(at + 1).copied());
            let client = daemon.client().await;
            send(&client, &share).await;
            client.close().await;
            expected.extend(offline(&daemon, &loaded, &share));
            sent += share.len();
        }
        assert_eq!(sent, fixes.len(), "every ping is in the span of a snapshot");
        let records = daemon.read_queue("main-job", count_records(&expected)).await;
        compare(&expected, &records);
        assert!(daemon.sigterm().success());
        let replayed = daemon.replay_journal();
        assert_eq!(
            replayed["records"],
            json!(records.len()),
            "the queue gave all of it: {replayed}"
        );
        expected.len()
    };
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.unwrap() })
}

/// A job and its `matched` event.
fn count_records(expected: &Jobs) -> usize {
    2 * expected.len()
}

fn those_between(fixes: &[Fix], from: Date, before: Option<Date>) -> Vec<Fix> {
    let ms = |day: Date| {
        let midnight = day.at(0, 0, 0, 0);
        jiff::tz::TimeZone::UTC.to_timestamp(midnight).unwrap().as_millisecond()
    };
    let (from, before) = (ms(from), before.map_or(i64::MAX, ms));
    fixes.iter().filter(|fix| (from..before).contains(&fix.fixed_at.0)).copied().collect()
}

async fn send(client: &Client, fixes: &[Fix]) {
    let mut shares = vec![Vec::new(); STREAMS];
    for fix in fixes {
        let partition = DeviceKey { account: ACCOUNT, device: fix.device }.partition();
        shares[partition.index() % STREAMS].push(Ping::from(fix));
    }
    let mut streams = Vec::new();
    for (number, pings) in (1..).zip(shares) {
        let mut stream = client.open(StreamNo(number), FrameSeq(1), |_ack| {});
        for frame in pings.chunks(FRAME_PINGS) {
            stream.pings(APP, frame).await.unwrap();
        }
        streams.push(stream);
    }
    for stream in streams {
        stream.end().await.unwrap();
    }
}

/// What the offline engine makes of the same fixes.
fn offline(daemon: &Daemon, loaded: &Loaded, fixes: &[Fix]) -> Jobs {
    let simulation = Simulation {
        view: loaded.view(),
        key: daemon.keyring().installation_key(),
        policy: Policy::default(),
        account: ACCOUNT,
        app: APP,
        shards: 1,
        batch: 1000,
        keep: true,
    };
    let simulated = simulate(simulation, fixes, || Duration::ZERO, |_| {});
    let mut jobs = Jobs::new();
    for (_, decision) in simulated.decisions {
        let Output::Job(job) = decision.output else { continue };
        let key = (job.device.device.to_string(), u64::from(job.campaign.0), job.bucket.span);
        let said = BTreeMap::from([
            ("id", job.id.to_string()),
            ("target", job.target.0.to_string()),
            ("variant", job.variant.label().to_owned()),
            ("at_ms", job.at.0.to_string()),
            ("expires_at_ms", job.expires_at.0.to_string()),
            ("epoch", decision.epoch.0.to_string()),
            ("snapshot", decision.snapshot.to_string()),
        ]);
        assert_eq!(jobs.insert(key, said), None, "the engine makes a job once");
    }
    jobs
}

fn compare(expected: &Jobs, records: &[Value]) {
    let mut seen = Jobs::new();
    for record in records.iter().filter(|record| record["type"] == "geofenced.push_job.v1") {
        let said = &record["data"];
        let key = (
            text(&said["device_id"]),
            said["campaign"]["id"].as_u64().unwrap(),
            said["bucket"].as_i64().unwrap(),
        );
        let job = BTreeMap::from([
            ("id", text(&record["id"])),
            ("target", said["target"]["id"].to_string()),
            ("variant", text(&said["variant"])),
            ("at_ms", milliseconds(&said["at"])),
            ("expires_at_ms", milliseconds(&said["expires_at"])),
            ("epoch", said["epoch"].to_string()),
            ("snapshot", text(&said["snapshot"])),
        ]);
        assert_eq!(seen.insert(key, job), None, "repeated: {record}");
    }
    for (key, job) in expected {
        assert_eq!(seen.get(key), Some(job), "missing or different: {key:?}");
    }
    let unexpected: Vec<_> = seen.keys().filter(|key| !expected.contains_key(key)).collect();
    assert!(unexpected.is_empty(), "unexpected: {unexpected:?}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn milliseconds(value: &Value) -> String {
    value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond().to_string()
}
