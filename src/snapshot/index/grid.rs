//! The grid: longitude and latitude as two unsigned coordinates, and its square cells.
//!
//! x = longitude + 180°, y = latitude + 90°, in units of 1e-7 degrees; a cell of shift s covers 2^s × 2^s of
//! them. A unit of y is 11 mm, so shift 11 is 23 m and shift 20 is 12 km.

use crate::domain::units::{HALF_TURN_E7, PointE7, QUARTER_TURN_E7};
use crate::geo::cover::{CosRange, Rect};

/// How many values x takes: 360°.
pub const WIDTH: i64 = 2 * HALF_TURN_E7 as i64;

/// A point on the grid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GridPoint {
    /// Eastward from the antimeridian.
    pub x: u32,
    /// Northward from the south pole.
    pub y: u32,
}

impl From<PointE7> for GridPoint {
    #[inline]
    fn from(p: PointE7) -> Self {
        Self {
            x: p.lon.wrapping_add(HALF_TURN_E7).cast_unsigned(),
            y: p.lat.wrapping_add(QUARTER_TURN_E7).cast_unsigned(),
        }
    }
}

impl From<GridPoint> for PointE7 {
    fn from(p: GridPoint) -> Self {
        Self {
            lat: p.y.cast_signed().wrapping_sub(QUARTER_TURN_E7),
            lon: p.x.cast_signed().wrapping_sub(HALF_TURN_E7),
        }
    }
}

/// A square cell, by its south-west corner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    /// West border.
    pub x: i64,
    /// South border.
    pub y: i64,
    /// It is 2^`shift` wide and high.
    pub shift: u32,
}

impl Cell {
    /// Width and height.
    #[must_use]
    pub const fn size(self) -> i64 {
        1 << self.shift
    }

    /// The child in this column and row when each coordinate is split in 2^`bits`.
    #[must_use]
    pub const fn child(self, bits: u32, column: i64, row: i64) -> Self {
        let shift = self.shift - bits;
        Self { x: self.x + (column << shift), y: self.y + (row << shift), shift }
    }

    /// The cosines of its latitudes.
    #[must_use]
    pub fn cosines(self) -> CosRange {
        let rect = self.rect();
        CosRange::over(rect.south, rect.north)
    }

    /// The points of the cell as a closed rectangle of coordinates.
    #[must_use]
    pub const fn rect(self) -> Rect {
        let west = self.x - HALF_TURN_E7 as i64;
        let south = self.y - QUARTER_TURN_E7 as i64;
        Rect { west, east: west + self.size() - 1, south, north: south + self.size() - 1 }
    }
}
