//! Builds a tile: the look-up arrays for what one region has to deal with.
//!
//! The root is a dense grid over all that is undecided, as fine as keeps the number of (root cell, target) pairs
//! within a few per target. Polygons are cut to the root cells first, large ones by way of coarser cells;
//! then each root cell is [split](super::split) on its own. A tile that outgrows its budget, as one of many
//! near-identical large shapes would, is built again coarser.

use hashbrown::HashMap;

use super::block::{MAX_SHIFT, TileBlock};
use super::build::Grain;
use super::clip::{Bounds, Frame};
use super::grid::{Cell, WIDTH};
use super::layout::{Full, Layout, Leaf};
use super::part::{Form, Part, Share};
use super::split::{Circle, Fineness, Ordinal, PieceOf, Splitter, Undecided, fill_borders};

/// The tile of a region. The same share gives the same tile.
///
/// # Errors
/// [`Full`] when the arrays outgrow 32-bit offsets even when built coarse.
pub(super) fn build(share: Share, cell: Cell, grain: Grain) -> Result<TileBlock, Full> {
    let plan = Plan::new(share, cell);
    let budget = BUDGET_WORDS + WORDS_PER_TARGET * plan.ids.len() + WORDS_PER_EDGE * plan.edges();
    let first = match grain {
        Grain::Fine => FINE,
        Grain::Coarse => SPARING,
    };
    for (fineness, budget) in [(first, budget), (MEDIUM, budget), (COARSE, usize::MAX)] {
        if let Ok(built) = plan.cells(fineness, budget) {
            return Ok(built);
        }
    }
    Err(Full)
}

const FINE: Fineness = Fineness { leaf_cost: 8.0, least_shift: 9, crowded_shift: 9 };
/// The least leaf cost that brings a million circles of w3 under 400 MB.
const SPARING: Fineness = Fineness { leaf_cost: 18.0, ..FINE };
const MEDIUM: Fineness = Fineness { leaf_cost: 12.0, least_shift: 13, crowded_shift: 13 };
const COARSE: Fineness = Fineness { leaf_cost: 32.0, least_shift: 17, crowded_shift: 19 };

/// What a tile may take before it is built coarser: 4 MiB, 8 KiB a target, 256 bytes an edge.
const BUDGET_WORDS: usize = 1 << 20;
const WORDS_PER_TARGET: usize = 1 << 11;
const WORDS_PER_EDGE: usize = 1 << 6;

/// What does not depend on the fineness.
struct Plan {
    /// The undecided targets, ascending; a place there is an [`Ordinal`].
    ids: Vec<u32>,
    circles: Vec<Circle>,
    /// Targets by their ordinals.
    parts: Vec<Placed>,
    inside: Vec<u32>,
    root: Root,
}

/// A part with its target's ordinal.
struct Placed {
    target: Ordinal,
    bounds: Bounds,
    /// The polygon's piece; `None` for a circle.
    piece: Option<PieceOf>,
}

/// The dense root's place and size, in cells of 2^`shift`.
#[derive(Clone, Copy, Debug)]
struct Root {
    /// The region it lies in.
    tile: Cell,
    shift: u32,
    at: [i64; 2],
    size: [i64; 2],
}

/// What a root cell has to deal with.
#[derive(Default)]
struct RootCell {
    undecided: Undecided,
    base: Vec<Ordinal>,
}

impl RootCell {
    /// A target that contains the cell is not undecided as well, a turn away.
    fn settle(&mut self) {
        self.base.sort_unstable();
        self.base.dedup();
        let base = &self.base;
        self.undecided.pieces.retain(|piece| base.binary_search(&piece.target).is_err());
    }
}

impl Plan {
    fn new(share: Share, cell: Cell) -> Self {
        let mut ids: Vec<u32> = share.parts.iter().map(|part| part.target).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut circles = vec![None; ids.len()];
        let mut parts = Vec::with_capacity(share.parts.len());
        for Part { target, bounds, form } in share.parts {
            let Ok(place) = ids.binary_search(&target) else { continue };
            let target = Ordinal::try_from(place).unwrap_or(Ordinal::MAX);
            let piece = match form {
                Form::Circle(circle) => {
                    circles[place] = circle;
                    None
                }
                Form::Piece(piece) => Some(PieceOf { target, ..piece }),
            };
            parts.push(Placed { target, bounds, piece });
        }
        let root = Root::over(&parts, cell);
        Self { ids, circles, parts, inside: share.inside, root }
    }

    fn edges(&self) -> usize {
        let pieces = self.parts.iter().filter_map(|part| part.piece.as_ref());
        pieces.map(|of| of.piece.edges.len()).sum()
    }

