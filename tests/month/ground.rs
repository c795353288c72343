//! The ground that devices walk on: sites in rows, homes to the south of them, and shapes around both.

use serde_json::{Value, json};

/// Sites of the brand that nobody visits but for the plan.
pub(crate) const PLANTED_SITES: [i64; 2] = [30, 31];

/// Metres as 1e-7 degrees, about.
const LAT_M_E7: i64 = 90;
const LON_M_E7: i64 = 113;

/// A point, 1e-7 degrees.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) lat_e7: i64,
    pub(crate) lon_e7: i64,
}

impl Spot {
    pub(crate) fn moved_m(self, north: i64, east: i64) -> Self {
        Self { lat_e7: self.lat_e7 + north * LAT_M_E7, lon_e7: self.lon_e7 + east * LON_M_E7 }
    }
}

/// Eight sites a row, some 1,300 m apart.
pub(crate) fn site(number: i64) -> Spot {
    let corner = Spot { lat_e7: 375_400_137, lon_e7: 1_269_200_291 };
    corner.moved_m(number / 8 * 1333, number % 8 * 1327)
}

/// The corner of the part of the town where people live, 3,000 m by 10,000.
pub(crate) fn home_corner() -> Spot {
    Spot { lat_e7: 375_000_211, lon_e7: 1_269_200_377 }
}

fn degrees(e7: i64) -> f64 {
    f64::from(i32::try_from(e7).unwrap()) / 1e7
}

fn position(spot: Spot) -> [f64; 2] {
    [degrees(spot.lon_e7), degrees(spot.lat_e7)]
}

pub(crate) fn circle(at: Spot, radius_m: u32) -> Value {
    let [lon, lat] = position(at);
    json!({"type": "circle", "lat": lat, "lon": lon, "radius_m": radius_m})
}

/// The point of a store, as its document has it.
pub(crate) fn point(at: Spot) -> (f64, f64) {
    let [lon, lat] = position(at);
    (lat, lon)
}

/// A ring with corners on whole metres from its middle, where fixes are, too: some lie right on an edge.
pub(crate) fn ring(at: Spot, radius_m: i64) -> Vec<[f64; 2]> {
    let corners = [(97, 11), (29, -94), (-83, -61), (-71, 67), (23, 99)];
    let corner = |(north, east): (i64, i64)| {
        position(at.moved_m(north * radius_m / 100, east * radius_m / 100))
    };
    corners.map(corner).to_vec()
}

pub(crate) fn polygon(at: Spot, radius_m: i64) -> Value {
    json!({"type": "polygon", "coordinates": [ring(at, radius_m)]})
}

pub(crate) fn with_hole(at: Spot, radius_m: i64) -> Value {
    json!({"type": "polygon", "coordinates": [ring(at, radius_m), ring(at, radius_m / 4)]})
}

/// Two islands beside each other.
pub(crate) fn islands(at: Spot, radius_m: i64) -> Value {
    let one = ring(at.moved_m(radius_m / 7, -radius_m), radius_m * 3 / 4);
    let other = ring(at.moved_m(-radius_m / 9, radius_m), radius_m * 3 / 4);
    json!({"type": "multi_polygon", "coordinates": [[one], [other]]})
}

/// Between two corners, a little askew.
pub(crate) fn quarter(south_west: Spot, north_east: Spot) -> Value {
    let (s, w) = (south_west.lat_e7, south_west.lon_e7);
    let (n, e) = (north_east.lat_e7, north_east.lon_e7);
    let corners = [
        (s - 1_713, w + 911),
        (s + 2_117, e - 1_009),
        (n + 1_301, e + 2_203),
        (n - 907, w - 1_511),
    ];
    let ring = corners.map(|(lat_e7, lon_e7)| position(Spot { lat_e7, lon_e7 }));
    json!({"type": "polygon", "coordinates": [ring]})
}
