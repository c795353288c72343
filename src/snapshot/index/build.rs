//! Builds the index of one account from its targets' shapes.
//!
//! The root is a dense grid over all bounded targets, as fine as keeps the number of (root cell, target) pairs
//! within a few per target. Polygons are cut to the root cells first, large ones by way of coarser cells;
//! then each root cell is [split](super::split) on its own. An index that outgrows its budget, as one of many
//! near-identical large shapes would, is built again coarser.

use hashbrown::HashMap;

use super::block::{IndexBlock, MAX_SHIFT};
use super::clip::{self, Bounds, Frame};
use super::grid::{Cell, WIDTH};
use super::layout::{Full, Layout, Leaf};
use super::shapes::{self, TooWide};
use super::split::{Circle, Fineness, Ordinal, PieceOf, Splitter, Undecided, fill_borders};
use crate::domain::ids::TargetId;
use crate::domain::target::Shape;
use crate::domain::units::{HALF_TURN_E7, QUARTER_TURN_E7};
use crate::geo::area;
use crate::geo::cover::CircleCover;

/// Why targets cannot be indexed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// The same id twice.
    #[error("target {0} is given twice; ids are unique within an account")]
    Repeated(TargetId),
    /// A polygon that no map has.
    #[error(transparent)]
    TooWide(#[from] TooWide),
    /// The arrays outgrow 32-bit offsets even when built coarse.
    #[error("{targets} targets need an index of over 16 GiB; split the account's targets")]
    TooLarge {
        /// How many there were.
        targets: usize,
    },
}

/// The index over these targets, in any order. The same targets give the same block.
///
/// # Errors
/// [`IndexError`]; none of them for targets within the limits of the catalog.
pub fn build(targets: &[(TargetId, &Shape)]) -> Result<IndexBlock, IndexError> {
    let mut targets = targets.to_vec();
    targets.sort_by_key(|&(id, _)| id);
    if let Some(pair) = targets.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(IndexError::Repeated(pair[0].0));
    }
    let vertices: usize = targets.iter().map(|(_, shape)| vertex_count(shape)).sum();
    let budget = BUDGET_WORDS + WORDS_PER_TARGET * targets.len() + WORDS_PER_VERTEX * vertices;
    let plan = Plan::new(&targets);
    let mut block = None;
    for (fineness, budget) in [(FINE, budget), (MEDIUM, budget), (COARSE, usize::MAX)] {
        if let Ok(built) = plan.cells(fineness, budget) {
            block = Some(built);
            break;
        }
    }
    let mut block = block.ok_or(IndexError::TooLarge { targets: targets.len() })?;
    add_shapes(&mut block, &targets)?;
    Ok(block)
}

const FINE: Fineness = Fineness { leaf_cost: 5.0, least_shift: 9, crowded_shift: 9 };
const MEDIUM: Fineness = Fineness { leaf_cost: 12.0, least_shift: 13, crowded_shift: 13 };
const COARSE: Fineness = Fineness { leaf_cost: 32.0, least_shift: 17, crowded_shift: 19 };

/// What an index may take before it is built coarser: 64 MiB, 8 KiB a target, 256 bytes a vertex.
const BUDGET_WORDS: usize = 1 << 24;
const WORDS_PER_TARGET: usize = 1 << 11;
const WORDS_PER_VERTEX: usize = 1 << 6;

fn vertex_count(shape: &Shape) -> usize {
    match shape {
        Shape::Polygon { rings } => rings.iter().map(|ring| ring.0.len()).sum(),
        Shape::Circle { .. } | Shape::Everywhere => 0,
    }
}

/// A bounded part of a target, before cutting.
struct Part {
    target: Ordinal,
    bounds: Bounds,
    /// The polygon's piece; `None` for a circle.
    piece: Option<PieceOf>,
}

/// What does not depend on the fineness.
struct Plan {
    ids: Vec<u32>,
    circles: Vec<Circle>,
    everywhere: Vec<Ordinal>,
    parts: Vec<Part>,
    root: Root,
}

/// The dense root's place and size, in cells of 2^`shift`.
#[derive(Clone, Copy, Debug)]
struct Root {
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

impl Plan {
    fn new(targets: &[(TargetId, &Shape)]) -> Self {
        let mut plan = Self {
            ids: targets.iter().map(|(id, _)| id.0).collect(),
            circles: Vec::with_capacity(targets.len()),
            everywhere: Vec::new(),
            parts: Vec::with_capacity(targets.len()),
            root: Root { shift: MAX_SHIFT, at: [0; 2], size: [0; 2] },
        };
        for (target, (_, shape)) in (0..).zip(targets) {
            let circle = match shape {
                Shape::Circle { center, radius_m } => {
                    CircleCover::new(*center, *radius_m).map(|cover| (*center, cover))
                }
                Shape::Polygon { .. } | Shape::Everywhere => None,
            };
            plan.add(target, shape, circle.as_ref().map(|(_, cover)| cover));
            plan.circles.push(circle);
        }
        plan.root = Root::over(&plan.parts);
        plan
    }

