//! Rings as files write them to rings as the index takes them: quantised, open, unwrapped, and each hole at
//! the longitudes of its outer ring.

use crate::domain::target::{Ring, Vertex};
use crate::domain::units::{E7, HALF_TURN_E7};

const TURN: i64 = 2 * HALF_TURN_E7 as i64;
const HALF_TURN: i64 = HALF_TURN_E7 as i64;

/// What coordinates may be.
pub(crate) const ALLOWED_POSITION: &str = "[longitude, latitude] with longitudes of -180 to 180 (to ±540 where a ring is unwrapped already) and latitudes of -90 to 90";

/// What edges may be.
pub(crate) const ALLOWED_EDGE: &str = "edges of at most 180 degrees of longitude, but for those along a parallel; add vertices in between";

/// What holes may be.
pub(crate) const ALLOWED_HOLE: &str =
    "a hole between the two ends of the ring around it; cut it in two where that ring's ends meet";

/// Why a ring is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BadRing {
    /// A position off the earth.
    Position([f64; 2]),
    /// Too few vertices, the closing one not counted.
    Short(usize),
    /// A ring around a pole with an edge of over half a turn that is not along a parallel.
    Edge(f64, f64),
    /// A hole from the first longitude to the second, over the seam of an outer ring that goes all the way round.
    OverSeam(f64, f64),
}

/// Makes a ring of positions.
///
/// The closing vertex is dropped. Where two neighbours are more than 180° of longitude apart, the ring is
/// taken to cross the antimeridian there and is unwrapped. A ring that would then not close (it goes around
/// a pole, as Antarctica does on maps) or would enclose nothing (a frame around the whole map) is meant as
/// drawn: its long edges along parallels are halved instead.
pub(crate) fn ring(positions: &[[f64; 2]]) -> Result<Ring, BadRing> {
    let mut drawn = positions.iter().map(|at| vertex(*at)).collect::<Result<Vec<_>, _>>()?;
    if drawn.len() > 1 && drawn.first() == drawn.last() {
        drawn.pop();
    }
    if drawn.len() < 3 {
        return Err(BadRing::Short(drawn.len()));
    }
    if !drawn.iter().zip(next(&drawn)).any(|(from, to)| is_long(*from, *to)) {
        return Ok(Ring(drawn));
    }
    let unwrapped = unwrap(&drawn);
    let closes = !is_long(unwrapped[unwrapped.len() - 1], unwrapped[0]);
    if closes && encloses_something(&unwrapped) {
        return Ok(Ring(unwrapped));
    }
    halve(&drawn)
}

/// Moves a hole by whole turns to where most of it lies within its outer ring's longitudes: each of the two was
/// unwrapped from its own first vertex, which may be on different sides of the antimeridian.
pub(crate) fn beside(Ring(outer): &Ring, Ring(hole): Ring) -> Result<Ring, BadRing> {
    let ((west, east), (from, to)) = (reach(outer), reach(&hole));
    let shared = |by: i64| east.min(to + by) - west.max(from + by);
    // The least move that shares most: of equals the first wins.
    let moves = [TURN, -TURN].into_iter().chain([2 * TURN, -2 * TURN, 3 * TURN, -3 * TURN]);
    let by = moves.fold(0, |best, by| if shared(by) > shared(best) { by } else { best });
    if east - west >= TURN && shared(by) < to - from {
        return Err(BadRing::OverSeam(degrees(from), degrees(to)));
    }
    let moved = hole.into_iter().map(|vertex| Vertex { lon: vertex.lon + by, ..vertex });
    Ok(Ring(moved.collect()))
}

/// The least and the greatest longitude.
fn reach(vertices: &[Vertex]) -> (i64, i64) {
    let wider =
        |(west, east): (i64, i64), vertex: &Vertex| (west.min(vertex.lon), east.max(vertex.lon));
    vertices.iter().fold((i64::MAX, i64::MIN), wider)
}

/// Quantises a position, rounding half away from zero, as points are.
fn vertex([lon, lat]: [f64; 2]) -> Result<Vertex, BadRing> {
    if !(lat.abs() <= 90.0 && lon.abs() <= 540.0) {
        return Err(BadRing::Position([lon, lat]));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within 540 × 1e7")]
    let (lat, lon) = (libm::round(lat * E7) as i64, libm::round(lon * E7) as i64);
    Ok(Vertex { lat, lon })
}

/// Moves each vertex by whole turns to within half a turn of the one before. The first stays.
fn unwrap(drawn: &[Vertex]) -> Vec<Vertex> {
    let mut last = drawn[0].lon;
    let nearest = |vertex: &Vertex| {
        // The difference, taken into −180° ..< 180°; exactly half a turn stays as it was drawn.
        let apart = vertex.lon - last;
        if apart.abs() > HALF_TURN {
            last += (apart + HALF_TURN).rem_euclid(TURN) - HALF_TURN;
        } else {
            last = vertex.lon;
        }
        Vertex { lat: vertex.lat, lon: last }
    };
    drawn.iter().map(nearest).collect()
}

/// Twice the area in the plane is not zero.
fn encloses_something(ring: &[Vertex]) -> bool {
    let cross = |(from, to): (&Vertex, &Vertex)| {
        i128::from(from.lon) * i128::from(to.lat) - i128::from(to.lon) * i128::from(from.lat)
    };
    ring.iter().zip(next(ring)).map(cross).sum::<i128>() != 0
}

/// Puts vertices on long edges along parallels, where any point of the edge is exact.
fn halve(drawn: &[Vertex]) -> Result<Ring, BadRing> {
    let mut ring = Vec::with_capacity(drawn.len() + 4);
    for (from, to) in drawn.iter().zip(next(drawn)) {
        ring.push(*from);
        if !is_long(*from, *to) {
            continue;
        }
        if from.lat != to.lat {
            return Err(BadRing::Edge(degrees(from.lon), degrees(to.lon)));
        }
        let steps = (to.lon - from.lon).abs() / HALF_TURN + 1;
        let between = (1..steps).map(|step| from.lon + (to.lon - from.lon) * step / steps);
        ring.extend(between.map(|lon| Vertex { lat: from.lat, lon }));
    }
    Ok(Ring(ring))
}

fn is_long(from: Vertex, to: Vertex) -> bool {
    (to.lon - from.lon).abs() > HALF_TURN
}

fn next(ring: &[Vertex]) -> impl Iterator<Item = &Vertex> {
    ring.iter().cycle().skip(1)
}

fn degrees(lon: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for an error message")]
    let lon = lon as f64;
    lon / E7
}
