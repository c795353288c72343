//! Distances to boundaries against known lengths.

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
