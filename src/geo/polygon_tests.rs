//! The half-open rule: edges, vertices, holes, slivers, neighbours, the antimeridian; and `geo` as oracle.

use geo::Contains;
use proptest::prelude::*;

use super::polygon::*;
use crate::domain::target::{Ring, Vertex};
use crate::domain::units::PointE7;

fn ring(vertices: &[(i64, i64)]) -> Ring {
    Ring(vertices.iter().map(|&(lon, lat)| Vertex { lat, lon }).collect())
}

fn at(lon: i32, lat: i32) -> PointE7 {
    PointE7 { lat, lon }
}

#[test]
fn a_square_holds_its_west_and_south_sides_only() {
    let square = [ring(&[(0, 0), (10, 0), (10, 10), (0, 10)])];
    for (point, inside) in [
        (at(0, 0), true),
        (at(5, 0), true),
        (at(0, 5), true),
        (at(9, 9), true),
        (at(10, 5), false),
        (at(5, 10), false),
        (at(10, 10), false),
        (at(-1, 5), false),
    ] {
        assert_eq!(contains(&square, point), inside, "{point:?}");
    }
}

#[test]
fn a_point_on_a_slanting_edge_is_in_one_of_its_two_neighbours() {
    let (low, high) = ((1_269_669_356, 375_724_489), (1_269_670_535, 375_725_668));
    let west = [ring(&[low, high, (1_269_660_000, 375_725_000)])];
    let east = [ring(&[high, low, (1_269_680_000, 375_725_000)])];
    let mut sides = [0, 0];
    // The ends of the edge belong to whoever else meets there.
    for step in 1..1_179 {
        let p = at(1_269_669_356 + step, 375_724_489 + step);
        let held = [contains(&west, p), contains(&east, p)];
        assert!(held[0] != held[1], "{p:?} is in {held:?}");
        sides[usize::from(held[1])] += 1;
    }
    assert!(sides.iter().all(|&side| side > 0), "degrees put points on both sides: {sides:?}");
}

#[test]
fn holes_and_parts_count_by_parity() {
    let rings = [
        ring(&[(0, 0), (100, 0), (100, 100), (0, 100)]),
        ring(&[(20, 20), (20, 80), (80, 80), (80, 20)]),
        ring(&[(40, 40), (60, 40), (60, 60), (40, 60)]),
        ring(&[(200, 0), (210, 0), (205, 9)]),
    ];
    let inside = [at(10, 10), at(50, 50), at(205, 4)];
    let outside = [at(30, 30), at(150, 50), at(79, 79)];
    assert!(inside.iter().all(|&p| contains(&rings, p)));
    assert!(!outside.iter().any(|&p| contains(&rings, p)));
}

#[test]
fn an_unwrapped_ring_is_found_from_both_sides_of_the_antimeridian() {
    let east = [ring(&[
        (1_799_000_000, 0),
        (1_801_000_000, 0),
        (1_801_000_000, 1_000_000),
        (1_799_000_000, 1_000_000),
    ])];
    let west = [ring(&[
        (-1_801_000_000, 0),
        (-1_799_000_000, 0),
        (-1_799_000_000, 1_000_000),
        (-1_801_000_000, 1_000_000),
    ])];
    for rings in [east, west] {
        assert!(contains(&rings, at(1_799_500_000, 5)));
        assert!(contains(&rings, at(-1_799_500_000, 5)));
        assert!(contains(&rings, at(-1_800_000_000, 5)));
        assert!(!contains(&rings, at(-1_798_500_000, 5)));
    }
}

#[test]
fn a_sliver_thinner_than_a_unit_holds_no_point() {
    let sliver = [ring(&[(0, 0), (1_000_000, 1), (2_000_000, 1)])];
    assert!((0..2_000_000).step_by(999).all(|lon| !contains(&sliver, at(lon, 1))));
}

proptest! {
    /// A fan of triangles around a centre tiles its outline: each point is in exactly one or in none.
    #[test]
    fn neighbours_tile(
        corners in prop::collection::vec((-40i64..40, -40i64..40), 4..12),
        center in (-9i64..9, -9i64..9),
        point in (-40i32..40, -40i32..40),
    ) {
        let whole = ring(&corners);
        let held = edges(&whole)
            .map(|(a, b)| ring(&[center, (a.lon, a.lat), (b.lon, b.lat)]))
            .filter(|triangle| contains(std::slice::from_ref(triangle), at(point.0, point.1)))
            .count();
        prop_assert_eq!(held % 2 == 1, contains(&[whole], at(point.0, point.1)));
    }

    /// Points off the boundary agree with `geo`, and every point is in one of two halves of a square.
    #[test]
    fn strict_interiors_agree_with_geo(
        corners in prop::collection::vec((-1000i32..1000, -1000i32..1000), 3),
        point in (-1000i32..1000, -1000i32..1000),
    ) {
        use geo::CoordinatePosition;
        let outline: Vec<(f64, f64)> =
            corners.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
        let oracle = geo::Polygon::new(outline.into(), vec![]);
        let here = geo::Point::new(f64::from(point.0), f64::from(point.1));
        let wide: Vec<(i64, i64)> =
            corners.iter().map(|&(x, y)| (i64::from(x), i64::from(y))).collect();
        if oracle.coordinate_position(&here.into()) != geo::coordinate_position::CoordPos::OnBoundary {
            prop_assert_eq!(contains(&[ring(&wide)], at(point.0, point.1)), oracle.contains(&here));
        }
    }
}
