//! Looking points up in an account's index.
//!
//! Everything is reads of flat arrays. The staged way for many points is [`start`](IndexView::start) and a prefetch
//! for all, then [`spot_at`](IndexView::spot_at) and a prefetch for all, then [`test`](IndexView::test) for all.

use std::sync::Arc;

use super::atlas::AtlasGrid;
use super::block::TileBlock;
use super::book::ShapeBook;
use super::contained::{Contained, Spot};
use super::shapes::ShapeView;
use super::tile_view::{Hit, TileView};
use crate::domain::ids::TargetId;
use crate::domain::units::PointE7;
use crate::snapshot::block::Verified;

/// The look-up blocks of one account, joined.
#[derive(Debug)]
pub struct Index {
    /// Which tile a point is in.
    pub atlas: AtlasGrid,
    /// The tiles by number, at least one.
    pub tiles: Vec<Arc<Verified<TileBlock>>>,
}

/// The index of one account, read in place.
#[derive(Clone, Copy, Debug)]
pub struct IndexView<'s> {
    index: &'s Index,
    shapes: ShapeBook<'s>,
}

/// Where a point starts: its tile, and its slot in the tile's root.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Start {
    tile: u32,
    slot: usize,
}

impl<'s> IndexView<'s> {
    /// Reads blocks that belong together.
    #[must_use]
    pub fn new(index: &'s Index, shapes: ShapeBook<'s>) -> Self {
        Self { index, shapes }
    }

    /// The set of targets that contain `p`.
    #[inline]
    #[must_use]
    pub fn locate(&self, p: PointE7) -> Contained {
        self.test(self.spot(p), p).contained
    }

    /// Where `p` starts.
    #[inline]
    #[must_use]
    pub fn start(&self, p: PointE7) -> Start {
        let tile = self.index.atlas.tile(p);
        let slot = self.tile(tile).map_or(usize::MAX, |tile| tile.root_slot(p));
        Start { tile, slot }
    }

    /// Starts loading a root entry.
    #[inline]
    pub fn prefetch_root(&self, start: Start) {
        if let Some(tile) = self.tile(start.tile) {
            tile.prefetch_root(start.slot);
        }
    }

    /// Starts loading the node entry below a root entry, if there is one.
    #[inline]
    pub fn prefetch_node(&self, start: Start, p: PointE7) {
        if let Some(tile) = self.tile(start.tile)
            && let Some(node) = tile.first_node(start.slot, p)
        {
            tile.prefetch_node(node);
        }
    }

    /// The leaf of `p`.
    #[inline]
    #[must_use]
    pub fn spot(&self, p: PointE7) -> Spot {
        self.spot_at(self.start(p), p)
    }

    /// The leaf of `p`, which starts there.
    #[inline]
    #[must_use]
    pub fn spot_at(&self, start: Start, p: PointE7) -> Spot {
        let leaf = self.tile(start.tile).map_or(0, |tile| tile.leaf_from(start.slot, p));
        Spot { tile: start.tile, leaf }
    }

    /// Starts loading a leaf.
    #[inline]
    pub fn prefetch(&self, spot: Spot) {
        if let Some(tile) = self.tile(spot.tile) {
            tile.prefetch_leaf(spot.leaf);
        }
    }

    /// Tests `p` in its leaf.
    #[inline]
    #[must_use]
    pub fn test(&self, spot: Spot, p: PointE7) -> Hit {
        let none = Hit { contained: Contained::NONE, count: 0 };
        self.tile(spot.tile).map_or(none, |tile| tile.test(spot.leaf, p))
    }

    /// How many targets a set has.
    #[must_use]
    pub fn count(&self, contained: Contained) -> u32 {
        self.tile(contained.tile).map_or(0, |tile| tile.count(contained))
    }

    /// Puts the targets of a set into `into`, ascending, in place of what it held.
    pub fn targets(&self, contained: Contained, into: &mut Vec<TargetId>) {
        into.clear();
        if let Some(tile) = self.tile(contained.tile) {
            tile.targets(contained, into);
        }
    }

    /// Starts loading what [`targets`](Self::targets) and [`changes`](Self::changes) read.
    #[inline]
    pub fn prefetch_group(&self, contained: Contained) {
        if let Some(tile) = self.tile(contained.tile) {
            tile.prefetch_group(contained);
        }
    }

    /// Starts loading the base list of a set whose group is loaded.
    #[inline]
    pub fn prefetch_base(&self, contained: Contained) {
        if let Some(tile) = self.tile(contained.tile) {
            tile.prefetch_base(contained);
        }
    }

    /// Whether this one target contains `p`; false for a target that is not of this index.
    #[must_use]
    pub fn contains(&self, target: TargetId, p: PointE7) -> bool {
        self.shapes.contains(target, p)
    }

    /// 0 inside the target, else the distance to it, m; `None` for a target that is not of this index.
    #[must_use]
    pub fn distance_m(&self, target: TargetId, p: PointE7) -> Option<f64> {
        self.shape(target).map(|shape| shape.distance_m(p))
    }

    /// The target's radius or √(area/π), m, infinite for everywhere; `None` as above.
    #[must_use]
    pub fn size_m(&self, target: TargetId) -> Option<f32> {
        self.shapes.size_m(target)
    }

    /// The exact geometry of a target; `None` as above.
    #[must_use]
    pub fn shape(&self, target: TargetId) -> Option<ShapeView<'s>> {
        self.shapes.shape(target)
    }

    #[inline]
    pub(super) fn tile(&self, number: u32) -> Option<TileView<'s>> {
        let block = self.index.tiles.get(number as usize)?;
        Some(TileView::of(number, block.get(), self.shapes))
    }
}
