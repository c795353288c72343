//! Polygons: even-odd over all rings, straight edges in longitude and latitude, decided in integers.
//!
//! The half-open rule: an edge counts for the rows from its lower end (included) to its upper end (left
//! out), and only for points to its west. That is where a point is after an infinitesimal step to the
//! north-north-east ([`steps_west_of`]), so that it lies on no edge. All this depends on the point and the line
//! alone, not on where an edge ends, so two neighbours give each point of their common border to exactly one of
//! them, also where one has a vertex on it that the other lacks.
//!
//! The row of the north pole has nothing north of it to belong to, so there an edge counts on its upper end too:
//! the row goes to whom it would by the points just below it, and a point in which edges end is to the east of
//! all of them. So a cap that reaches +90° holds the pole at every longitude that it reaches it, as one that
//! reaches −90° does by the general rule, and neighbours tile there as well. (A tip that touches the pole in one vertex holds nothing of it, like every upper tip.)
//!
//! A ring across the antimeridian is unwrapped, so it is tested as it is and moved by ± 360°.

use crate::domain::target::{Ring, Vertex};
use crate::domain::units::{HALF_TURN_E7, PointE7, QUARTER_TURN_E7};

/// 360° in coordinate units.
pub const FULL_TURN_E7: i64 = 2 * HALF_TURN_E7 as i64;

/// An edge from one vertex to the next.
pub type Edge = (Vertex, Vertex);

/// Whether the polygon of these rings contains `p`, at its longitude or at that ± 360°.
#[must_use]
pub fn contains(rings: &[Ring], p: PointE7) -> bool {
    contains_by(|| rings.iter().flat_map(edges), p)
}

/// The same for edges that come from elsewhere, such as an archive; `edges` is called up to 3 times.
pub fn contains_by<I: Iterator<Item = Edge>>(edges: impl Fn() -> I, p: PointE7) -> bool {
    let p = Vertex { lat: i64::from(p.lat), lon: i64::from(p.lon) };
    let moved = |turns: i64| {
        let by = turns * FULL_TURN_E7;
        edges()
            .map(move |(a, b)| (Vertex { lon: a.lon + by, ..a }, Vertex { lon: b.lon + by, ..b }))
    };
    [0, -1, 1].into_iter().any(|turns| is_odd(moved(turns), p))
}

/// The edges of a ring, the closing one included.
pub fn edges(ring: &Ring) -> impl Iterator<Item = Edge> {
    let Ring(vertices) = ring;
    let next = vertices.iter().skip(1).chain(vertices.first());
    vertices.iter().copied().zip(next.copied())
}

/// Whether an odd number of edges lies to the east of `p` on its row: containment in the plane.
fn is_odd(edges: impl Iterator<Item = Edge>, p: Vertex) -> bool {
    edges.fold(false, |odd, edge| odd ^ is_east(edge, p))
}

/// Whether `edge` spans the row of `p` and crosses it to the east of `p`. The ends are put in order first, so
/// both neighbours of an edge compute the same.
fn is_east((a, b): Edge, p: Vertex) -> bool {
    let (low, high) = if a.lat <= b.lat { (a, b) } else { (b, a) };
    let ends_here = p.lat == NORTH_POLE && high.lat == NORTH_POLE && low.lat < NORTH_POLE;
    if p.lat < low.lat || p.lat >= high.lat && !ends_here {
        return false;
    }
    let along = i128::from(high.lon - low.lon) * i128::from(p.lat - low.lat);
    let across = i128::from(p.lon - low.lon) * i128::from(high.lat - low.lat);
    let on_edge_is_west = !ends_here && steps_west_of(high.lon - low.lon, high.lat - low.lat);
    across < along || across == along && on_edge_is_west
}

/// Whether the step takes a point on an edge to the west of it, where the edge goes by `east` and `north > 0`
/// from its lower end to its upper. Any northward direction tiles; this one, 5 to the east for 6 to the north,
/// also agrees with the reference sets, whose programs compute in degrees.
#[inline]
#[must_use]
pub const fn steps_west_of(east: i64, north: i64) -> bool {
    // No coordinate of a map overflows here; a hostile block's may, and must not panic.
    east.wrapping_mul(6) > north.wrapping_mul(5)
}

/// The last row there is.
pub const NORTH_POLE: i64 = QUARTER_TURN_E7 as i64;
