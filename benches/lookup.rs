//! A look-up's stages, each beside the plain baseline: candidates (a leaf against an R-tree of boxes), contains
//! (the exact set) and evaluate (with state and transitions, which both keep from one iteration to the next); and the
//! grid against H3 cells as the key.
//!
//! `cargo bench --bench lookup`. Uses the first pings of `w1` where it is present, else a made-up city.

#[path = "support/mod.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use geofenced::domain::ids::{DeviceId, TargetId};
use geofenced::domain::target::Shape;
use geofenced::domain::units::PointE7;
use geofenced::engine::raw::{RawEngine, RawPing};
use geofenced::offline::raw::RawIndex;
use h3o::{LatLng, Resolution};
use hashbrown::HashMap;
use std::hint::black_box;
use support::baseline::Baseline;
use support::sets::{Set, read};

/// Keeps a result from being optimised away.
fn ignore<T>(result: T) {
    black_box(result);
}

const PINGS: usize = 100_000;

fn set() -> Set {
    read("w1", PINGS).unwrap_or_else(|_| made_up())
}

/// A city of 5,000 circles and 2,000 devices that wander.
fn made_up() -> Set {
    let mut state = 1u64;
    let mut draw = |below: i32| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((state >> 33) % u64::from(below.unsigned_abs())).unwrap_or_default()
    };
    let mut place =
        || PointE7 { lat: 374_000_000 + draw(3_000_000), lon: 1_268_000_000 + draw(4_000_000) };
    let circle =
        |(n, center)| (TargetId(n), Shape::Circle { center, radius_m: 50.0 + f64::from(n % 800) });
    let targets = (0..5_000).map(|n| (n, place())).map(circle).collect();
    let ping =
        |n: usize| RawPing { device: DeviceId((n as u128 % 2_000 + 1).to_be_bytes()), at: place() };
    Set { name: "made up", targets, pings: (0..PINGS).map(ping).collect() }
}

fn lookups(c: &mut Criterion) {
    let set = set();
    let index =
        RawIndex::build(set.targets.iter().map(|(id, shape)| (*id, shape))).expect("builds");
    let view = index.view().expect("reads");
    let baseline = Baseline::new(&set.targets);
    let points = || set.pings.iter().map(|ping| ping.at);

    let mut group = c.benchmark_group("candidates");
    group.throughput(Throughput::Elements(set.pings.len() as u64));
    group.bench_function("grid", |b| b.iter(|| points().for_each(|p| ignore(view.spot(p)))));
    group.bench_function("rstar", |b| {
        b.iter(|| points().map(|p| baseline.candidates(p)).sum::<usize>());
    });
    group.finish();

    let mut group = c.benchmark_group("contains");
    group.throughput(Throughput::Elements(set.pings.len() as u64));
    let mut found = Vec::new();
    group.bench_function("index", |b| {
        b.iter(|| points().for_each(|p| view.targets(view.locate(p), &mut found)));
    });
    group.bench_function("rstar and geo", |b| {
        b.iter(|| points().for_each(|p| baseline.contains(p, &mut found)));
    });
    group.finish();

    let mut group = c.benchmark_group("evaluate");
    group.throughput(Throughput::Elements(set.pings.len() as u64));
    for batch in [1, 64, 1000] {
        group.bench_function(format!("raw engine, batches of {batch}"), |b| {
            let mut engine = RawEngine::new(PINGS);
            b.iter(|| {
                set.pings.chunks(batch).map(|pings| engine.step(&view, pings).len()).sum::<usize>()
            });
        });
    }
    group.bench_function("rstar, geo and a map", |b| {
        let (mut baseline, mut changes, mut counts) =
            (Baseline::new(&set.targets), Vec::new(), [0; 3]);
        b.iter(|| {
            for ping in &set.pings {
                baseline.step(ping.device, ping.at, &mut changes, &mut counts);
            }
        });
    });
    group.finish();
}

/// The grid's way to a leaf beside H3's way to a cell and a map from cells to leaves, at the resolution whose
/// cells are nearest to the grid's leaves in size (25 m: resolution 11).
fn grid_or_h3(c: &mut Criterion) {
    let set = set();
    let index =
        RawIndex::build(set.targets.iter().map(|(id, shape)| (*id, shape))).expect("builds");
    let view = index.view().expect("reads");
    let cell = |p: PointE7| {
        LatLng::new(p.lat_deg(), p.lon_deg()).expect("on earth").to_cell(Resolution::Eleven)
    };
    let cells: HashMap<u64, u32> =
        set.pings.iter().map(|ping| u64::from(cell(ping.at))).zip(0..).collect();
    let mut group = c.benchmark_group("grid or H3");
    group.throughput(Throughput::Elements(set.pings.len() as u64));
    group.bench_function("grid", |b| {
        b.iter(|| set.pings.iter().for_each(|ping| ignore(view.spot(ping.at))));
    });
    group.bench_function("H3 cell", |b| {
        b.iter(|| set.pings.iter().for_each(|ping| ignore(cell(ping.at))));
    });
    group.bench_function("H3 cell and map", |b| {
        let look_up = |ping: &RawPing| ignore(cells.get(&u64::from(cell(ping.at))));
        b.iter(|| set.pings.iter().for_each(look_up));
    });
    group.finish();
}

criterion_group!(benches, lookups, grid_or_h3);
criterion_main!(benches);
