//! Looking points up in one tile that was verified: reads of flat arrays, nothing else.
//!
//! A tile's arrays are found once, when its index is put together, and kept beside those of all others: a look-up
//! then touches one line for the tile, where the block itself would cost three that follow one another.

use rkyv::primitive::ArchivedU32;

use super::block::{
    ArchivedTileBlock, CIRCLE_WORDS, EDGE_WORDS, GROUP_HEAD_WORDS, LEAF_HEAD_WORDS, LEAF_UNIT,
    LeafHead, NODE_UNIT, PolygonHead, fan_bits,
};
use super::book::ShapeBook;
use super::contained::Contained;
use super::grid::GridPoint;
use super::leaf::LAST_BITS;
use super::prefetch::prefetch;
use crate::domain::ids::TargetId;
use crate::domain::units::PointE7;
use crate::geo::polygon::steps_west_of;

/// Where the arrays of one tile are. What every look-up reads stands in the first line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Tile<'t> {
    root: &'t [ArchivedU32],
    nodes: &'t [ArchivedU32],
    cells: &'t [ArchivedU32],
    root_shift: u32,
    root_at: [u32; 2],
    columns: u32,
    groups: &'t [ArchivedU32],
    lists: &'t [ArchivedU32],
}

/// A tile without anything.
pub(super) static EMPTY: Tile<'static> = Tile {
    root: &[],
    nodes: &[],
    cells: &[],
    root_shift: 0,
    root_at: [0; 2],
    columns: 0,
    groups: &[],
    lists: &[],
};

/// A look-up's result and the size of the set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The set.
    pub contained: Contained,
    /// How many targets it has.
    pub count: u32,
}

impl<'t> Tile<'t> {
    /// Reads a block that [`verify`](fn@super::verify) has accepted. On any other, answers are arbitrary and a
    /// look-up may panic, but memory stays safe.
    pub(super) fn of(block: &'t ArchivedTileBlock) -> Self {
        Self {
            root: &block.root,
            nodes: &block.nodes,
            cells: &block.cells,
            root_shift: block.root_shift.to_native(),
            root_at: block.root_at.map(|at| at.to_native()),
            columns: block.root_size[0].to_native(),
            groups: &block.groups,
            lists: &block.lists,
        }
    }

    /// Where in the root `p` starts; nowhere for a point outside.
    #[inline]
    pub(super) fn root_slot(&self, p: PointE7) -> usize {
        let GridPoint { x, y } = p.into();
        let [west, south] = self.root_at;
        let column = (x >> self.root_shift).wrapping_sub(west);
        let row = (y >> self.root_shift).wrapping_sub(south);
        // A row beyond the last is a slot beyond the last.
        let slot = row as usize * self.columns as usize + column as usize;
        if column < self.columns { slot } else { usize::MAX }
    }

    /// Starts loading a root entry.
    #[inline]
    pub(super) fn prefetch_root(&self, slot: usize) {
        prefetch(self.root, slot);
    }

    /// The node entry below a root slot, if there is one: its place in `nodes`, to be prefetched.
    #[inline]
    pub(super) fn first_node(&self, slot: usize, p: PointE7) -> Option<usize> {
        let entry = self.root.get(slot)?.to_native();
        let shift = self.root_shift.wrapping_sub(fan_bits(entry & 3)) & 31;
        (entry & 3 != 0).then(|| child_at(entry, shift, p.into()))
    }

    /// Starts loading a node entry.
    #[inline]
    pub(super) fn prefetch_node(&self, at: usize) {
        prefetch(self.nodes, at);
    }

    /// The leaf of `p`, whose root slot is known.
    #[inline]
    pub(super) fn leaf_from(&self, slot: usize, p: PointE7) -> u32 {
        let at: GridPoint = p.into();
        let mut shift = self.root_shift;
        let mut entry = self.root.get(slot).map_or(0, |entry| entry.to_native());
        while entry & 3 != 0 {
            shift = shift.wrapping_sub(fan_bits(entry & 3));
            entry = self.nodes[child_at(entry, shift & 31, at)].to_native();
        }
        entry >> 2
    }

    /// Starts loading a leaf.
    #[inline]
    pub(super) fn prefetch_leaf(&self, leaf: u32) {
        let at = leaf as usize * LEAF_UNIT;
        prefetch(self.cells, at);
        prefetch(self.cells, at + 16);
    }