    /// The look-up arrays, or [`Full`] past the budget.
    fn cells(&self, fineness: Fineness, budget: usize) -> Result<TileBlock, Full> {
        let mut splitter = Splitter {
            circles: &self.circles,
            ids: &self.ids,
            inside: &self.inside,
            fineness,
            layout: Layout::default(),
        };
        let outside = self.outside(&mut splitter)?;
        let [columns, rows] = self.root.size;
        let slots = usize::try_from(columns * rows).map_err(|_too_many| Full)?;
        splitter.layout.block.root = vec![outside; slots];
        let mut cells = self.root_cells(&splitter);
        let mut order: Vec<usize> = cells.keys().copied().collect();
        order.sort_unstable();
        for slot in order {
            let Some(mut found) = cells.remove(&slot) else { continue };
            found.settle();
            let cell = self.root.cell(slot);
            let entry = splitter.root_cell(cell, &found.undecided, found.base)?;
            splitter.layout.block.root[slot] = entry;
            if splitter.layout.words() > budget {
                return Err(Full);
            }
        }
        Ok(self.finish(splitter.layout))
    }

    /// The first leaf, for all points of the tile outside the root.
    fn outside(&self, splitter: &mut Splitter<'_>) -> Result<u32, Full> {
        let group = splitter.layout.group(&self.inside, &[])?;
        let (shift, circles, polygons) = (0, 0, 0);
        splitter.layout.leaf(Leaf { group, shift, circles, polygons, mask: 0, tests: &[] })
    }

    /// Every root cell that some target is undecided in or contains.
    fn root_cells(&self, splitter: &Splitter<'_>) -> HashMap<usize, RootCell> {
        let mut cells = HashMap::new();
        for part in &self.parts {
            match &part.piece {
                None => self.root.place_circle(part, splitter, &mut cells),
                Some(piece) => {
                    let shift = self.root.first_shift(&part.bounds);
                    self.root.place_piece(
                        piece,
                        self.root.frame(),
                        &part.bounds,
                        shift,
                        &mut cells,
                    );
                }
            }
        }
        cells
    }

    fn finish(&self, layout: Layout) -> TileBlock {
        let word = |value: i64| u32::try_from(value).unwrap_or_default();
        let mut block = layout.block;
        block.members.clone_from(&self.ids);
        block.base.clone_from(&self.inside);
        block.root_shift = self.root.shift;
        block.root_at = self.root.at.map(word);
        block.root_size = self.root.size.map(word);
        block
    }
}

impl Root {
    /// The finest root with few enough pairs.
    fn over(parts: &[Placed], tile: Cell) -> Self {
        let pairs_limit = PAIRS_PER_PART * i64::try_from(parts.len()).unwrap_or(i64::MAX / 64);
        let coarsest = tile.shift.min(MAX_SHIFT);
        let grid = (LEAST_ROOT_SHIFT..=coarsest)
            .map(|shift| Self::at_shift(parts, tile, shift))
            .find(|root| root.fits(parts, pairs_limit + PAIRS_SPARE));
        grid.unwrap_or_else(|| Self::at_shift(parts, tile, coarsest))
    }

    /// Where pieces that are cut to the tile are valid.
    fn frame(&self) -> Frame {
        Frame::of(self.tile)
    }

    fn at_shift(parts: &[Placed], tile: Cell, shift: u32) -> Self {
        let (mut low, mut high) = ([i64::MAX; 2], [i64::MIN; 2]);
        for Placed { bounds, .. } in parts {
            let (from, to) = clamped(bounds, shift);
            for axis in 0..2 {
                low[axis] = low[axis].min(from[axis]);
                high[axis] = high[axis].max(to[axis]);
            }
        }
        if parts.is_empty() {
            return Self { tile, shift, at: [0; 2], size: [0; 2] };
        }
        Self { tile, shift, at: low, size: [0, 1].map(|axis| high[axis] - low[axis] + 1) }
    }

    fn fits(&self, parts: &[Placed], pairs_limit: i64) -> bool {
        let slots = self.size[0] * self.size[1];
        if slots > pairs_limit {
            return false;
        }
        let pairs = parts.iter().map(|part| {
            let (from, to) = clamped(&part.bounds, self.shift);
            (to[0] - from[0] + 1) * (to[1] - from[1] + 1)
        });
        pairs.sum::<i64>() <= pairs_limit
    }

    fn cell(&self, slot: usize) -> Cell {
        let slot = i64::try_from(slot).unwrap_or_default();
        self.at(self.at[0] + slot % self.size[0], self.at[1] + slot / self.size[0])
    }

