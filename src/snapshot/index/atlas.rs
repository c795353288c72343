//! Which tile a point is in.
//!
//! The grid is quartered until what is undecided in a region is little enough for one tile ([`build`](mod@super::build)
//! says how little). The block keeps that tree, from which the next build goes on; [`AtlasGrid`] is the same made
//! for look-ups: a dense grid over the middle of things, and nodes of 8 × 8 below and around it.

use super::grid::{Cell, GridPoint};
use crate::domain::units::PointE7;
use crate::snapshot::block::ContentError;

/// The tree of regions, each before its four quarters: south-west, south-east, north-west, north-east.
#[derive(Clone, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize)]
#[rkyv(derive(Debug))]
pub struct AtlasBlock {
    /// The [`version`](super::build::Grain::version) of the way it was built: an index is not built upon another's.
    pub version: u32,
    /// What is undecided in each region, as the build weighs it.
    pub weights: Vec<u32>,
    /// Each region's tile; [`QUARTERED`] where its quarters follow.
    pub tiles: Vec<u32>,
}

/// In place of a tile's number.
pub const QUARTERED: u32 = u32::MAX;

/// The region that all others are quarters of: the whole grid and more.
pub const WHOLE: Cell = Cell { x: 0, y: 0, shift: 32 };

/// Regions are not quartered below this, 1.4 km: what crowds there crowds in one tile.
pub const LEAST_SHIFT: u32 = 17;

impl Cell {
    /// Its quarters in their order.
    #[must_use]
    pub(super) const fn quarters(self) -> [Self; 4] {
        [self.child(1, 0, 0), self.child(1, 1, 0), self.child(1, 0, 1), self.child(1, 1, 1)]
    }
}

impl ArchivedAtlasBlock {
    /// Tells `each` every region in order: its cell, its place in the arrays, and its tile where it has one.
    ///
    /// # Errors
    /// Where the arrays are no tree of regions.
    pub fn walk(&self, mut each: impl FnMut(Cell, usize, Option<u32>)) -> Result<(), ContentError> {
        let broken = |position| ContentError {
            array: "tiles",
            position,
            rule: "every quartered region must be followed by its quarters, and nothing more",
        };
        if self.weights.len() != self.tiles.len() {
            return Err(broken(self.weights.len()));
        }
        let mut waiting = vec![WHOLE];
        for (position, tile) in self.tiles.iter().enumerate() {
            let cell = waiting.pop().ok_or(broken(position))?;
            if tile.to_native() != QUARTERED {
                each(cell, position, Some(tile.to_native()));
            } else if cell.shift > LEAST_SHIFT {
                each(cell, position, None);
                waiting.extend(cell.quarters().into_iter().rev());
            } else {
                return Err(broken(position));
            }
        }
        if waiting.is_empty() { Ok(()) } else { Err(broken(self.tiles.len())) }
    }
}

/// Entries of the grid: twice a tile's number, or twice the place of a node's children in `nodes` and one.
type Entry = u32;

/// The tree made for look-ups.
#[derive(Debug)]
pub struct AtlasGrid {
    /// The dense grid's place, size and cells.
    shift: u32,
    at: [u32; 2],
    size: [u32; 2],
    dense: Vec<Entry>,
    /// The entry of the whole, for points beside the dense grid.
    whole: Entry,
    nodes: Vec<Entry>,
}

/// Each coordinate of a node's cell is split in 2^`FAN_BITS`.
const FAN_BITS: u32 = 3;
const FAN: u32 = 1 << FAN_BITS;

/// The dense grid has at most so many cells: 64 KiB.
const DENSE_CELLS: i64 = 1 << 14;

impl AtlasGrid {
    /// Makes a tree ready. `is_empty` tells of a tile that nothing is undecided in it.
    ///
    /// # Errors
    /// Where the block is no tree of regions.
    pub fn of(
        block: &ArchivedAtlasBlock,
        is_empty: impl Fn(u32) -> bool,
    ) -> Result<Self, ContentError> {
        let mut regions: Vec<(Cell, u32)> = Vec::new();
        block.walk(|cell, _, tile| regions.extend(tile.map(|tile| (cell, tile))))?;
        let busy: Vec<Cell> =
            regions.iter().filter(|(_, tile)| !is_empty(*tile)).map(|(cell, _)| *cell).collect();
        let mut grid = Self::around(&busy);
        for &(cell, tile) in &regions {
            grid.paint_dense(cell, tile << 1);
            grid.whole = grid.painted((grid.whole, WHOLE), cell, tile << 1);
        }
        Ok(grid)
    }