    fn add(&mut self, target: Ordinal, shape: &Shape, circle: Option<&CircleCover>) {
        match shape {
            Shape::Everywhere => self.everywhere.push(target),
            Shape::Circle { .. } => {
                for bounds in circle.map(circle_bounds).unwrap_or_default() {
                    self.parts.push(Part { target, bounds, piece: None });
                }
            }
            Shape::Polygon { rings } => {
                let pieces = clip::whole(rings);
                let repeats = pieces.len() > 1;
                for (piece, bounds) in pieces {
                    let piece = Some(PieceOf { target, repeats, piece });
                    self.parts.push(Part { target, bounds, piece });
                }
            }
        }
    }

    /// The look-up arrays, or [`Full`] past the budget.
    fn cells(&self, fineness: Fineness, budget: usize) -> Result<IndexBlock, Full> {
        let mut splitter = Splitter {
            circles: &self.circles,
            ids: &self.ids,
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
            found.base.extend_from_slice(&self.everywhere);
            found.base.sort_unstable();
            found.base.dedup();
            let cell = self.root.cell(slot);
            let entry = splitter.root_cell(cell, &found.undecided, found.base)?;
            splitter.layout.block.root[slot] = entry;
            if splitter.layout.words() > budget {
                return Err(Full);
            }
        }
        Ok(self.finish(splitter.layout))
    }

    /// The first leaf, for all points outside the root.
    fn outside(&self, splitter: &mut Splitter<'_>) -> Result<u32, Full> {
        let base: Vec<u32> =
            self.everywhere.iter().map(|&target| self.ids[target as usize]).collect();
        let group = splitter.layout.group(&base, &[])?;
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
                    let frame = Frame::ALL;
                    self.root.place_piece(piece, frame, &part.bounds, shift, &mut cells);
                }
            }
        }
        cells
    }

    fn finish(&self, layout: Layout) -> IndexBlock {
        let word = |value: i64| u32::try_from(value).unwrap_or_default();
        let mut block = layout.block;
        block.ids.clone_from(&self.ids);
        block.root_shift = self.root.shift;
        block.root_at = self.root.at.map(word);
        block.root_size = self.root.size.map(word);
        block
    }
}

/// The parts of a circle's bounds on the grid: it may reach over the antimeridian.
fn circle_bounds(cover: &CircleCover) -> Vec<Bounds> {
    let rect = cover.bounds();
    let (west, east) = (rect.west + i64::from(HALF_TURN_E7), rect.east + i64::from(HALF_TURN_E7));
    let north = i64::from(QUARTER_TURN_E7);
    let (south, north) = (rect.south + north, rect.north + north);
    let spans: Vec<(i64, i64)> = if east - west >= WIDTH - 1 {
        vec![(0, WIDTH - 1)]
    } else {
        let shifted = [0, -WIDTH, WIDTH].map(|turn| (west + turn, east + turn));
        shifted.into_iter().filter(|&(west, east)| east >= 0 && west < WIDTH).collect()
    };
    spans.into_iter().map(|(west, east)| Bounds { west, east, south, north }).collect()
}

impl Root {
    /// The finest root with few enough pairs.
    fn over(parts: &[Part]) -> Self {
        let pairs_limit = PAIRS_PER_PART * i64::try_from(parts.len()).unwrap_or(i64::MAX / 64);
        let least = Self { shift: MAX_SHIFT, at: [0; 2], size: [0; 2] };
        (LEAST_ROOT_SHIFT..=MAX_SHIFT)
            .map(|shift| Self::at_shift(parts, shift))
            .find(|root| root.fits(parts, pairs_limit + PAIRS_SPARE))
            .unwrap_or_else(
                || if parts.is_empty() { least } else { Self::at_shift(parts, MAX_SHIFT) },
            )
    }

    fn at_shift(parts: &[Part], shift: u32) -> Self {
        let (mut low, mut high) = ([i64::MAX; 2], [i64::MIN; 2]);
        for Part { bounds, .. } in parts {
            let (from, to) = clamped(bounds, shift);
            for axis in 0..2 {
                low[axis] = low[axis].min(from[axis]);
                high[axis] = high[axis].max(to[axis]);
            }
        }
        if parts.is_empty() {
            return Self { shift, at: [0; 2], size: [0; 2] };
        }
        Self { shift, at: low, size: [0, 1].map(|axis| high[axis] - low[axis] + 1) }
    }

    fn fits(&self, parts: &[Part], pairs_limit: i64) -> bool {
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
        part: &Part,
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
const PAIRS_PER_PART: i64 = 8;
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

impl Bounds {
    fn within(&self, cell: Cell) -> Self {
        Self {
            west: self.west.max(cell.x),
            east: self.east.min(cell.x + cell.size() - 1),
            south: self.south.max(cell.y),
            north: self.north.min(cell.y + cell.size() - 1),
        }
    }
}

/// Adds the exact geometry, equal shapes once.
fn add_shapes(block: &mut IndexBlock, targets: &[(TargetId, &Shape)]) -> Result<(), IndexError> {
    let too_large = |_| IndexError::TooLarge { targets: targets.len() };
    let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
    for &(id, shape) in targets {
        let record = shapes::encode(id, shape)?;
        #[expect(clippy::cast_possible_truncation, reason = "a size is wanted to a metre")]
        block.sizes.push((area::size_m(shape) as f32).to_bits());
        if let Some(&at) = known.get(&record) {
            block.shape_at.push(at);
            continue;
        }
        let at = u32::try_from(block.shapes.len()).map_err(too_large)?;
        block.shapes.extend_from_slice(&record);
        block.shape_at.push(at);
        known.insert(record, at);
    }
    Ok(())
}
