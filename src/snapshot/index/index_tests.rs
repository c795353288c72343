//! The index against the naive answer: every shape asked about every point.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::changes::{Change, ChangeScratch};
use super::edit_tests::{FEW, all_new, exact, grown};
use super::*;
use crate::domain::ids::TargetId;
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::PointE7;
use crate::geo::{circle, polygon};

fn naive(shapes: &[(TargetId, Shape)], p: PointE7) -> Vec<TargetId> {
    let held = shapes.iter().filter(|(_, shape)| match shape {
        Shape::Circle { center, radius_m } => circle::contains(*center, *radius_m, p),
        Shape::Polygon { rings } => polygon::contains(rings, p),
        Shape::Everywhere => true,
    });
    let mut ids: Vec<TargetId> = held.map(|&(id, _)| id).collect();
    ids.sort_unstable();
    ids
}

/// Builds, archives, verifies, and compares every answer with the naive one: in one tile, and in many small ones.
fn check(shapes: &[(TargetId, Shape)], points: &[PointE7]) {
    let by_id: BTreeMap<TargetId, Shape> = shapes.iter().cloned().collect();
    let (pages, geometry) = exact(&by_id);
    for way in [(u32::MAX, Grain::Fine), (FEW, Grain::Fine), (FEW, Grain::Coarse)] {
        let (_, index) = grown(&by_id, &all_new(&by_id), None, way);
        compare(IndexView::new(&index, ShapeBook::new(&pages, &geometry)), shapes, points);
    }
}

pub(super) fn compare(view: IndexView<'_>, shapes: &[(TargetId, Shape)], points: &[PointE7]) {
    let (mut found, mut before) = (Vec::new(), (Contained::NONE, Vec::new()));
    let mut scratch = ChangeScratch::default();
    for &p in points {
        let expected = naive(shapes, p);
        let hit = view.test(view.spot(p), p);
        view.targets(hit.contained, &mut found);
        assert_eq!(found, expected, "at {p:?}");
        assert_eq!(hit.count as usize, expected.len());
        assert_eq!(view.count(hit.contained), hit.count);
        assert_eq!(Contained::from_words(hit.contained.to_words()), hit.contained);
        let mut moved: Vec<TargetId> = before.1.clone();
        view.changes(before.0, hit.contained, &mut scratch, |change| match change {
            Change::Enter(id) => moved.push(id),
            Change::Exit(id) => moved.retain(|&other| other != id),
        });
        moved.sort_unstable();
        assert_eq!(moved, expected, "changes to {p:?}");
        before = (hit.contained, expected);
    }
}

fn at(lat: i32, lon: i32) -> PointE7 {
    PointE7::new(lat, lon).expect("in range")
}

pub(super) fn numbered(shapes: Vec<Shape>) -> Vec<(TargetId, Shape)> {
    (0u32..).map(|n| TargetId(n * 3 + 1)).zip(shapes).collect()
}

pub(super) fn circle(lat: i32, lon: i32, radius_m: f64) -> Shape {
    Shape::Circle { center: at(lat, lon), radius_m }
}

pub(super) fn rings(rings: Vec<Vec<(i64, i64)>>) -> Shape {
    let ring = |ring: Vec<(i64, i64)>| {
        Ring(ring.into_iter().map(|(lon, lat)| Vertex { lat, lon }).collect())
    };
    Shape::Polygon { rings: rings.into_iter().map(ring).collect() }
}

