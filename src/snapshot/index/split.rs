//! From a cell and the targets undecided in it to an entry: a leaf, or a node over smaller cells.
//!
//! A cell becomes a leaf when its tests are cheap enough. Otherwise it is split so finely that its children's
//! tests should be, and each undecided target is found inside, outside or still undecided in each child. The
//! first cell on the way down with at most 64 undecided targets starts a group, which all below it share.

use super::block::{MASK_BITS, MAX_SHIFT, fan_bits};
use super::clip::{Frame, Piece};
use super::grid::Cell;
use super::layout::{Full, Group, Layout, Leaf};
use super::leaf::{circle_test, is_fast, push_polygon_test};
use crate::domain::units::PointE7;
use crate::geo::cover::{CircleCover, CosRange, Cover};

/// How far to split; a finer index has fewer tests in a look-up and more words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fineness {
    /// A cell whose tests cost at most this many circle tests is a leaf.
    pub leaf_cost: f32,
    /// Cells are not split below 2^`least_shift`, unless …
    pub least_shift: u32,
    /// … more than 64 targets are undecided in them; then not below this.
    pub crowded_shift: u32,
}

impl Fineness {
    /// The cost that makes a leaf of a cell: it doubles with every quartering of the width below 360 m, since
    /// a smaller cell sees fewer points and takes as many words to split.
    fn enough(self, shift: u32) -> f32 {
        let halvings = FULL_PRICE_SHIFT.saturating_sub(shift);
        self.leaf_cost * libm::exp2f(0.5 * f32::from(u8::try_from(halvings).unwrap_or(u8::MAX)))
    }
}

const FULL_PRICE_SHIFT: u32 = 15;

/// A target's number in the ascending order of the tile's undecided targets.
pub(super) type Ordinal = u32;

/// A circle; `None` for other shapes.
pub(super) type Circle = Option<(PointE7, CircleCover)>;

/// A polygon's piece in the cell at hand.
#[derive(Clone, Debug)]
pub(super) struct PieceOf {
    pub target: Ordinal,
    /// Whether another piece of the same target may lie in the same cell, a turn away.
    pub repeats: bool,
    pub piece: Piece,
}

/// What is undecided in a cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Undecided {
    pub circles: Vec<Ordinal>,
    pub pieces: Vec<PieceOf>,
}

/// What is known on the way down to a cell.
#[derive(Clone, Debug, Default)]
struct Decided {
    /// Targets that contain the cell, as far as found before its group began.
    base: Vec<Ordinal>,
    group: Option<(Group, Vec<Ordinal>)>,
    /// Which of the group's targets contain the cell.
    mask: u64,
}

pub(super) struct Splitter<'a> {
    pub circles: &'a [Circle],
    /// Target ids by ordinal.
    pub ids: &'a [u32],
    /// Ids of targets that contain all of the tile, ascending.
    pub inside: &'a [u32],
    pub fineness: Fineness,
    pub layout: Layout,
}

/// The border rows of every piece along one column of children.
type Column = Vec<Vec<i64>>;

