//! Distances to boundaries against known lengths.

use proptest::prelude::*;

use super::boundary::*;
use super::polygon::edges;
use crate::domain::target::{Ring, Vertex};
use crate::domain::units::PointE7;

fn at(lat: f64, lon: f64) -> PointE7 {
    PointE7::from_degrees(lat, lon).expect("in range")
}

/// A square of 0.02° with its south-west corner here, longitude unwrapped.
fn square(lat: i64, lon: i64) -> Ring {
    let corner = |dlat, dlon| Vertex { lat: lat + dlat, lon: lon + dlon };
    Ring(vec![corner(0, 0), corner(0, 200_000), corner(200_000, 200_000), corner(200_000, 0)])
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < expected * 1e-4 + 1e-3, "{found} for {expected}");
}

#[test]
fn beside_an_edge_and_beyond_a_corner() {
    let ring = square(600_000_000, 100_000_000);
    let distance = |p| to_edges_m(|| edges(&ring), p);
    // 0.01° north of the top edge, 0.01° inside the south edge, 0.01° west at 60° of latitude.
    close(distance(at(60.03, 10.01)), 1111.95);
    close(distance(at(60.01, 10.01)), 555.8);
    close(distance(at(60.01, 9.99)), 555.8);
    close(distance(at(59.99, 10.03)), 1243.24);
}

#[test]
fn across_the_antimeridian() {
    let ring = square(0, 1_799_900_000);
    close(to_edges_m(|| edges(&ring), at(0.01, -179.98)), 1111.95);
}

#[test]
fn a_circle_from_both_sides() {
    close(to_circle_m(at(0.0, 0.0), 1000.0, at(0.01, 0.0)), 111.95);
    close(to_circle_m(at(0.0, 0.0), 1000.0, at(0.0, 0.0)), 1000.0);
}

#[test]
fn no_edges_are_infinitely_far() {
    assert!(to_edges_m(std::iter::empty, at(0.0, 0.0)).is_infinite());
}

proptest! {
    #[test]
    fn the_nearest_edge_in_the_plane_is_the_nearest_on_the_sphere(
        lat in -8_900_i64..8_900,
        corners in prop::collection::vec((-30_000_i64..30_000, -30_000_i64..30_000), 3..9),
        (north, east) in (-60_000_i64..60_000, -60_000_i64..60_000),
        lon in prop::sample::select(vec![0_i64, 1_799_990_000, -1_799_990_000]),
    ) {
        let lat = lat * 100_000;
        let vertex = |&(dlat, dlon): &(i64, i64)| Vertex { lat: lat + dlat, lon: lon + dlon };
        let ring = Ring(corners.iter().map(vertex).collect());
        let wrapped = (lon + east + 1_800_000_000).rem_euclid(3_600_000_000) - 1_800_000_000;
        let p = PointE7::new(i32::try_from(lat + north).unwrap(), i32::try_from(wrapped).unwrap());
        let Some(p) = p else { return Ok(()) };
        let found = to_edges_m(|| edges(&ring), p);
        let each = edges(&ring).map(|edge| to_edges_m(|| std::iter::once(edge), p));
        let measured = each.fold(f64::INFINITY, f64::min);
        prop_assert!((found - measured).abs() <= 1e-3 * measured + 1e-3, "{} for {}", found, measured);
    }
}
