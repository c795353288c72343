//! What each ping goes through allocates nothing: a counting allocator watches warm devices being stepped, and frames
//! being decoded. What frames and outputs cost besides is their own.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use geofenced::domain::campaign::{
    AccountSpec, AppSpec, AudienceSpec, CampaignSpec, Condition, Frequency, RunMode, WindowSpec,
};
use geofenced::domain::fix::{Fix, FutureRule};
use geofenced::domain::ids::{
    AccountId, AppId, CampaignId, DeviceId, DeviceKey, Epoch, FrameSeq, InstanceId, Origin,
    PartitionId, PlaceId, StreamNo, TargetId,
};
use geofenced::domain::input::{Batch, Grant, Input, LimitId};
use geofenced::domain::lots::InstallationKey;
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::policy::Policy;
use geofenced::domain::target::{Labels, PlaceArea, Shape, TargetSpec};
use geofenced::domain::units::{PointE7, UtcMs};
use geofenced::engine::{Outputs, Partition};
use geofenced::snapshot::build::{BuildOptions, Source, build};
use geofenced::snapshot::calendar::every_day;
use geofenced::snapshot::load::Loaded;
use geofenced::wire::frame;
use geofenced::wire::limits::FrameLimits;
use geofenced::wire::record::{FrameHead, encode_pings};
use jiff::civil::date;

/// Counts the calls of this thread.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and no test either.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

#[expect(unsafe_code, reason = "an allocator can only be watched by being one")]
// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(act: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    act();
    CALLS.get() - before
}

const KEY: InstallationKey = InstallationKey([7; 32]);
const ACCOUNT: AccountId = AccountId(1);
const PARTITION: PartitionId = PartitionId(0);
/// 2026-11-24T12:00 in Seoul.
const NOON: i64 = 1_795_489_200_000;

