//! Polygons: even-odd over all rings, straight edges in longitude and latitude, decided in integers.
//!
//! The half-open rule: an edge counts for the rows from its lower end (included) to its upper end (left
//! out), and only for points to its west. A point that lies on the edge itself, as integers have it, is put
//! on the side where the same coordinates as `f64` degrees have it: so answers agree with programs that read
//! the same numbers as degrees. Where that is on the edge too, it is not to the west. All this depends on
//! the point and the edge alone, so two neighbours that share an edge give each point of it to exactly one of
//! them. A ring across the antimeridian is unwrapped, so it is tested as it is and moved by ± 360°.

use geo::Coord;
use geo::kernels::{Kernel, Orientation, RobustKernel};

use crate::domain::target::{Ring, Vertex};
use crate::domain::units::{E7, HALF_TURN_E7, PointE7};

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
pub fn is_odd(edges: impl Iterator<Item = Edge>, p: Vertex) -> bool {
    edges.fold(false, |odd, edge| odd ^ is_east(edge, p))
}

/// Whether `edge` spans the row of `p` and crosses it to the east of `p`. The ends are put in order first, so
/// both neighbours of an edge compute the same.
fn is_east((a, b): Edge, p: Vertex) -> bool {
    let (low, high) = if a.lat <= b.lat { (a, b) } else { (b, a) };
    if p.lat < low.lat || p.lat >= high.lat {
        return false;
    }
    let along = i128::from(high.lon - low.lon) * i128::from(p.lat - low.lat);
    let across = i128::from(p.lon - low.lon) * i128::from(high.lat - low.lat);
    across < along || across == along && is_east_in_degrees(low, high, p)
}

/// The side of a point on the line from `low` to `high`, found with the coordinates as `f64` degrees: exactly,
/// by an adaptive predicate.
#[cold]
#[must_use]
pub fn is_east_in_degrees(low: Vertex, high: Vertex, p: Vertex) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "coordinates are far below 2^53")]
    let degrees = |at: Vertex| Coord { x: at.lon as f64 / E7, y: at.lat as f64 / E7 };
    let turn = RobustKernel::orient2d(degrees(low), degrees(high), degrees(p));
    turn == Orientation::CounterClockwise
}
