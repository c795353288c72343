//! What a stream of frames costs besides the look-up: decoding, dropping what was resent, and letting a device
//! through once; each beside a plain baseline.
//!
//! `cargo bench --bench stream`. `dedup` has all rules on: devices come and go at a fence whose campaign has
//! pushed to them already today, so each return opens a trigger that its used bucket closes.

#[path = "support/mod.rs"]
mod support;

use std::collections::{HashMap, HashSet};
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use geofenced::domain::campaign::{
    AccountSpec, AppSpec, AudienceSpec, CampaignSpec, Condition, Frequency, RunMode, WindowSpec,
};
use geofenced::domain::fix::{Fix, FutureRule};
use geofenced::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, DeviceKey, Epoch, FrameSeq, InstanceId, Origin,
    PartitionId, StreamNo, TargetId,
};
use geofenced::domain::input::{Batch, Input};
use geofenced::domain::lots::InstallationKey;
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::policy::Policy;
use geofenced::domain::target::{Labels, Shape, TargetSpec};
use geofenced::domain::units::{PointE7, UtcMs};
use geofenced::engine::{Outputs, Partition};
use geofenced::snapshot::build::{BuildOptions, Source, build};
use geofenced::snapshot::calendar::every_day;
use geofenced::snapshot::load::Loaded;
use geofenced::wire::frame::{Body, Step, next};
use geofenced::wire::limits::FrameLimits;
use geofenced::wire::record::{FrameHead, encode_pings};
use jiff::civil::date;
use support::baseline::Baseline;

const KEY: InstallationKey = InstallationKey([1; 32]);
const ACCOUNT: AccountId = AccountId(1);
const APP: AppId = AppId(1);
const CAMPAIGN: CampaignId = CampaignId(1);
const PARTITION: PartitionId = PartitionId(0);
/// 2026-11-24T09:00 in Seoul.
const MORNING: UtcMs = UtcMs(1_795_478_400_000);
const DEVICES: usize = 1000;
const HOME: PointE7 = PointE7 { lat: 375_000_000, lon: 1_270_000_000 };
/// Two kilometres to the north.
const AWAY: PointE7 = PointE7 { lat: 375_180_000, lon: 1_270_000_000 };

/// Devices of one partition.
fn devices() -> Vec<DeviceId> {
    let mine = |id: &DeviceId| DeviceKey { account: ACCOUNT, device: *id }.partition() == PARTITION;
    (1u128..).map(|n| DeviceId(n.to_be_bytes())).filter(mine).take(DEVICES).collect()
}

fn decode(c: &mut Criterion) {
    let ping = |device| Ping {
        device,
        lat_e7: HOME.lat,
        lon_e7: HOME.lon,
        fixed_at: MORNING,
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    let pings: Vec<Ping> = devices().into_iter().map(ping).collect();
    let mut bytes = Vec::new();
    let head = FrameHead { stream: StreamNo(1), seq: FrameSeq(1), app: APP };
    encode_pings(head, &pings, &mut bytes).expect("one frame");
    let rows = pings.iter().map(|ping| {
        let id = ping.device.0.map(|byte| format!("{byte:02x}")).concat();
        format!(r#"{{"device":"{id}","lat":37.5,"lon":127.0,"ts":1795478400000,"accuracy":10}}"#)
    });
    let json = format!("[{}]", rows.collect::<Vec<_>>().join(","));

    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(DEVICES as u64));
    group.bench_function("frame to fixes", |b| {
        b.iter(|| {
            let Ok(Step::Whole(frame, _)) = next(black_box(&bytes), FrameLimits::PROTOCOL) else {
                unreachable!("a whole frame")
            };
            let Body::Pings(pings) = frame.body else { unreachable!("a frame of pings") };
            let fixes = pings.iter().filter_map(|ping| Fix::from_ping(&ping, FutureRule::Off).ok());
            fixes.map(|fix| i64::from(black_box(fix).at.lat)).sum::<i64>()
        });
    });
    group.bench_function("baseline: JSON by serde", |b| {
        b.iter(|| serde_json::from_str::<Vec<Row>>(black_box(&json)).map(|rows| rows.len()));
    });
    group.finish();
}

/// The same report as JSON has it.
#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "what is measured is the reading")]
struct Row<'a> {
    device: &'a str,
    lat: f64,
    lon: f64,
    ts: i64,
    accuracy: u16,
}

fn resent(c: &mut Criterion) {
    let mut partition = Partition::new(PARTITION, KEY, Policy::default());
    let origin = |instance: u8, seq| Origin {
        account: ACCOUNT,
        instance: InstanceId([instance; 16]),
        stream: StreamNo(1),
        seq: FrameSeq(seq),
    };
    let mut map = HashMap::new();
    for instance in 0..200 {
        assert!(partition.admit(&origin(instance, 9)), "it is new");
        map.insert((ACCOUNT, InstanceId([instance; 16]), StreamNo(1)), FrameSeq(9));
    }
    let mut group = c.benchmark_group("resent");
    group.throughput(Throughput::Elements(200));
    group.bench_function("partition", |b| {
        b.iter(|| (0..200).filter(|&one| partition.admit(black_box(&origin(one, 5)))).count());
    });
    group.bench_function("baseline: a map", |b| {
        let is_new = |origin: &Origin| {
            let last = map.get(&(origin.account, origin.instance, origin.stream));
            last.is_none_or(|last| origin.seq > *last)
        };
        b.iter(|| (0..200).filter(|&one| is_new(black_box(&origin(one, 5)))).count());
    });
    group.finish();
}

