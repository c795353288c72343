//! Polygons cut down to cells: the edges that matter there, and which side its west border is on.
//!
//! Containment by the half-open rule is the parity of the edges to the east of a point on its row. Within a
//! cell that is the parity at the row's western end, turned once by each edge that crosses the row between
//! that end and the point; such an edge meets the cell. So a [`Piece`] keeps the edges that meet its cell,
//! the parity at the south-west corner, and the rows at which the parity flips along the west border. All of
//! it is exact: whether an edge crosses a row at or west of a border is a range of rows, found in integers.
//! (A border is only where counting starts: an edge through a point of it counts as west of that point.)

use super::grid::{Cell, WIDTH};
use crate::domain::target::Ring;
use crate::domain::units::{HALF_TURN_E7, QUARTER_TURN_E7};
use crate::geo::polygon;

/// An edge on the grid, from its lower end to its upper; level edges cross no row and are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GridEdge {
    pub x1: i64,
    pub y1: i64,
    pub x2: i64,
    pub y2: i64,
}

/// The row of the north pole, the last there is.
const POLE_ROW: i64 = polygon::NORTH_POLE + QUARTER_TURN_E7 as i64;

/// A polygon within a cell, or all of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    /// A superset of the edges that meet the cell.
    pub edges: Vec<GridEdge>,
    /// Whether the south-west corner is inside.
    pub corner: bool,
    /// The rows north of the corner at which that changes along the west border, ascending.
    pub flips: Vec<i64>,
}

/// Where a piece is valid: the western border its flips are for, and its rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub west: i64,
    pub south: i64,
    /// The first row past it.
    pub north: i64,
}

/// The bounds of a polygon on the grid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub west: i64,
    pub east: i64,
    pub south: i64,
    pub north: i64,
}

impl Frame {
    /// West of everything: nothing is to the west of it and its border is outside.
    pub(super) const ALL: Self =
        Self { west: i64::MIN / 4, south: i64::MIN / 4, north: i64::MAX / 4 };

    pub(super) const fn of(cell: Cell) -> Self {
        Self { west: cell.x, south: cell.y, north: cell.y + cell.size() }
    }
}

/// The whole polygon as pieces of [`Frame::ALL`]: itself, and moved by a turn either way where that brings
/// some of it onto the grid.
pub(super) fn whole(rings: &[Ring]) -> Vec<(Piece, Bounds)> {
    let edges: Vec<GridEdge> =
        rings.iter().flat_map(polygon::edges).flat_map(GridEdge::of).collect();
    let Some(bounds) = Bounds::around(&edges) else { return Vec::new() };
    [0, -WIDTH, WIDTH]
        .into_iter()
        .filter(|shift| bounds.east + shift > 0 && bounds.west + shift < WIDTH)
        .map(|shift| {
            let edges = edges.iter().map(|edge| edge.moved(shift)).collect();
            let bounds = Bounds { west: bounds.west + shift, east: bounds.east + shift, ..bounds };
            (Piece { edges, corner: false, flips: Vec::new() }, bounds)
        })
        .collect()
}

impl Bounds {
    fn around(edges: &[GridEdge]) -> Option<Self> {
        Some(Self {
            west: edges.iter().map(|edge| edge.x1.min(edge.x2)).min()?,
            east: edges.iter().map(|edge| edge.x1.max(edge.x2)).max()?,
            south: edges.iter().map(|edge| edge.y1).min()?,
            north: edges.iter().map(|edge| edge.y2).max()?,
        })
    }
}

impl Piece {
    /// The rows at which parity changes along the border at `x`, from outside below the frame, ascending.
    /// `x` lies at or east of the frame's west border and within reach of the piece's edges.
    pub(super) fn border(&self, frame: Frame, x: i64, rows: &mut Vec<i64>) {
        rows.clear();
        if self.corner {
            rows.push(frame.south);
        }
        rows.extend_from_slice(&self.flips);
        for edge in &self.edges {
            let (low, high) = (edge.x1.min(edge.x2), edge.x1.max(edge.x2));
            let off = edge.y2 <= frame.south || edge.y1 >= frame.north;
            if off || high <= frame.west || low > x {
                continue;
            }
            for border in [x, frame.west] {
                let (from, to) = edge.rows_west_of(border);
                let (from, to) = (from.max(frame.south), to.min(frame.north));
                if from < to {
                    rows.extend([from, to]);
                }
            }
        }
        rows.sort_unstable();
        cancel_pairs(rows);
    }