    /// What it takes, bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        size_of_val(&self.dense[..]) + size_of_val(&self.nodes[..])
    }

    /// The tile of a point.
    #[inline]
    #[must_use]
    pub fn tile(&self, p: PointE7) -> u32 {
        let at = GridPoint::from(p);
        let column = (at.x >> self.shift).wrapping_sub(self.at[0]);
        let row = (at.y >> self.shift).wrapping_sub(self.at[1]);
        let slot = row as usize * self.size[0] as usize + column as usize;
        let inside = column < self.size[0] && row < self.size[1];
        let dense = if inside { self.dense.get(slot) } else { None };
        let (mut entry, mut shift) =
            dense.map_or((self.whole, WHOLE.shift), |&at| (at, self.shift));
        while entry & 1 == 1 {
            shift = shift.saturating_sub(FAN_BITS);
            entry = self.nodes.get(child(entry, shift, at)).copied().unwrap_or_default();
        }
        entry >> 1
    }

    /// An unpainted grid over the cells, as fine as the smallest of them where that does not take too many.
    fn around(busy: &[Cell]) -> Self {
        let mut grid = Self {
            shift: 31,
            at: [0; 2],
            size: [0; 2],
            dense: Vec::new(),
            whole: 0,
            nodes: Vec::new(),
        };
        let finest = busy.iter().map(|cell| cell.shift).min().unwrap_or(WHOLE.shift);
        for shift in finest..=grid.shift {
            let ends = |low: fn(&Cell) -> i64| {
                let from = busy.iter().map(low).min().unwrap_or(0) >> shift;
                let to = busy.iter().map(|cell| low(cell) + cell.size() - 1).max().unwrap_or(-1);
                (from, (to >> shift) - from + 1)
            };
            let ((west, columns), (south, rows)) = (ends(|cell| cell.x), ends(|cell| cell.y));
            if columns * rows <= DENSE_CELLS {
                let word = |value: i64| u32::try_from(value).unwrap_or_default();
                (grid.shift, grid.at) = (shift, [word(west), word(south)]);
                grid.size = [word(columns), word(rows)];
                grid.dense = vec![0; usize::try_from(columns * rows).unwrap_or_default()];
                return grid;
            }
        }
        grid
    }

    fn paint_dense(&mut self, cell: Cell, entry: Entry) {
        let [west, south] = self.at.map(i64::from);
        let [columns, rows] = self.size.map(i64::from);
        let last = cell.size() - 1;
        let clamp = |from: i64, low: i64, count: i64| {
            let first = (from >> self.shift).max(low);
            first - low..(((from + last) >> self.shift) + 1).min(low + count).max(first) - low
        };
        let (across, up) = (clamp(cell.x, west, columns), clamp(cell.y, south, rows));
        for row in up {
            for column in across.clone() {
                let Ok(slot) = usize::try_from(row * columns + column) else { continue };
                let Some(&old) = self.dense.get(slot) else { continue };
                let (x, y) = ((west + column) << self.shift, (south + row) << self.shift);
                let slot_cell = Cell { x, y, shift: self.shift };
                self.dense[slot] = self.painted((old, slot_cell), cell, entry);
            }
        }
    }

    /// The entry of `around` once `cell`, which is it, around it or within it, has this entry.
    fn painted(&mut self, (old, around): (Entry, Cell), cell: Cell, entry: Entry) -> Entry {
        if cell.shift >= around.shift {
            return entry;
        }
        let node = if old & 1 == 1 { old } else { self.node(old) };
        let below = around.shift - FAN_BITS;
        let span = 1 << cell.shift.saturating_sub(below);
        let (column, row) = ((cell.x - around.x) >> below, (cell.y - around.y) >> below);
        for (column, row) in
            (column..column + span).flat_map(|c| (row..row + span).map(move |r| (c, r)))
        {
            let child = Cell {
                x: around.x + (column << below),
                y: around.y + (row << below),
                shift: below,
            };
            let at =
                (node >> 1) as usize + usize::try_from(row * i64::from(FAN) + column).unwrap_or(0);
            let old = self.nodes[at];
            self.nodes[at] = self.painted((old, child), cell, entry);
        }
        node
    }

    /// A new node all of whose children have this entry.
    fn node(&mut self, entry: Entry) -> Entry {
        let at = u32::try_from(self.nodes.len()).unwrap_or_default();
        self.nodes.resize(self.nodes.len() + (FAN * FAN) as usize, entry);
        at << 1 | 1
    }
}

/// Where in `nodes` the child of `entry` lies whose cells have this shift.
#[inline]
fn child(entry: Entry, shift: u32, at: GridPoint) -> usize {
    let (column, row) = (at.x >> shift & (FAN - 1), at.y >> shift & (FAN - 1));
    (entry >> 1) as usize + (row * FAN + column) as usize
}