/// Points on, just beside and between the vertices of the shapes, and on circles' lines.
pub(super) fn telling_points(shapes: &[(TargetId, Shape)]) -> Vec<PointE7> {
    let mut points = Vec::new();
    let mut around = |lat: i64, lon: i64| {
        for (dlat, dlon) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (700, -400)] {
            let lon = (lon + dlon + 1_800_000_000).rem_euclid(3_600_000_000) - 1_800_000_000;
            let whole = (i32::try_from(lat + dlat), i32::try_from(lon));
            if let (Ok(lat), Ok(lon)) = whole {
                points.extend(PointE7::new(lat, lon));
            }
        }
    };
    for (_, shape) in shapes {
        match shape {
            Shape::Circle { center, radius_m } => {
                let reach = radius_m / 6_371_008.8;
                let cos = f64::from(center.lat).mul_add(1.745e-9, 0.0).cos().max(0.01);
                for step in 0..8u8 {
                    let angle = f64::from(step) * 0.785;
                    #[expect(clippy::cast_possible_truncation, reason = "of a test")]
                    let units = |radians: f64| (radians.to_degrees() * 1e7) as i64;
                    around(
                        i64::from(center.lat) + units(reach * angle.sin()),
                        i64::from(center.lon) + units(reach * angle.cos() / cos),
                    );
                }
            }
            Shape::Polygon { rings } => {
                for (a, b) in rings.iter().flat_map(polygon::edges) {
                    around(a.lat, a.lon);
                    around(i64::midpoint(a.lat, b.lat), i64::midpoint(a.lon, b.lon));
                }
            }
            Shape::Everywhere => {}
        }
    }
    points
}

#[test]
fn no_targets_contain_nothing() {
    check(&[], &[at(0, 0), at(900_000_000, -1_800_000_000)]);
}

#[test]
fn everywhere_contains_all_points() {
    let shapes = numbered(vec![Shape::Everywhere, circle(0, 0, 100.0), Shape::Everywhere]);
    check(&shapes, &[at(0, 0), at(5, 5), at(-900_000_000, 0), at(1, 1_799_999_999)]);
}

#[test]
fn fifty_metres_and_a_hundred_kilometres() {
    let shapes = numbered(vec![
        circle(375_000_000, 1_270_000_000, 50.0),
        circle(375_000_000, 1_270_000_000, 100_000.0),
        circle(-890_000_000, 12, 100_000.0),
        circle(899_999_000, -1_799_999_999, 50.0),
        circle(899_999_000, 3, 150_000.0),
        circle(10, 1_799_999_000, 50.0),
        circle(-200_000_000, -1_799_000_000, 100_000.0),
        circle(0, 0, 15_000_000.0),
    ]);
    check(&shapes, &telling_points(&shapes));
}

#[test]
fn polygons_with_holes_and_parts_across_the_antimeridian() {
    let (west, east) = (1_790_000_000, 1_830_000_000);
    let shapes = numbered(vec![
        rings(vec![
            vec![(west, 0), (east, 0), (east, 9_000_000), (west, 9_000_000)],
            vec![(1_799_000_000, 9), (1_801_000_000, 9), (1_800_500_000, 8_000_000)],
        ]),
        rings(vec![
            vec![(-1_830_000_000, 0), (-1_790_000_000, 0), (-1_800_000_000, 9_000_000)],
            vec![(0, 0), (90, 0), (90, 90)],
        ]),
        rings(vec![vec![
            (-1_800_000_000, -600_000_000),
            (1_800_000_000, -600_000_000),
            (1_800_000_000, -900_000_000),
            (-1_800_000_000, -900_000_000),
        ]]),
    ]);
    check(&shapes, &telling_points(&shapes));
}

#[test]
fn a_polygon_that_overlaps_itself_a_turn_away_counts_once() {
    let box_of = |west: i64, east: i64, south: i64, north: i64| {
        [(west, south), (east, south), (east, north), (west, north)]
            .map(|(lon, lat)| (lon * 10_000_000, lat * 10_000_000))
            .to_vec()
    };
    let shapes = numbered(vec![
        rings(vec![box_of(170, 190, 0, 10), box_of(-179, -171, -5, 5)]),
        rings(vec![box_of(-190, 190, 0, 3)]),
    ]);
    let grid = (-6..12).flat_map(|lat| (-180..180).map(move |lon| (lat, lon)));
    let inner = grid.map(|(lat, lon)| at(lat * 10_000_000 + 5_000, lon * 10_000_000 + 7_000));
    check(&shapes, &inner.chain(telling_points(&shapes)).collect::<Vec<_>>());
}

