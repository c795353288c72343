//! Snapshots: reading fences, building, loading, swapping, each beside a plain baseline.
//!
//! `GEOFENCED_FENCES=F.geojson` measures that file in place of 20,000 circles.

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use geofenced::domain::ids::{AccountId, Epoch, TargetId};
use geofenced::domain::lots::InstallationKey;
use geofenced::domain::target::{Ring, Shape, TargetSpec, Vertex};
use geofenced::domain::units::PointE7;
use geofenced::snapshot::build::{
    AccountsEdit, After, BuildOptions, Built, Dealt, Edit, Source, build, edit, edit_accounts,
};
use geofenced::snapshot::load::Loaded;
use geofenced::snapshot::slot::Slot;
use geofenced::snapshot::source::{TargetDirectory, fences_alone, parse_fences};
use geofenced::snapshot::store::Store;
use geofenced::snapshot::view::SnapshotView;

use support::baseline::Baseline;
use support::rules;

const KEY: InstallationKey = InstallationKey([1; 32]);
const VALID_FROM: jiff::civil::Date = jiff::civil::date(2026, 11, 23);

fn fences() -> Vec<u8> {
    if let Ok(path) = std::env::var("GEOFENCED_FENCES") {
        return std::fs::read(path).expect("GEOFENCED_FENCES names a file");
    }
    let feature = |id: u32| {
        let (lon, lat) =
            (f64::from(id % 500).mul_add(0.002, 126.5), f64::from(id / 500).mul_add(0.005, 37.3));
        format!(
            r#"{{"type":"Feature","properties":{{"id":{id},"radius_m":150.0}},"geometry":{{"type":"Point","coordinates":[{lon:.7},{lat:.7}]}}}}"#
        )
    };
    let features: Vec<String> = (0..20_000).map(feature).collect();
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(",\n")).into_bytes()
}

fn source(json: &[u8]) -> Source {
    let fences = parse_fences("F", json, Some(AccountId(1))).expect("sound fences");
    fences_alone("F", fences, TargetDirectory::of(None)).expect("ids that differ")
}

fn options(epoch: u64, previous: Option<SnapshotView<'_>>) -> BuildOptions<'_> {
    BuildOptions { epoch: Epoch(epoch), valid_from: VALID_FROM, key: &KEY, previous }
}

fn loaded(source: &Source, epoch: u64, previous: Option<SnapshotView<'_>>) -> Loaded {
    build(source, options(epoch, previous))
        .expect("sound specs")
        .load_in_memory()
        .expect("sound blocks")
}

fn reading(c: &mut Criterion) {
    let json = fences();
    let mut group = c.benchmark_group("fences");
    group.sample_size(10).throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| parse_fences("F", black_box(&json), Some(AccountId(1))).map(|list| list.len()));
    });
    group.bench_function("baseline: geojson", |b| {
        b.iter(|| {
            let text = std::str::from_utf8(black_box(&json)).expect("UTF-8");
            text.parse::<geojson::FeatureCollection>().map(|list| list.features.len())
        });
    });
    group.finish();
}

