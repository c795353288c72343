//! A quick look at a polygon that most of them pass: no edge meets another, and each hole lies in the outer ring alone.
//!
//! The full check compares each edge with each, and names what is wrong. This one goes along the edges from west to east
//! and compares those that are side by side, in whole numbers, so it is exact; what does not pass goes to the full check.

use crate::domain::target::Vertex;

/// Whether rings surely are a sound polygon: an outer ring, then holes, each without repeated neighbours and without
/// spikes. `false` says nothing.
pub(super) fn is_surely_sound(rings: &[Vec<Vertex>]) -> bool {
    let Some((outer, holes)) = rings.split_first() else { return false };
    if rings.iter().any(|ring| ring.len() < 3) || any_meet(edges(rings)) {
        return false;
    }
    // Rings that do not meet lie inside of each other with all their vertices or with none.
    holes.iter().enumerate().all(|(at, hole)| {
        let mut others = holes.iter().enumerate().filter(|(other, _)| *other != at);
        is_inside(hole[0], outer) && !others.any(|(_, other)| is_inside(hole[0], other))
    })
}

/// An edge from one vertex of a ring to the next.
#[derive(Clone, Copy)]
struct Edge {
    from: Vertex,
    to: Vertex,
    ring: usize,
    /// Its place in the ring, and how many edges the ring has.
    at: usize,
    of: usize,
}

impl Edge {
    fn west(&self) -> i64 {
        self.from.lon.min(self.to.lon)
    }

    fn east(&self) -> i64 {
        self.from.lon.max(self.to.lon)
    }

    fn south(&self) -> i64 {
        self.from.lat.min(self.to.lat)
    }

    fn north(&self) -> i64 {
        self.from.lat.max(self.to.lat)
    }

    /// Whether they share a vertex of their ring, and so nothing else: a ring without spikes goes on from it.
    fn is_next_to(&self, other: &Self) -> bool {
        let apart = self.at.abs_diff(other.at);
        self.ring == other.ring && (apart == 1 || apart + 1 == self.of)
    }

    /// Whether they have a point in common.
    fn meets(&self, other: &Self) -> bool {
        if self.north() < other.south() || other.north() < self.south() {
            return false;
        }
        let sides = |edge: &Self, line: &Self| {
            let [from, to] = [edge.from, edge.to].map(|end| side(line.from, line.to, end).signum());
            (from, to)
        };
        let ((from, to), (other_from, other_to)) = (sides(self, other), sides(other, self));
        if (from, to) == (0, 0) {
            // On one line: they overlap where their spans do, and those of latitude were looked at.
            return self.west() <= other.east() && other.west() <= self.east();
        }
        from * to <= 0 && other_from * other_to <= 0
    }
}

fn edges(rings: &[Vec<Vertex>]) -> Vec<Edge> {
    let of_ring = |(ring, vertices): (usize, &Vec<Vertex>)| {
        let of = vertices.len();
        let edge =
            |at: usize| Edge { from: vertices[at], to: vertices[(at + 1) % of], ring, at, of };
        (0..of).map(edge).collect::<Vec<_>>()
    };
    rings.iter().enumerate().flat_map(of_ring).collect()
}

fn any_meet(mut edges: Vec<Edge>) -> bool {
    edges.sort_unstable_by_key(Edge::west);
    edges.iter().enumerate().any(|(at, edge)| {
        let east = edge.east();
        let mut beside = edges[at + 1..].iter().take_while(|other| other.west() <= east);
        beside.any(|other| !edge.is_next_to(other) && edge.meets(other))
    })
}

/// On which side of a line a point lies: the sign says.
fn side(from: Vertex, to: Vertex, point: Vertex) -> i128 {
    let along = (i128::from(to.lon - from.lon), i128::from(to.lat - from.lat));
    let at = (i128::from(point.lon - from.lon), i128::from(point.lat - from.lat));
    along.0 * at.1 - along.1 * at.0
}

/// Whether a point that is on no edge lies inside of a ring: a ray to the east crosses it an odd number of times.
fn is_inside(point: Vertex, ring: &[Vertex]) -> bool {
    let next = ring.iter().cycle().skip(1);
    let crossed = ring.iter().zip(next).filter(|(from, to)| {
        let rises = from.lat <= point.lat && point.lat < to.lat;
        let falls = to.lat <= point.lat && point.lat < from.lat;
        let side = side(**from, **to, point);
        (rises && side > 0) || (falls && side < 0)
    });
    crossed.count() % 2 == 1
}