fn dedup(c: &mut Criterion) {
    let loaded = snapshot();
    let view = Some(loaded.view());
    let mut partition = Partition::new(PARTITION, KEY, Policy::default());
    let mut out = Outputs::with_capacity(4 * DEVICES);
    let publication =
        Input::Publication { epoch: loaded.view().epoch(), hash: loaded.view().hash() };
    partition.step(&publication, view, &mut out);
    let devices = devices();
    let mut fixes: Vec<Fix> = devices.iter().map(|&device| fix(device)).collect();
    let mut now = MORNING;
    let mut step = |at, out: &mut Outputs| {
        // Far enough apart that no move is a jump.
        now = now + 8_000;
        fixes.iter_mut().for_each(|fix| (fix.at, fix.fixed_at) = (at, now));
        let batch =
            Batch { account: ACCOUNT, app: APP, origin: None, received_at: now, records: &fixes };
        partition.step(&Input::Fixes(batch), view, out);
        out.decisions.clear();
    };
    step(HOME, &mut out);
    assert_eq!(out.counts.jobs, DEVICES as u64, "each device has had its push");

    let mut group = c.benchmark_group("dedup");
    group.throughput(Throughput::Elements(2 * DEVICES as u64));
    group.bench_function("engine, all rules", |b| {
        b.iter(|| [AWAY, HOME].map(|at| step(at, &mut out)));
    });
    assert_eq!(out.counts.jobs, DEVICES as u64, "no device has had a second one");
    let circle = Shape::Circle { center: HOME, radius_m: 150.0 };
    let mut baseline = Baseline::new(&[(TargetId(1), circle)]);
    let (mut pushed, mut changes, mut counts) = (HashSet::new(), Vec::new(), [0; 3]);
    group.bench_function("baseline: rstar, geo, a map and a set of used buckets", |b| {
        b.iter(|| {
            for at in [AWAY, HOME] {
                for device in &devices {
                    baseline.step(*device, at, &mut changes, &mut counts);
                    let enters = changes.iter().filter(|(_, entered)| *entered);
                    let new = enters.filter(|_| pushed.insert((*device, CAMPAIGN, 0u32)));
                    black_box(new.count());
                }
            }
        });
    });
    group.finish();
}

fn fix(device: DeviceId) -> Fix {
    Fix { device, at: AWAY, fixed_at: MORNING, accuracy_m: 10, flags: PingFlags(0) }
}

/// One fence and one campaign, once a day.
fn snapshot() -> Loaded {
    let account = AccountSpec {
        id: ACCOUNT,
        name: "Account".to_owned(),
        time_zone: "Asia/Seoul".to_owned(),
        apps: vec![AppSpec {
            id: APP,
            package: "kr.example.app".to_owned(),
            platform: "android".to_owned(),
        }],
        night_rule: false,
        daily_cap: None,
        monthly_limit: None,
        blacklist: Vec::new(),
        blacklist_echo: Vec::new(),
        measure_visits: false,
        export_visits: false,
        note_nights: false,
    };
    let campaign = CampaignSpec {
        id: CAMPAIGN,
        account: ACCOUNT,
        name: "Campaign".to_owned(),
        client_code: String::new(),
        mode: RunMode::Running,
        apps: vec![APP],
        audience: AudienceSpec::All,
        test_devices: Vec::new(),
        blacklist: true,
        targets: vec![TargetId(1)],
        condition: Condition::Enter,
        start: date(2026, 11, 23),
        end: date(2026, 12, 31),
        windows: vec![WindowSpec { weekdays: every_day(), start_min: 0, end_min: 24 * 60 }],
        frequency: Frequency::OncePerPeriod,
        priority: 0,
        holdout_pct: 0,
        total_limit: None,
        max_accuracy_m: None,
        push_ttl_s: 600,
        messages: Vec::new(),
    };
    let target = TargetSpec {
        id: TargetId(1),
        account: ACCOUNT,
        key: "fence".to_owned(),
        name: "Fence".to_owned(),
        labels: Labels::default(),
        place: None,
        at_home: false,
        shape: Shape::Circle { center: HOME, radius_m: 150.0 },
    };
    let source =
        Source { accounts: vec![account], targets: vec![target], campaigns: vec![campaign] };
    let options =
        BuildOptions { epoch: Epoch(1), valid_from: date(2026, 11, 23), key: &KEY, previous: None };
    build(&source, options).expect("sound specs").load_in_memory().expect("sound blocks")
}

criterion_group!(benches, decode, resent, dedup);
criterion_main!(benches);