impl Splitter<'_> {
    /// The entry of a root cell.
    pub(super) fn root_cell(
        &mut self,
        cell: Cell,
        undecided: &Undecided,
        base: Vec<Ordinal>,
    ) -> Result<u32, Full> {
        let entry = self.cell(cell, undecided, Decided { base, ..Decided::default() });
        self.layout.end_group();
        entry
    }

    fn cell(&mut self, cell: Cell, undecided: &Undecided, known: Decided) -> Result<u32, Full> {
        let count = undecided.circles.len() + undecided.pieces.len();
        let crowded = known.group.is_none() && count > MASK_BITS;
        if crowded {
            return if cell.shift > self.fineness.crowded_shift {
                self.node(cell, undecided, &known, 2)
            } else {
                self.wide_leaf(undecided, known)
            };
        }
        let known = self.with_group(undecided, known)?;
        let cost = self.cost(cell, undecided);
        let enough = self.fineness.enough(cell.shift);
        if cost <= enough || cell.shift <= self.fineness.least_shift {
            return self.small_leaf(cell, undecided, &known);
        }
        let kind = match cost / enough {
            ..2.0 => 1,
            2.0..5.0 => 2,
            _ => 3,
        };
        self.node(cell, undecided, &known, kind)
    }

    /// Starts the group if none has begun yet.
    fn with_group(&mut self, undecided: &Undecided, known: Decided) -> Result<Decided, Full> {
        if known.group.is_some() {
            return Ok(known);
        }
        let members = members(undecided);
        let group = self.layout.group(&self.holders(&known.base), &self.named(&members))?;
        Ok(Decided { base: Vec::new(), group: Some((group, members)), mask: 0 })
    }

    /// A node over the cell, its children done in turn.
    fn node(
        &mut self,
        cell: Cell,
        undecided: &Undecided,
        known: &Decided,
        kind: u32,
    ) -> Result<u32, Full> {
        let kind = kind.min(cell.shift.saturating_sub(1)).max(1);
        let bits = fan_bits(kind);
        let entry = self.layout.node(kind)?;
        let cosines: Vec<CosRange> =
            (0..1 << bits).map(|row| cell.child(bits, 0, row).cosines()).collect();
        let mut borders = Column::new();
        for column in 0..1 << bits {
            let x = cell.child(bits, column, 0).x;
            fill_borders(&undecided.pieces, Frame::of(cell), x, &mut borders);
            for (row, &cosines) in (0..).zip(&cosines) {
                let child = cell.child(bits, column, row);
                let (rest, found) = self.narrow((child, cosines), undecided, &borders);
                let below = self.below(child, &rest, known, found)?;
                let place = usize::try_from(row << bits | column).unwrap_or_default();
                self.layout.set_child(entry, place, below);
            }
        }
        Ok(entry)
    }

    fn below(
        &mut self,
        child: Cell,
        rest: &Undecided,
        known: &Decided,
        mut found: Vec<Ordinal>,
    ) -> Result<u32, Full> {
        let mut known = known.clone();
        if let Some((_, members)) = &known.group {
            for target in found {
                known.mask |= bit_of(members, target);
            }
        } else {
            known.base.append(&mut found);
            known.base.sort_unstable();
            known.base.dedup();
        }
        self.cell(child, rest, known)
    }

    /// What is still undecided in a child, and what contains it.
    pub(super) fn narrow(
        &self,
        (child, cosines): (Cell, CosRange),
        undecided: &Undecided,
        borders: &[Vec<i64>],
    ) -> (Undecided, Vec<Ordinal>) {
        let mut rest = Undecided::default();
        let mut found = Vec::new();
        let rect = child.rect();
        for &target in &undecided.circles {
            let Some((_, cover)) = self.circle(target) else { continue };
            match cover.classify(rect, cosines) {
                Cover::Inside => found.push(target),
                Cover::Outside => {}
                Cover::Boundary => rest.circles.push(target),
            }
        }
        for (whole, rows) in undecided.pieces.iter().zip(borders) {
            let piece = whole.piece.cut(child, rows);
            if !piece.is_settled() {
                rest.pieces.push(PieceOf { piece, ..*whole });
            } else if piece.corner {
                found.push(whole.target);
            }
        }
        if rest.pieces.iter().any(|piece| piece.repeats) {
            rest.pieces.retain(|piece| !found.contains(&piece.target));
        }
        (rest, found)
    }

    /// What the tests of a leaf would cost, in circle tests.
    fn cost(&self, cell: Cell, undecided: &Undecided) -> f32 {
        let circles = undecided.circles.iter().filter_map(|&target| self.circle(target).as_ref());
        let circles: f32 = circles
            .map(|(center, cover)| {
                let exact = cell.shift > FASTER_BELOW_SHIFT && !is_fast(*center, cover, cell);
                if exact { EXACT_COST } else { 1.0 }
            })
            .sum();
        let edges = undecided.pieces.iter().map(|piece| piece.piece.edges.len());
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let pieces: f32 = edges.map(|edges| PIECE_COST + EDGE_COST * edges as f32).sum();
        circles + pieces
    }

    fn small_leaf(
        &mut self,
        cell: Cell,
        undecided: &Undecided,
        known: &Decided,
    ) -> Result<u32, Full> {
        let Some((group, members)) = &known.group else { return Err(Full) };
        let bit = |target| bit_of(members, target).trailing_zeros();
        let mut tests = Vec::new();
        for &target in &undecided.circles {
            let Some((center, cover)) = self.circle(target) else { continue };
            tests.extend(circle_test(*center, cover, cell, bit(target)));
        }
        for piece in &undecided.pieces {
            push_polygon_test(&piece.piece, cell, bit(piece.target), &mut tests);
        }
        self.layout.leaf(Leaf {
            group: *group,
            shift: cell.shift.min(MAX_SHIFT),
            circles: u32::try_from(undecided.circles.len()).map_err(|_too_many| Full)?,
            polygons: u32::try_from(undecided.pieces.len()).map_err(|_too_many| Full)?,
            mask: known.mask,
            tests: &tests,
        })
    }

    fn wide_leaf(&mut self, undecided: &Undecided, known: Decided) -> Result<u32, Full> {
        let members = self.named(&members(undecided));
        let group = self.layout.group(&self.holders(&known.base), &members)?;
        let wide = super::block::LeafHead::WIDE;
        self.layout.leaf(Leaf { group, shift: 0, circles: wide, polygons: 0, mask: 0, tests: &[] })
    }

    fn circle(&self, target: Ordinal) -> &Circle {
        self.circles.get(target as usize).unwrap_or(&None)
    }

    /// The ids of the base and of those that contain the tile, ascending.
    fn holders(&self, base: &[Ordinal]) -> Vec<u32> {
        let mut holders = self.named(base);
        if !self.inside.is_empty() {
            holders.extend_from_slice(self.inside);
            holders.sort_unstable();
        }
        holders
    }

    fn named(&self, targets: &[Ordinal]) -> Vec<u32> {
        targets.iter().filter_map(|&target| self.ids.get(target as usize).copied()).collect()
    }
}

/// An exact circle test against a planar one, a cut polygon's start and each of its edges: from the
/// `contains` benchmark.
const EXACT_COST: f32 = 8.0;
/// A circle that has no planar test in a cell of this size (12 km) will not get one by splitting.
const FASTER_BELOW_SHIFT: u32 = 20;
const PIECE_COST: f32 = 1.3;
const EDGE_COST: f32 = 0.6;

/// Fills the border rows of each piece for the column of cells at `x`.
pub(super) fn fill_borders(pieces: &[PieceOf], frame: Frame, x: i64, borders: &mut Column) {
    borders.resize_with(pieces.len(), Vec::new);
    for (piece, rows) in pieces.iter().zip(borders) {
        piece.piece.border(frame, x, rows);
    }
}

/// All undecided targets, ascending, each once.
fn members(undecided: &Undecided) -> Vec<Ordinal> {
    let pieces = undecided.pieces.iter().map(|piece| piece.target);
    let mut members: Vec<Ordinal> = undecided.circles.iter().copied().chain(pieces).collect();
    members.sort_unstable();
    members.dedup();
    members
}

/// The mask of one member; 0 for a stranger, of which there are none.
fn bit_of(members: &[Ordinal], target: Ordinal) -> u64 {
    members.binary_search(&target).map_or(0, |at| 1 << at)
}
