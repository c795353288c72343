//! Areas on the mean sphere, from which a polygon's size follows.

use super::polygon::{edges, is_odd};
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::{E7, EARTH_RADIUS_M};

/// How large a shape is as a radius, m: a circle's own, √(area/π) of a polygon, infinite for everywhere.
#[must_use]
pub fn size_m(shape: &Shape) -> f64 {
    match shape {
        Shape::Circle { radius_m, .. } => *radius_m,
        Shape::Polygon { rings } => libm::sqrt(area_m2(rings) / std::f64::consts::PI),
        Shape::Everywhere => f64::INFINITY,
    }
}

/// The area inside an even number of rings less, inside an odd number more: holes count against their
/// outer ring, parts of a multi-polygon add up. Rings are taken not to cross each other.
#[must_use]
pub fn area_m2(rings: &[Ring]) -> f64 {
    let boxes: Vec<RingBox> = rings.iter().map(RingBox::around).collect();
    let signed = rings.iter().enumerate().map(|(nth, ring)| {
        let is_hole = depth(rings, &boxes, nth) % 2 == 1;
        if is_hole { -ring_area_m2(ring) } else { ring_area_m2(ring) }
    });
    signed.sum::<f64>().max(0.0)
}

/// How many of the other rings surround this one.
fn depth(rings: &[Ring], boxes: &[RingBox], nth: usize) -> usize {
    let Some(probe) = rings.get(nth).and_then(|Ring(vertices)| vertices.first().copied()) else {
        return 0;
    };
    let others = rings.iter().zip(boxes).enumerate().filter(|&(other, _)| other != nth);
    others.filter(|(_, (ring, around))| around.holds(probe) && is_odd(edges(ring), probe)).count()
}

/// The bounds of a ring: (least, greatest) latitude and longitude.
struct RingBox {
    lat: (i64, i64),
    lon: (i64, i64),
}

impl RingBox {
    fn around(Ring(vertices): &Ring) -> Self {
        let none = (i64::MAX, i64::MIN);
        let wider = |(low, high): (i64, i64), at: i64| (low.min(at), high.max(at));
        vertices.iter().fold(Self { lat: none, lon: none }, |all, vertex| Self {
            lat: wider(all.lat, vertex.lat),
            lon: wider(all.lon, vertex.lon),
        })
    }

    fn holds(&self, at: Vertex) -> bool {
        let within = |(low, high): (i64, i64), at: i64| low <= at && at <= high;
        within(self.lat, at.lat) && within(self.lon, at.lon)
    }
}

/// The area that one ring encloses: R² · |∮ sin φ dλ|, each edge integrated in closed form. Along an edge
/// straight in longitude and latitude the mean of sin φ is (cos φ₁ − cos φ₂) / (φ₂ − φ₁).
fn ring_area_m2(ring: &Ring) -> f64 {
    let sum: f64 = edges(ring)
        .map(|(a, b)| {
            let (lat_a, lat_b) = (radians(a.lat), radians(b.lat));
            let half = (lat_b - lat_a) / 2.0;
            let sinc = if half.abs() > 1e-9 { libm::sin(half) / half } else { 1.0 };
            radians(b.lon - a.lon) * libm::sin(f64::midpoint(lat_a, lat_b)) * sinc
        })
        .sum();
    sum.abs() * EARTH_RADIUS_M * EARTH_RADIUS_M
}

#[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
fn radians(e7: i64) -> f64 {
    (e7 as f64 / E7).to_radians()
}