    /// Tests `p` in its leaf: what it gives is of the tile of this number, and what the cells do not decide, the
    /// exact geometry does.
    #[inline]
    pub(super) fn test(&self, leaf: u32, p: PointE7, (tile, exact): (u32, ShapeBook<'_>)) -> Hit {
        let leaf = self.cells.get(leaf as usize * LEAF_UNIT..).unwrap_or_default();
        let Some((head_words, tests)) = leaf.split_first_chunk::<LEAF_HEAD_WORDS>() else {
            return Hit { contained: Contained::NONE, count: 0 };
        };
        let group = head_words[0].to_native();
        let head = LeafHead::unpack(head_words[1].to_native());
        if head.circles == LeafHead::WIDE {
            return self.test_wide(group, p, (tile, exact));
        }
        let inside =
            u64::from(head_words[2].to_native()) | u64::from(head_words[3].to_native()) << 32;
        let (circles, polygons) = tests.split_at(head.circles as usize * CIRCLE_WORDS);
        let GridPoint { x, y } = p.into();
        let within = (1u32 << head.shift) - 1;
        let at = [x & within, y & within];
        let (yes, unsure) = test_circles(circles, at);
        let mut mask = inside | yes;
        if unsure != 0 {
            mask |= self.settle(group, unsure, p, exact);
        }
        if head.polygons != 0 {
            let polygons = (polygons, head.polygons);
            mask |= self.test_polygons(group, polygons, p, at, exact);
        }
        let base = if head.base == LeafHead::MANY { self.base_count(group) } else { head.base };
        Hit { contained: Contained { tile, group, mask }, count: base + mask.count_ones() }
    }

    /// How many targets a set has.
    pub(super) fn count(&self, contained: Contained, exact: ShapeBook<'_>) -> u32 {
        let decided = self.base_count(contained.offset());
        if contained.group & Contained::WIDE == 0 {
            return decided + contained.mask.count_ones();
        }
        let p = unpack_point(contained.mask);
        let undecided = self.undecided(contained.offset());
        let held =
            undecided.iter().filter(|id| exact.contains(TargetId(id.to_native()), p)).count();
        decided + u32::try_from(held).unwrap_or(u32::MAX)
    }

    /// Puts the targets of a set into `into`, ascending, in place of what it held.
    pub(super) fn targets(
        &self,
        contained: Contained,
        exact: ShapeBook<'_>,
        into: &mut Vec<TargetId>,
    ) {
        let group = contained.offset();
        let undecided = self.undecided(group).iter().map(|id| TargetId(id.to_native()));
        if contained.group & Contained::WIDE != 0 {
            let p = unpack_point(contained.mask);
            merge(self.base(group), undecided.filter(|&id| exact.contains(id, p)), into);
        } else {
            let mask = contained.mask;
            let held = undecided.enumerate().filter(|(bit, _)| mask >> bit & 1 == 1);
            merge(self.base(group), held.map(|(_, id)| id), into);
        }
    }

    /// Starts loading what [`targets`](Self::targets) and listing changes read.
    #[inline]
    pub(super) fn prefetch_group(&self, contained: Contained) {
        let at = contained.offset() as usize;
        prefetch(self.groups, at);
        prefetch(self.groups, at + 16);
    }

    /// Starts loading the base list of a set whose group is loaded.
    #[inline]
    pub(super) fn prefetch_base(&self, contained: Contained) {
        let group = contained.offset() as usize;
        if let Some(base) = self.groups.get(group) {
            prefetch(self.lists, base.to_native() as usize);
            prefetch(self.lists, base.to_native() as usize + 16);
        }
    }

    /// The targets of a group that its mask speaks of, ascending.
    #[inline]
    pub(super) fn undecided(&self, group: u32) -> &'t [ArchivedU32] {
        let record = self.groups.get(group as usize..).unwrap_or_default();
        let count = record.get(1).map_or(0, |count| count.to_native());
        record.get(GROUP_HEAD_WORDS..GROUP_HEAD_WORDS + count as usize).unwrap_or_default()
    }

    /// The targets that contain the whole group, ascending.
    fn base(&self, group: u32) -> &'t [ArchivedU32] {
        let offset = self.groups.get(group as usize).map_or(u32::MAX, |offset| offset.to_native());
        let record = self.lists.get(offset as usize..).unwrap_or_default();
        let count = record.first().map_or(0, |count| count.to_native());
        record.get(1..1 + count as usize).unwrap_or_default()
    }

    #[inline]
    fn base_count(&self, group: u32) -> u32 {
        u32::try_from(self.base(group).len()).unwrap_or(u32::MAX)
    }

    #[cold]
    fn test_wide(&self, group: u32, p: PointE7, (tile, exact): (u32, ShapeBook<'_>)) -> Hit {
        let contained = Contained { tile, group: group | Contained::WIDE, mask: pack_point(p) };
        Hit { contained, count: self.count(contained, exact) }
    }

    /// Decides by the exact geometry those of a group's targets that `unsure` marks.
    #[cold]
    fn settle(&self, group: u32, mut unsure: u64, p: PointE7, exact: ShapeBook<'_>) -> u64 {
        let undecided = self.undecided(group);
        let mut held = 0;
        while unsure != 0 {
            let bit = unsure.trailing_zeros();
            unsure &= unsure - 1;
            let id = undecided.get(bit as usize).map(|id| TargetId(id.to_native()));
            held |= u64::from(id.is_some_and(|id| exact.contains(id, p))) << bit;
        }
        held
    }

    #[inline]
    fn test_polygons(
        &self,
        group: u32,
        (mut words, count): (&[ArchivedU32], u32),
        p: PointE7,
        at: [u32; 2],
        exact: ShapeBook<'_>,
    ) -> u64 {
        let mut mask = 0;
        for _ in 0..count {
            let Some((first, rest)) = words.split_first() else { return mask };
            let head = PolygonHead::unpack(first.to_native());
            let (tail, rest) = rest.split_at(head.tail_words());
            words = rest;
            mask |= if head.edges == PolygonHead::WHOLE {
                self.settle(group, 1 << head.bit, p, exact)
            } else {
                u64::from(test_polygon(head, tail, at)) << head.bit
            };
        }
        mask
    }
}

