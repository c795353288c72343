//! Distances from a point to a boundary, m: what exit rules and reports measure.
//!
//! Distances decide exits (25 m to 1,000 m and the accuracy), never containment, so a nearest point found in
//! the local plane is enough; its distance is then measured on the sphere.

use super::circle::{distance_deg_m, distance_m};
use super::polygon::{Edge, FULL_TURN_E7};
use crate::domain::target::Vertex;
use crate::domain::units::{E7, PointE7};

/// From `p` to the circle's line, on either side of it.
#[must_use]
pub fn to_circle_m(center: PointE7, radius_m: f64, p: PointE7) -> f64 {
    (distance_m(center, p) - radius_m).abs()
}

/// From `p` to the nearest of the edges, seen at the longitude of `p` and at that ± 360°; infinite when
/// there are none. The nearest is found in the plane that touches the sphere at `p`, but near a pole, where the plane
/// says little: there each is measured.
pub fn to_edges_m<I: Iterator<Item = Edge>>(edges: impl Fn() -> I, p: PointE7) -> f64 {
    let cos_here = libm::cos(p.lat_deg().to_radians());
    if cos_here < POLAR_COS {
        let measured = |shift: i64| edges().map(move |edge| to_edge_m(edge, p, shift));
        return TURNS.into_iter().flat_map(measured).fold(f64::INFINITY, f64::min);
    }
    let mut nearest = (f64::INFINITY, None);
    for edge in edges() {
        // Within half a turn of `p` an edge is nearest as it stands.
        let is_near = |v: Vertex| (v.lon - i64::from(p.lon)).abs() <= FULL_TURN_E7 / 2;
        let turns = if is_near(edge.0) && is_near(edge.1) { &TURNS[..1] } else { &TURNS };
        for &shift in turns {
            let square = square_in_plane(edge, p, shift, cos_here);
            if square < nearest.0 {
                nearest = (square, Some((edge, shift)));
            }
        }
    }
    nearest.1.map_or(f64::INFINITY, |(edge, shift)| to_edge_m(edge, p, shift))
}

const TURNS: [i64; 3] = [0, -FULL_TURN_E7, FULL_TURN_E7];

/// Beyond 89° of latitude.
const POLAR_COS: f64 = 0.017;

/// The square of the distance from `p`, moved by `shift`, to an edge, in degrees of latitude.
fn square_in_plane((a, b): Edge, p: PointE7, shift: i64, cos_here: f64) -> f64 {
    let (lat, lon) = (i64::from(p.lat), i64::from(p.lon) + shift);
    let (ax, ay) = (degrees(a.lon - lon) * cos_here, degrees(a.lat - lat));
    let (dx, dy) = (degrees(b.lon - a.lon) * cos_here, degrees(b.lat - a.lat));
    let length = dy * dy + dx * dx;
    let along = -(ay * dy + ax * dx);
    let share = if length > 0.0 { (along / length).clamp(0.0, 1.0) } else { 0.0 };
    let (x, y) = (ax + share * dx, ay + share * dy);
    x * x + y * y
}

/// From `p`, moved by `shift` in longitude, to one edge.
///
/// Near `p` the sphere's metric is dy² + cos φ₁ · cos φ₂ · dx². The foot is found with φ₂ = φ₁ first and
/// once more with the latitude of that foot.
fn to_edge_m((a, b): Edge, p: PointE7, shift: i64) -> f64 {
    let here = Vertex { lat: i64::from(p.lat), lon: i64::from(p.lon) + shift };
    let (ax, ay) = (degrees(a.lon - here.lon), degrees(a.lat - here.lat));
    let (dx, dy) = (degrees(b.lon - a.lon), degrees(b.lat - a.lat));
    let cos_here = libm::cos(p.lat_deg().to_radians());
    let mut share = 0.0;
    let mut cos_foot = cos_here;
    for _ in 0..2 {
        let scale = cos_here * cos_foot;
        let length = dy * dy + scale * dx * dx;
        let along = -(ay * dy + scale * ax * dx);
        share = if length > 0.0 { (along / length).clamp(0.0, 1.0) } else { 0.0 };
        cos_foot = libm::cos((p.lat_deg() + ay + share * dy).to_radians());
    }
    distance_deg_m((p.lat_deg(), 0.0), (p.lat_deg() + ay + share * dy, ax + share * dx))
}

#[expect(clippy::cast_precision_loss, reason = "differences of coordinates are far below 2^53")]
fn degrees(difference_e7: i64) -> f64 {
    difference_e7 as f64 / E7
}