    /// This piece cut to a cell whose west border has these rows.
    pub(super) fn cut(&self, cell: Cell, rows: &[i64]) -> Self {
        let first = rows.partition_point(|&row| row <= cell.y);
        let last = rows.partition_point(|&row| row < cell.y + cell.size());
        let edges = self.edges.iter().filter(|edge| edge.meets(cell)).copied().collect();
        let flips = rows.get(first..last).unwrap_or_default().to_vec();
        Self { edges, corner: first % 2 == 1, flips }
    }

    /// Whether all points of the cell are on the same side, that of the corner.
    pub(super) fn is_settled(&self) -> bool {
        self.edges.is_empty() && self.flips.is_empty()
    }
}

/// Removes equal neighbours in pairs from a sorted list: two changes at one row are none.
fn cancel_pairs(rows: &mut Vec<i64>) {
    let mut kept = 0;
    for at in 0..rows.len() {
        if kept > 0 && rows[kept - 1] == rows[at] {
            kept -= 1;
        } else {
            rows[kept] = rows[at];
            kept += 1;
        }
    }
    rows.truncate(kept);
}

impl GridEdge {
    /// An edge as one on the grid, and where it ends on the pole's row as one more that counts there, straight up:
    /// the [rule](polygon) for that row, without a word of it in the look-up.
    fn of(edge: polygon::Edge) -> impl Iterator<Item = Self> {
        let edge = Self::new(edge);
        let last = edge.filter(|edge| edge.y2 == POLE_ROW);
        let up = last.map(|edge| Self { x1: edge.x2, y1: POLE_ROW, y2: POLE_ROW + 1, ..edge });
        edge.into_iter().chain(up)
    }

    fn new((a, b): polygon::Edge) -> Option<Self> {
        let (low, high) = if a.lat <= b.lat { (a, b) } else { (b, a) };
        let (east, north) = (i64::from(HALF_TURN_E7), i64::from(QUARTER_TURN_E7));
        let edge = Self {
            x1: low.lon + east,
            y1: low.lat + north,
            x2: high.lon + east,
            y2: high.lat + north,
        };
        (edge.y1 < edge.y2).then_some(edge)
    }

    fn moved(self, shift: i64) -> Self {
        Self { x1: self.x1 + shift, x2: self.x2 + shift, ..self }
    }

    /// The half-open range of the edge's rows on which it crosses at or west of `x`.
    fn rows_west_of(self, x: i64) -> (i64, i64) {
        let (run, rise, gap) = (self.x2 - self.x1, self.y2 - self.y1, x - self.x1);
        if gap.min(x - self.x2) >= 0 {
            (self.y1, self.y2)
        } else if gap.max(x - self.x2) < 0 {
            (self.y1, self.y1)
        } else if run > 0 {
            (self.y1, (self.y1 + floor_share(gap, rise, run) + 1).min(self.y2))
        } else {
            // Here the edge leans west: it is at or west of x from the row ⌈−gap · rise / −run⌉ on.
            (self.y1 - floor_share(gap, rise, -run), self.y2)
        }
    }

    /// Whether the edge meets the closed square of the cell.
    fn meets(self, cell: Cell) -> bool {
        let size = cell.size();
        let (low, high) = (self.x1.min(self.x2), self.x1.max(self.x2));
        if low > cell.x + size || high < cell.x || self.y1 > cell.y + size || self.y2 < cell.y {
            return false;
        }
        let (run, rise) = (self.x2 - self.x1, self.y2 - self.y1);
        // The side of the line at the two corners farthest off it on either hand.
        let (left, right) = (cell.x - self.x1, cell.x + size - self.x1);
        let (bottom, top) = (cell.y - self.y1, cell.y + size - self.y1);
        let (up, down) = if run >= 0 { (top, bottom) } else { (bottom, top) };
        side(run, up, rise, left) >= 0 && side(run, down, rise, right) <= 0
    }
}

/// The sign of run · dy − rise · dx.
fn side(run: i64, dy: i64, rise: i64, dx: i64) -> i128 {
    let fits = (run.abs() | dy.abs() | rise | dx.abs()) < 1 << 31;
    if fits {
        i128::from(run * dy - rise * dx)
    } else {
        i128::from(run) * i128::from(dy) - i128::from(rise) * i128::from(dx)
    }
}

/// ⌊a · b / c⌋ for c > 0. The result is within b of 0 when |a| ≤ c.
#[expect(clippy::cast_possible_truncation, reason = "a border between an edge's ends has |a| ≤ c")]
fn floor_share(a: i64, b: i64, c: i64) -> i64 {
    match a.checked_mul(b) {
        Some(product) => product.div_euclid(c),
        None => (i128::from(a) * i128::from(b)).div_euclid(i128::from(c)) as i64,
    }
}