fn building(c: &mut Criterion) {
    let json = fences();
    let source = source(&json);
    let before = loaded(&source, 1, None);
    let targets: Vec<(TargetId, Shape)> =
        source.targets.iter().map(|target| (target.id, target.shape.clone())).collect();
    let mut group = c.benchmark_group("snapshot");
    group.sample_size(10).throughput(Throughput::Elements(source.targets.len() as u64));
    group.bench_function("build", |b| {
        b.iter(|| build(black_box(&source), options(1, None)).map(|built| built.hash()));
    });
    group.bench_function("build, index unchanged", |b| {
        b.iter(|| {
            build(black_box(&source), options(2, Some(before.view()))).map(|built| built.hash())
        });
    });
    group.bench_function("baseline: build an R-tree of boxes", |b| {
        b.iter(|| Baseline::new(black_box(&targets)));
    });
    group.bench_function("load", |b| {
        let build = || build(&source, options(1, None)).expect("sound specs");
        b.iter_batched(
            build,
            |built| built.load_in_memory().map(|one| one.view().hash()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("load, all shared", |b| {
        let build = || build(&source, options(2, Some(before.view()))).expect("sound specs");
        b.iter_batched(
            build,
            |built| built.load_in_memory().map(|one| one.view().hash()),
            BatchSize::PerIteration,
        );
    });
    // What a program without snapshots does at each start: read the fences and build its tree.
    group.bench_function("baseline: load geojson into an R-tree", |b| {
        b.iter(|| {
            let text = std::str::from_utf8(black_box(&json)).expect("UTF-8");
            let read = text.parse::<geojson::FeatureCollection>().expect("sound fences");
            (read.features.len(), Baseline::new(&targets))
        });
    });
    group.finish();
}

/// One fence is moved: built upon the snapshot before, written to the store, loaded and put in force. Beside it what a
/// program with an R-tree does: build another one to swap, or change the one it has behind a lock (here there and back:
/// two changes).
fn editing(c: &mut Criterion) {
    let json = fences();
    let source = source(&json);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let store = Store::open(dir.path()).expect("a store").with_max_bytes(u64::MAX);
    let built = build(&source, options(1, None)).expect("sound specs");
    store.publish(&built).expect("room");
    let slot = Slot::new();
    slot.publish(Arc::new(built.load_in_memory().expect("sound blocks"))).expect("the first");
    let targets: Vec<(TargetId, Shape)> =
        source.targets.iter().map(|target| (target.id, target.shape.clone())).collect();
    let mut moves = source.targets.iter().cycle().skip(source.targets.len() / 2).step_by(4_999);
    let mut next = || {
        let target = moves.next().expect("they go round");
        TargetSpec { shape: shifted(&target.shape), ..target.clone() }
    };
    let edited = |slot: &Slot, target: TargetSpec| {
        let pin = slot.pin().expect("the first is there");
        let (view, put) = (pin.view(), [target]);
        let (epoch, dealt) = (Epoch(view.epoch().0 + 1), Dealt::new());
        let after = After { epoch, previous: Some(view), dealt: &dealt };
        let of = Edit { account: AccountId(1), put: &put, remove: &[] };
        edit(view, &of, after).expect("sound specs")
    };
    let mut group = c.benchmark_group("edit one fence");
    group.sample_size(10);
    group.bench_function("build", |b| b.iter(|| edited(&slot, next()).hash()));
    group.bench_function("build, store, load, publish", |b| {
        b.iter(|| {
            let built = edited(&slot, next());
            store.publish(&built).expect("room");
            let loaded = built.load_in_memory().expect("sound blocks");
            slot.publish(Arc::new(loaded)).expect("the next")
        });
    });
    group.bench_function("baseline: another R-tree of boxes", |b| {
        b.iter(|| Baseline::new(black_box(&targets)));
    });
    let mut tree = Baseline::new(&targets);
    let mut places = (0..targets.len()).cycle().step_by(4_999);
    group.bench_function("baseline: the same R-tree, changed in place", |b| {
        b.iter(|| {
            let place = places.next().expect("they go round");
            let before = &targets[place].1;
            let now = shifted(before);
            tree.reshape(place, before, &now);
            tree.reshape(place, &now, before);
        });
    });
    group.finish();
}

/// One campaign of 200 gets another priority: its account is compiled anew upon the snapshot before, written to the
/// store, loaded and put in force. Beside it a build of everything, upon the same.
fn editing_campaigns(c: &mut Criterion) {
    let fences = source(&fences()).targets;
    let targets: Vec<(TargetId, Shape)> =
        fences.into_iter().map(|target| (target.id, target.shape)).collect();
    let mut source = rules::source(&targets, VALID_FROM);
    drop(targets);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let store = Store::open(dir.path()).expect("a store").with_max_bytes(u64::MAX);
    let built = build(&source, options(1, None)).expect("sound specs");
    store.publish(&built).expect("room");
    let slot = Slot::new();
    slot.publish(Arc::new(built.load_in_memory().expect("sound blocks"))).expect("the first");
    let mut edited = |slot: &Slot, how: fn(&Source, SnapshotView<'_>) -> Built| {
        let count = source.campaigns.len();
        source.campaigns[count / 2].priority += 1;
        how(&source, slot.pin().expect("the first is there").view())
    };
    let of_account = |source: &Source, view: SnapshotView<'_>| {
        let (epoch, dealt) = (Epoch(view.epoch().0 + 1), Dealt::new());
        let after = After { epoch, previous: Some(view), dealt: &dealt };
        let edit = AccountsEdit { put: source, remove: &[] };
        edit_accounts(view, &edit, &KEY, VALID_FROM, after).expect("sound specs")
    };
    let of_all = |source: &Source, view: SnapshotView<'_>| {
        build(source, options(view.epoch().0 + 1, Some(view))).expect("sound specs")
    };
    let mut group = c.benchmark_group("edit one campaign");
    group.sample_size(10);
    group.bench_function("build", |b| b.iter(|| edited(&slot, of_account).hash()));
    group.bench_function("build, store, load, publish", |b| {
        b.iter(|| {
            let built = edited(&slot, of_account);
            store.publish(&built).expect("room");
            let loaded = built.load_in_memory().expect("sound blocks");
            slot.publish(Arc::new(loaded)).expect("the next")
        });
    });
    group.bench_function("baseline: build of everything", |b| {
        b.iter(|| edited(&slot, of_all).hash());
    });
    group.finish();
}

/// Some hundred metres to the east.
fn shifted(shape: &Shape) -> Shape {
    const STEP_E7: i32 = 30_000;
    match shape {
        Shape::Circle { center, radius_m } => {
            let center = PointE7::new(center.lat, center.lon + STEP_E7).unwrap_or(*center);
            Shape::Circle { center, radius_m: *radius_m }
        }
        Shape::Polygon { rings } => {
            let moved =
                |vertex: &Vertex| Vertex { lon: vertex.lon + i64::from(STEP_E7), ..*vertex };
            let moved = |ring: &Ring| Ring(ring.0.iter().map(moved).collect());
            Shape::Polygon { rings: rings.iter().map(moved).collect() }
        }
        Shape::Everywhere => Shape::Everywhere,
    }
}

fn swapping(c: &mut Criterion) {
    let source = source(br#"{"type":"FeatureCollection","features":[]}"#);
    let slot = Slot::new();
    slot.publish(Arc::new(loaded(&source, 1, None))).expect("the first epoch");
    let locked = RwLock::new(Arc::new(loaded(&source, 1, None)));
    let mut group = c.benchmark_group("swap");
    group.bench_function("pin", |b| b.iter(|| slot.pin().map(|pin| pin.view().epoch())));
    group.bench_function("baseline: RwLock<Arc>", |b| {
        b.iter(|| Arc::clone(&locked.read().expect("nobody panics")).view().epoch());
    });
    group.finish();
}

/// Threads that read the snapshot all the time while others are published.
const READERS: usize = 2;

/// Runs `bench` while readers call `read`.
fn beside_readers(read: &(impl Fn() -> Epoch + Sync), bench: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    black_box(read());
                }
            });
        }
        bench();
        done.store(true, Ordering::Relaxed);
    });
}

fn publishing(c: &mut Criterion) {
    let source = source(br#"{"type":"FeatureCollection","features":[]}"#);
    let epochs = AtomicU64::new(1);
    let next = || {
        let epoch = epochs.fetch_add(1, Ordering::Relaxed);
        Arc::new(loaded(&source, epoch, None))
    };
    let slot = Slot::new();
    slot.publish(next()).expect("the first epoch");
    let locked = RwLock::new(next());
    let mut group = c.benchmark_group("publish beside readers");
    let pin = || slot.pin().map_or(Epoch(0), |pin| pin.view().epoch());
    beside_readers(&pin, || {
        group.bench_function("publish", |b| {
            b.iter_batched(next, |next| slot.publish(next), BatchSize::SmallInput);
        });
    });
    let read = || Arc::clone(&locked.read().expect("nobody panics")).view().epoch();
    beside_readers(&read, || {
        group.bench_function("baseline: write of RwLock<Arc>", |b| {
            let write =
                |next| std::mem::replace(&mut *locked.write().expect("nobody panics"), next);
            b.iter_batched(next, write, BatchSize::SmallInput);
        });
    });
    group.finish();
}

criterion_group!(benches, reading, building, editing, editing_campaigns, swapping, publishing);
criterion_main!(benches);