/// Where in `nodes` the child of `entry` lies whose cells have this shift.
#[inline]
fn child_at(entry: u32, shift: u32, p: GridPoint) -> usize {
    let bits = fan_bits(entry & 3);
    let fan = (1 << bits) - 1;
    let (column, row) = (p.x >> shift & fan, p.y >> shift & fan);
    (entry >> 2) as usize * NODE_UNIT + (row << bits | column) as usize
}

/// Runs a leaf's circle tests at an offset within the cell: the targets that contain it, and those too close
/// to the line to say in `f32`. [`leaf`](super::leaf) derives the two limits. A centre that is not a number
/// always lands among the unsure.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "the limits allow for it")]
fn test_circles(words: &[ArchivedU32], [x, y]: [u32; 2]) -> (u64, u64) {
    let (x, y) = (x as f32, y as f32);
    let float = |word: ArchivedU32| f32::from_bits(word.to_native());
    let (mut yes, mut unsure) = (0, 0);
    for test in words.as_chunks::<CIRCLE_WORDS>().0 {
        let last = test[3].to_native();
        let (dx, dy) = (x - float(test[0]), y - float(test[1]));
        let square = dy * dy + f32::from_bits(last & !LAST_BITS) * dx * dx;
        let lower = test[2].to_native();
        let within = square <= f32::from_bits(lower);
        let beyond = square > f32::from_bits(lower.wrapping_add(1 << (last >> 6 & 31)));
        yes |= u64::from(within) << (last & 63);
        unsure |= u64::from(!(within | beyond)) << (last & 63);
    }
    (yes, unsure)
}

/// Whether a polygon contains the point at this offset within the cell: the side of the cell's west border at
/// the point's row, turned by each edge that is east of the border and not of the point.
#[inline]
fn test_polygon(head: PolygonHead, tail: &[ArchivedU32], [x, y]: [u32; 2]) -> bool {
    let (flips, edges) = tail.split_at(head.flips as usize);
    let turned = flips.iter().filter(|flip| flip.to_native() <= y).count();
    let mut inside = head.corner ^ (turned % 2 == 1);
    let (x, y) = (i64::from(x), i64::from(y));
    for edge in edges.as_chunks::<EDGE_WORDS>().0 {
        let [x1, y1, x2, y2] = edge.map(|word| i64::from(word.to_native().cast_signed()));
        let rise = y2 - y1;
        let spans = (y1 <= y) & (y < y2);
        // What the builder wrote never overflows; a hostile block may, and must not panic.
        let crossing = (x2 - x1).wrapping_mul(y - y1).wrapping_add(x1.wrapping_mul(rise));
        let here = x.wrapping_mul(rise);
        let east = (crossing > here) | ((crossing == here) & steps_west_of(x2 - x1, rise));
        inside ^= spans & ((crossing > 0) ^ east);
    }
    inside
}

/// Merges two ascending lists that share nothing.
fn merge(base: &[ArchivedU32], held: impl Iterator<Item = TargetId>, into: &mut Vec<TargetId>) {
    let mut base = base.iter().map(|id| TargetId(id.to_native())).peekable();
    for id in held {
        while let Some(lower) = base.next_if(|&lower| lower < id) {
            into.push(lower);
        }
        into.push(id);
    }
    into.extend(base);
}

fn pack_point(p: PointE7) -> u64 {
    u64::from(p.lat.cast_unsigned()) | u64::from(p.lon.cast_unsigned()) << 32
}

#[expect(clippy::cast_possible_truncation, reason = "the word is cut in its halves")]
fn unpack_point(mask: u64) -> PointE7 {
    PointE7 { lat: (mask as u32).cast_signed(), lon: ((mask >> 32) as u32).cast_signed() }
}