fn devices(count: usize) -> Vec<DeviceId> {
    let ids = (1u64..).map(|number| {
        let mut id = [1; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        DeviceId(id)
    });
    let mine = |id: &DeviceId| DeviceKey { account: ACCOUNT, device: *id }.partition() == PARTITION;
    ids.filter(mine).take(count).collect()
}

fn north(metres: f64) -> PointE7 {
    PointE7::from_degrees(37.5 + metres / 111_195.08, 127.0).unwrap()
}

fn fence(id: u32, north_m: f64, radius_m: f64) -> TargetSpec {
    TargetSpec {
        id: TargetId(id),
        account: ACCOUNT,
        key: format!("key-{id}"),
        name: format!("Fence {id}"),
        labels: Labels::default(),
        place: None,
        at_home: false,
        shape: Shape::Circle { center: north(north_m), radius_m },
    }
}

fn campaign(id: u32, target: u32, condition: Condition) -> CampaignSpec {
    CampaignSpec {
        id: CampaignId(id),
        account: ACCOUNT,
        name: format!("Campaign {id}"),
        client_code: String::new(),
        mode: RunMode::Running,
        apps: vec![AppId(1)],
        audience: AudienceSpec::All,
        test_devices: Vec::new(),
        blacklist: true,
        targets: vec![TargetId(target)],
        condition,
        start: date(2026, 11, 23),
        end: date(2026, 12, 31),
        windows: vec![WindowSpec { weekdays: every_day(), start_min: 0, end_min: 24 * 60 }],
        frequency: Frequency::Resend { after_s: 600 },
        priority: 0,
        holdout_pct: 10,
        total_limit: Some(1_000_000),
        max_accuracy_m: None,
        push_ttl_s: 600,
        messages: Vec::new(),
    }
}

fn snapshot() -> Loaded {
    let account = AccountSpec {
        id: ACCOUNT,
        name: "Account".to_owned(),
        time_zone: "Asia/Seoul".to_owned(),
        apps: vec![AppSpec {
            id: AppId(1),
            package: "kr.example.app".to_owned(),
            platform: "android".to_owned(),
        }],
        night_rule: true,
        daily_cap: Some(1000),
        monthly_limit: None,
        blacklist: vec![DeviceId([9; 16])],
        blacklist_echo: Vec::new(),
        measure_visits: true,
        export_visits: true,
        note_nights: false,
    };
    let source = Source {
        accounts: vec![account],
        targets: vec![
            fence(1, 0.0, 100.0),
            fence(2, 50.0, 150.0),
            fence(3, 0.0, 5000.0),
            TargetSpec { place: Some((PlaceId(7), PlaceArea::Inside)), ..fence(4, 0.0, 60.0) },
        ],
        campaigns: vec![
            campaign(10, 1, Condition::Enter),
            campaign(11, 2, Condition::Dwell { dwell_s: 120 }),
            campaign(12, 1, Condition::Exit),
            campaign(13, 3, Condition::Enter),
        ],
    };
    let options =
        BuildOptions { epoch: Epoch(1), valid_from: date(2026, 11, 23), key: &KEY, previous: None };
    build(&source, options).unwrap().load_in_memory().unwrap()
}

/// Every device makes one step: in, staying, out, by turns, so that each round sees all transitions.
fn round(fixes: &mut [Fix], number: i64) {
    for (which, fix) in fixes.iter_mut().enumerate() {
        let phase = (number + i64::try_from(which).unwrap()) % 6;
        let north_m = [0.0, 10.0, 0.0, 20.0, 900.0, 2000.0][usize::try_from(phase).unwrap()];
        fix.at = north(north_m);
        fix.fixed_at = UtcMs(NOON + number * 120_000);
    }
}

#[test]
fn stepping_warm_devices_allocates_nothing() {
    let loaded = snapshot();
    let view = Some(loaded.view());
    let mut out = Outputs::with_capacity(8192).keeping_tallies().counting_footfalls();
    // An hour of notes for visits is soon full; a day of them would be growing all the while.
    let policy = Policy { lateness_s: 3600, ..Policy::default() };
    let mut partition = Partition::new(PARTITION, KEY, policy);
    let publication =
        Input::Publication { epoch: loaded.view().epoch(), hash: loaded.view().hash() };
    partition.step(&publication, view, &mut out);
    for campaign in 10..=13 {
        let limit = LimitId::Campaign { account: ACCOUNT, campaign: CampaignId(campaign) };
        partition.step(&Input::Grant(Grant { limit, pushes: 1_000_000 }), view, &mut out);
    }
    let at = UtcMs(NOON);
    let fix = |device| Fix {
        device,
        at: north(9000.0),
        fixed_at: at,
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    let mut fixes: Vec<Fix> = devices(500).into_iter().map(fix).collect();
    let mut step = |number: i64, out: &mut Outputs| {
        round(&mut fixes, number);
        let received_at = UtcMs(NOON + number * 120_000);
        let origin = Origin {
            account: ACCOUNT,
            instance: InstanceId([1; 16]),
            stream: StreamNo(1),
            seq: FrameSeq(u64::try_from(number).unwrap()),
        };
        let (account, app, origin) = (ACCOUNT, AppId(1), Some(origin));
        let batch = Batch { account, app, origin, received_at, records: &fixes };
        partition.step(&Input::Fixes(batch), view, out);
        // The same once more, from a minute before: late, and often a correction of a visit.
        fixes.iter_mut().for_each(|fix| fix.fixed_at = fix.fixed_at - 60_000);
        let batch = Batch { account, app, origin: None, received_at, records: &fixes };
        partition.step(&Input::Fixes(batch), view, out);
        partition.step(&Input::Tick { now: received_at + 90_000 }, view, out);
        out.decisions.clear();
        out.tallies.clear();
    };
    for number in 1..60 {
        step(number, &mut out);
    }
    let before = out.counts;
    let calls = allocations(|| (60..160).for_each(|number| step(number, &mut out)));
    assert_eq!(calls, 0, "over {} fixes", out.counts.evaluated - before.evaluated);
    assert!(out.counts.enters > before.enters && out.counts.exits > before.exits);
    assert!(out.counts.dwells > before.dwells && out.counts.jobs > before.jobs + 1000);
    assert!(out.counts.visits > before.visits + 1000 && out.counts.late > before.late);
    assert!(out.counts.triggers_add_up());
    let (counts, _) = out.footfalls.as_mut().unwrap().take();
    assert!(counts.iter().any(|(_, footfall)| footfall.exits > 0));
}

#[test]
fn decoding_frames_allocates_nothing() {
    let ping = |device| Ping {
        device,
        lat_e7: 375_000_000,
        lon_e7: 1_270_000_000,
        fixed_at: UtcMs(NOON),
        accuracy_m: 10,
        flags: PingFlags(0),
    };
    let pings: Vec<Ping> = devices(1000).into_iter().map(ping).collect();
    let mut bytes = Vec::new();
    let head = FrameHead { stream: StreamNo(1), seq: FrameSeq(1), app: AppId(1) };
    encode_pings(head, &pings, &mut bytes).unwrap();
    let mut believed = 0;
    let calls = allocations(|| {
        let step = frame::next(&bytes, FrameLimits::PROTOCOL);
        let Ok(frame::Step::Whole(frame, rest)) = step else { return };
        let frame::Body::Pings(pings) = frame.body else { return };
        assert!(rest.is_empty());
        believed =
            pings.iter().filter_map(|ping| Fix::from_ping(&ping, FutureRule::Off).ok()).count();
    });
    assert_eq!((calls, believed), (0, 1000));
}
