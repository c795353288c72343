//! Raw changes against a map of sets, in batches of all sizes.

use std::collections::{BTreeMap, BTreeSet};

use super::raw::*;
use crate::domain::ids::{DeviceId, TargetId};
use crate::domain::target::Shape;
use crate::domain::units::PointE7;
use crate::geo::circle;
use crate::offline::raw::RawIndex;

const CENTERS: [(i32, i32); 4] = [(0, 0), (3_000, 0), (0, 6_000), (50_000, 50_000)];

fn shapes() -> Vec<(TargetId, Shape)> {
    let circle = |(lat, lon)| Shape::Circle { center: PointE7 { lat, lon }, radius_m: 60.0 };
    let everywhere = (TargetId(90), Shape::Everywhere);
    (1..).map(TargetId).zip(CENTERS.map(circle)).chain([everywhere]).collect()
}

/// A thousand devices on a fixed pseudo-random walk.
fn pings() -> Vec<RawPing> {
    let mut state = 7u64;
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut ping = || {
        let device = DeviceId(u128::from(1 + draw(1000)).to_be_bytes());
        let mut place = || i32::try_from(draw(60_000)).expect("small") - 5_000;
        RawPing { device, at: PointE7 { lat: place(), lon: place() } }
    };
    (0..20_000).map(|_| ping()).collect()
}

type Row = (usize, TargetId, bool);

fn expected(shapes: &[(TargetId, Shape)], pings: &[RawPing]) -> (Vec<Row>, u64) {
    let mut inside: BTreeMap<DeviceId, BTreeSet<TargetId>> = BTreeMap::new();
    let (mut rows, mut hits) = (Vec::new(), 0);
    for (nth, ping) in pings.iter().enumerate() {
        let held = |shape: &Shape| match shape {
            Shape::Circle { center, radius_m } => circle::contains(*center, *radius_m, ping.at),
            Shape::Polygon { .. } => false,
            Shape::Everywhere => true,
        };
        let now: BTreeSet<TargetId> =
            shapes.iter().filter(|(_, shape)| held(shape)).map(|&(id, _)| id).collect();
        hits += now.len() as u64;
        let before = inside.insert(ping.device, now.clone()).unwrap_or_default();
        rows.extend(before.symmetric_difference(&now).map(|&id| (nth, id, now.contains(&id))));
    }
    (rows, hits)
}

#[test]
fn batches_of_any_size_give_the_naive_changes() {
    let (shapes, pings) = (shapes(), pings());
    let borrowed: Vec<(TargetId, &Shape)> = shapes.iter().map(|(id, shape)| (*id, shape)).collect();
    let raw = RawIndex::build(borrowed).expect("builds");
    let index = raw.view().expect("reads");
    let (rows, hits) = expected(&shapes, &pings);
    for batch in [1, 64, 1000, 20_000] {
        let mut engine = RawEngine::new(10);
        let mut found = Vec::new();
        for (first, pings) in (0..).step_by(batch).zip(pings.chunks(batch)) {
            let rows = engine.step(&index, pings).iter();
            found.extend(rows.map(|row| (first + row.ping as usize, row.target, row.entered)));
        }
        assert_eq!(found, rows, "batches of {batch}");
        let enters = rows.iter().filter(|row| row.2).count() as u64;
        let exits = rows.len() as u64 - enters;
        assert_eq!(engine.counts(), RawCounts { pings: 20_000, hits, enters, exits });
    }
}