#[test]
fn hundreds_of_identical_and_nearly_identical_fences() {
    let mut shapes: Vec<Shape> =
        (0..100).map(|_| circle(375_000_000, 1_270_000_000, 50.0)).collect();
    shapes.extend((0..100).map(|n| circle(375_000_000 + n, 1_270_000_000, 50.0)));
    shapes.extend((0..90).map(|n| {
        let side = 20_000 + i64::from(n);
        rings(vec![vec![
            (1_270_000_000, 375_000_000),
            (1_270_000_000 + side, 375_000_000),
            (1_270_000_000 + side, 375_000_000 + side),
            (1_270_000_000, 375_000_000 + side),
        ]])
    }));
    let shapes = numbered(shapes);
    let points = telling_points(&shapes);
    let some: Vec<PointE7> = points.into_iter().step_by(7).collect();
    check(&shapes, &some);
}

#[test]
fn points_on_slanting_edges() {
    let (lon, lat) = (1_269_669_356, 375_724_489);
    let diamond = |x: i64, y: i64, half: i64| {
        rings(vec![vec![(x - half, y), (x, y - half), (x + half, y), (x, y + half)]])
    };
    let mut shapes = vec![diamond(lon, lat, 90), diamond(lon + 90, lat + 90, 90)];
    shapes.extend((0..20).map(|n| diamond(lon + n, lat - 700, 300 + n)));
    shapes.push(diamond(1_800_000_000, lat, 5_000));
    let mut points = Vec::new();
    for along in 0..=90 {
        points.push(at(375_724_489 + along, 1_269_669_356 + 90 - along));
        points.push(at(375_724_489 - along, 1_269_669_356 - 90 + along));
        points.push(at(375_724_489 - 700 + along, 1_269_669_356 - 300 + along));
        points.push(at(375_724_489 + along, -1_800_000_000 + 5_000 - along));
        points.push(at(375_724_489 - along, 1_800_000_000 - 5_000 + along));
    }
    check(&numbered(shapes), &points);
}

#[test]
fn neighbours_tile_where_only_one_has_a_vertex_on_the_border() {
    for (lon, lat, by_lon, by_lat) in
        [(1_269_669_356, 375_724_489, 3, 7), (-1_800_000_000, -5_000, -2, 5), (0, 0, 700, 300)]
    {
        let on = |step: i64| (lon + by_lon * step, lat + by_lat * step);
        let (low, middle, high) = (on(0), on(401), on(1000));
        let beside = |by: i64| (on(500).0 + by, on(500).1);
        let (west, east) = (beside(-900_000), beside(900_000));
        let shapes = numbered(vec![
            rings(vec![vec![low, high, west]]),
            rings(vec![vec![low, east, middle]]),
            rings(vec![vec![middle, east, high]]),
        ]);
        let border = (1..1000).map(on).map(|(lon, lat)| {
            let lon = (lon + 1_800_000_000).rem_euclid(3_600_000_000) - 1_800_000_000;
            at(i32::try_from(lat).expect("small"), i32::try_from(lon).expect("small"))
        });
        let points: Vec<PointE7> = border.collect();
        assert!(points.iter().all(|&p| naive(&shapes, p).len() == 1));
        check(&shapes, &points);
    }
}

