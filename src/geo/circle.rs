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

/// Whether `p` is farther than `reach_m` from `center`. Where it is not close to that, a few products tell.
#[must_use]
pub fn is_beyond_m(center: PointE7, reach_m: f64, p: PointE7) -> bool {
    roughly_beyond(center, reach_m, p).unwrap_or_else(|| distance_m(center, p) > reach_m)
}

/// The haversine formula with x for sin x and a polynomial for the cosine, where both are good: up to 85° of
/// latitude and 5.7° apart the square of the distance is off by less than [`ROUGH`]. `None` where that does not
/// settle it.
fn roughly_beyond(center: PointE7, reach_m: f64, p: PointE7) -> Option<bool> {
    let (lat_a, lat_b) = (center.lat_deg().to_radians(), p.lat_deg().to_radians());
    let (lat, lon) = (lat_b - lat_a, (p.lon_deg() - center.lon_deg()).to_radians());
    let is_good = lat.abs() < 0.1 && lon.abs() < 0.1 && lat_a.abs() < 1.48 && lat_b.abs() < 1.48;
    let square = EARTH_RADIUS_M
        * EARTH_RADIUS_M
        * (lat * lat + roughly_cos(lat_a) * roughly_cos(lat_b) * lon * lon);
    let reach = reach_m * reach_m;
    if is_good && reach_m >= 0.0 && square * (1.0 - ROUGH) > reach {
        Some(true)
    } else if is_good && square * (1.0 + ROUGH) < reach {
        Some(false)
    } else {
        None
    }
}

/// Taylor's polynomial: at most 2.5e-5 too large, at the poles.
fn roughly_cos(x: f64) -> f64 {
    let square = x * x;
    1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0 * (1.0 - square / 56.0)))
}

const ROUGH: f64 = 2e-3;
