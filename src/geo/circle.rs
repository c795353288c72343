//! Circles: haversine distance on the mean sphere.

use crate::domain::units::{EARTH_RADIUS_M, PointE7};

/// Great-circle distance from `a` to `b` on the mean sphere, m, by the haversine formula
/// (R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984).
#[must_use]
pub fn distance_m(a: PointE7, b: PointE7) -> f64 {
    distance_deg_m((a.lat_deg(), a.lon_deg()), (b.lat_deg(), b.lon_deg()))
}

/// Whether `p` lies in the closed circle: distance to `center` ≤ `radius_m`.
///
/// A radius that is negative or not a number contains nothing.
#[must_use]
pub fn contains(center: PointE7, radius_m: f64, p: PointE7) -> bool {
    distance_m(center, p) <= radius_m
}

/// The same distance between two (latitude, longitude) pairs in degrees, which need not be quantised.
/// Longitudes may lie outside ±180°.
#[must_use]
pub fn distance_deg_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let sin_lat = libm::sin((lat_b - lat_a) / 2.0);
    let sin_lon = libm::sin((b.1 - a.1).to_radians() / 2.0);
    let haversine = sin_lat * sin_lat + libm::cos(lat_a) * libm::cos(lat_b) * sin_lon * sin_lon;
    2.0 * EARTH_RADIUS_M * libm::asin(libm::sqrt(haversine.min(1.0)))
}