#[test]
fn the_row_of_a_pole_is_that_of_its_caps() {
    let (half, pole) = (1_800_000_000, 900_000_000);
    let slice = |from: i64, to: i64, lat: i64, pole: i64| {
        rings(vec![vec![(from, lat), (to, lat), (to, pole), (from, pole)]])
    };
    let shapes = numbered(vec![
        slice(-half, -7, 899_999_000, pole),
        slice(-7, half, 899_000_000, pole),
        slice(-half, 3, -600_000_000, -pole),
        slice(3, half, -899_999_999, -pole),
        rings(vec![vec![(-900, 899_000_000), (900, 899_000_000), (0, pole)]]),
        circle(900_000_000, 0, 60.0),
        circle(-900_000_000, 0, 60.0),
    ]);
    let points: Vec<PointE7> = [-900_000_000, -899_999_999, 899_999_999, 900_000_000]
        .into_iter()
        .flat_map(|lat| {
            let lons = [-1_800_000_000, -8, -7, -6, -1, 0, 1, 3, 4, 500_000_000, 1_799_999_999];
            lons.map(|lon| at(lat, lon))
        })
        .collect();
    for &p in points.iter().filter(|p| p.lat.abs() == 900_000_000) {
        assert_eq!(naive(&shapes, p).len(), 2, "one slice and the circle at {p:?}");
    }
    check(&shapes, &points);
}

/// A star around a centre: simple, with slivers when a radius is small.
pub(super) fn star() -> impl Strategy<Value = Vec<(i64, i64)>> {
    (prop::collection::vec(1i64..=1000, 3..14), 1i64..4000).prop_map(|(radii, unit)| {
        let count = radii.len();
        let point = |(n, radius): (usize, i64)| {
            #[expect(clippy::cast_precision_loss, reason = "of a test")]
            let angle = n as f64 * std::f64::consts::TAU / count as f64;
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "same"
            )]
            let along = |share: f64| ((radius * unit) as f64 * share) as i64;
            (along(angle.cos()), along(angle.sin()))
        };
        radii.into_iter().enumerate().map(point).collect()
    })
}

fn shape_near(lat: i32, lon: i32, spread: i32) -> impl Strategy<Value = Shape> {
    let place = (-spread..=spread, -spread..=spread);
    let circles = (place.clone(), prop_oneof![50.0..2000.0f64, 50.0..100_000.0f64]);
    let circles = circles.prop_map(move |((dlat, dlon), radius_m)| {
        let lat = (lat + dlat).clamp(-900_000_000, 900_000_000);
        let lon = (i64::from(lon + dlon) + 1_800_000_000).rem_euclid(3_600_000_000) - 1_800_000_000;
        circle(lat, i32::try_from(lon).expect("wrapped"), radius_m)
    });
    let polygons = (place, star(), prop::option::of(star()));
    let polygons = polygons.prop_map(move |((dlat, dlon), outer, inner)| {
        let (lat, lon) = (i64::from(lat + dlat), i64::from(lon + dlon));
        let moved = |ring: Vec<(i64, i64)>| {
            ring.into_iter().map(|(x, y)| (lon + x, lat + y)).collect::<Vec<_>>()
        };
        rings(std::iter::once(outer).chain(inner).map(moved).collect())
    });
    prop_oneof![3 => circles, 2 => polygons, 1 => Just(Shape::Everywhere)]
}

fn shapes_anywhere() -> impl Strategy<Value = Vec<(TargetId, Shape)>> {
    let lat = prop_oneof![
        -880_000_000..880_000_000,
        Just(899_990_000),
        Just(-899_990_000),
        Just(375_000_000)
    ];
    let lon = prop_oneof![-1_790_000_000..1_790_000_000, Just(1_799_990_000), Just(-1_799_990_000)];
    let spread = prop_oneof![Just(5_000), Just(200_000), Just(10_000_000)];
    (lat, lon, spread)
        .prop_flat_map(|(lat, lon, spread)| {
            prop::collection::vec(shape_near(lat, lon, spread), 1..90)
        })
        .prop_map(numbered)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn answers_are_the_naive_ones(shapes in shapes_anywhere(), seed in any::<u64>()) {
        let mut points = telling_points(&shapes);
        let step = 1 + usize::try_from(seed % 5).expect("small") + points.len() / 600;
        points = points.into_iter().step_by(step).collect();
        check(&shapes, &points);
    }
}