    /// The root cell in this column and row of the grid.
    fn at(&self, column: i64, row: i64) -> Cell {
        Cell { x: column << self.shift, y: row << self.shift, shift: self.shift }
    }

    /// The slot of the root cell in this column and row of the grid.
    fn slot(&self, column: i64, row: i64) -> Option<usize> {
        let (column, row) = (column - self.at[0], row - self.at[1]);
        let inside = (0..self.size[0]).contains(&column) && (0..self.size[1]).contains(&row);
        inside.then(|| usize::try_from(row * self.size[0] + column).ok())?
    }

    fn place_circle(
        &self,
        part: &Placed,
        splitter: &Splitter<'_>,
        cells: &mut HashMap<usize, RootCell>,
    ) {
        let (from, to) = clamped(&part.bounds, self.shift);
        let alone = Undecided { circles: vec![part.target], pieces: Vec::new() };
        for row in from[1]..=to[1] {
            let cosines = self.at(from[0], row).cosines();
            for column in from[0]..=to[0] {
                let Some(slot) = self.slot(column, row) else { continue };
                let cell = self.at(column, row);
                let (rest, found) = splitter.narrow((cell, cosines), &alone, &[]);
                if rest.circles.is_empty() && found.is_empty() {
                    continue;
                }
                let cell = cells.entry(slot).or_default();
                cell.undecided.circles.extend(rest.circles);
                cell.base.extend(found);
            }
        }
    }

    /// The shift at which cutting starts: a few hundred cells at most, in steps of 3 above the root's.
    fn first_shift(&self, bounds: &Bounds) -> u32 {
        let mut shift = self.shift;
        loop {
            let (from, to) = clamped(bounds, shift);
            if (to[0] - from[0] + 1) * (to[1] - from[1] + 1) <= 64 || shift >= MAX_SHIFT {
                return shift;
            }
            shift += 3;
        }
    }

    /// Cuts a piece to the cells of this shift within the bounds, and on down to the root's.
    fn place_piece(
        &self,
        whole: &PieceOf,
        frame: Frame,
        bounds: &Bounds,
        shift: u32,
        cells: &mut HashMap<usize, RootCell>,
    ) {
        let (from, to) = clamped(bounds, shift);
        let mut borders = Vec::new();
        for column in from[0]..=to[0] {
            fill_borders(std::slice::from_ref(whole), frame, column << shift, &mut borders);
            let Some(rows) = borders.first() else { return };
            for row in from[1]..=to[1] {
                let cell = Cell { x: column << shift, y: row << shift, shift };
                let piece = whole.piece.cut(cell, rows);
                let cut = PieceOf { piece, ..*whole };
                self.place_cut(cut, cell, bounds, cells);
            }
        }
    }

    fn place_cut(
        &self,
        cut: PieceOf,
        cell: Cell,
        bounds: &Bounds,
        cells: &mut HashMap<usize, RootCell>,
    ) {
        let bounds = bounds.within(cell);
        if cut.piece.is_settled() {
            let (from, to) = clamped(&bounds, self.shift);
            let inside = cut.piece.corner;
            for row in (from[1]..=to[1]).filter(|_| inside) {
                let slots = (from[0]..=to[0]).filter_map(|column| self.slot(column, row));
                slots.for_each(|slot| cells.entry(slot).or_default().base.push(cut.target));
            }
        } else if cell.shift == self.shift {
            let slot = self.slot(cell.x >> self.shift, cell.y >> self.shift);
            if let Some(slot) = slot {
                cells.entry(slot).or_default().undecided.pieces.push(cut);
            }
        } else {
            self.place_piece(&cut, Frame::of(cell), &bounds, cell.shift - 3, cells);
        }
    }
}

/// Root cells and (root cell, target) pairs allowed per part and beyond; the pairs are what building holds in
/// memory, the cells what the root costs.
const PAIRS_PER_PART: i64 = 4;
const PAIRS_SPARE: i64 = 1 << 12;

/// Root cells are at least 11 m wide: below that, nodes do as well.
const LEAST_ROOT_SHIFT: u32 = 10;

/// The first and last column and row of the grid's cells that the bounds touch.
fn clamped(bounds: &Bounds, shift: u32) -> ([i64; 2], [i64; 2]) {
    let height = WIDTH / 2;
    let from = [bounds.west.clamp(0, WIDTH - 1), bounds.south.clamp(0, height)];
    let to = [bounds.east.clamp(0, WIDTH - 1), bounds.north.clamp(0, height)];
    (from.map(|at| at >> shift), to.map(|at| at >> shift))
}
