//! The haversine against known distances, at the poles and across the antimeridian.

use proptest::prelude::*;

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

proptest! {
    #[test]
    fn what_is_told_at_a_glance_is_what_is_measured(
        lat in -90.0_f64..=90.0,
        lon in -180.0_f64..=180.0,
        north in -8.0_f64..8.0,
        east in -8.0_f64..8.0,
        shrink in prop::sample::select(vec![1.0, 0.1, 0.001]),
        near in 0.99_f64..1.01,
    ) {
        let center = at(lat, lon);
        let Some(p) = PointE7::from_degrees(lat + north * shrink, lon + east * shrink) else {
            return Ok(());
        };
        let reach_m = distance_m(center, p) * near;
        for reach_m in [reach_m, reach_m * 0.5, reach_m * 2.0, 0.0] {
            prop_assert_eq!(is_beyond_m(center, reach_m, p), distance_m(center, p) > reach_m);
        }
    }
}
