//! The haversine against known distances, at the poles and across the antimeridian.

use super::circle::*;
use crate::domain::units::{EARTH_RADIUS_M, PointE7};

fn at(lat: f64, lon: f64) -> PointE7 {
    PointE7::from_degrees(lat, lon).expect("in range")
}

#[test]
fn a_quarter_of_the_globe_is_a_quarter_of_its_circumference() {
    let quarter = EARTH_RADIUS_M * std::f64::consts::FRAC_PI_2;
    for (a, b) in [(at(0.0, 0.0), at(90.0, 77.0)), (at(0.0, 170.0), at(0.0, -100.0))] {
        assert!((distance_m(a, b) - quarter).abs() < 1e-6);
    }
}

#[test]
fn longitude_does_not_matter_at_a_pole() {
    let distance = distance_m(at(90.0, 0.0), at(90.0, 123.4));
    assert!(distance < 1e-6, "{distance}");
    assert!(contains(at(89.9999, 10.0), 50.0, at(89.9999, -170.0)));
}

#[test]
fn the_antimeridian_is_no_border() {
    let (east, west) = (at(10.0, 179.9999), at(10.0, -179.9999));
    assert!(contains(east, 50.0, west) && !contains(east, 21.0, west));
}

#[test]
fn antipodes_are_half_a_circumference_apart() {
    let half = EARTH_RADIUS_M * std::f64::consts::PI;
    assert!((distance_m(at(12.0, 34.0), at(-12.0, -146.0)) - half).abs() < 0.2);
}

#[test]
fn a_radius_that_is_no_length_contains_nothing() {
    let p = at(1.0, 2.0);
    assert!(contains(p, 0.0, p));
    assert!(!contains(p, -1.0, p) && !contains(p, f64::NAN, p));
}
