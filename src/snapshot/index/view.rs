//! Looking points up in an account's index.
//!
//! Everything is reads of flat arrays. The staged way for many points is [`start`](IndexView::start) and a prefetch
//! for all, then [`spot`](Start::spot) and a prefetch for all, then [`test`](IndexView::test) for all.

use super::atlas::AtlasGrid;
use super::book::ShapeBook;
use super::contained::Contained;
use super::shapes::ShapeView;
use super::tile_view::{EMPTY, Hit, Tile};
use super::tiles::Tiles;
use crate::domain::ids::TargetId;
use crate::domain::units::PointE7;

/// The look-up blocks of one account, joined.
#[derive(Debug)]
pub struct Index {
    /// Which tile a point is in.
    pub atlas: AtlasGrid,
    /// The tiles, at least one.
    pub tiles: Tiles,
}

impl Index {
    /// What it takes beside its blocks, bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.atlas.len_bytes() + size_of_val(self.tiles.heads())
    }
}

/// The index of one account, read in place.
#[derive(Clone, Copy, Debug)]
pub struct IndexView<'s> {
    atlas: &'s AtlasGrid,
    tiles: &'s [Tile<'s>],
    shapes: ShapeBook<'s>,
}

/// Where a point starts: its tile, and its slot in the tile's root.
#[derive(Clone, Copy, Debug)]
pub struct Start<'s> {
    tile: &'s Tile<'s>,
    number: u32,
    slot: u32,
}

/// Where a point's tests are: a leaf of a tile.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'s> {
    tile: &'s Tile<'s>,
    number: u32,
    leaf: u32,
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self { tile: &EMPTY, number: 0, slot: 0 }
    }
}

impl Default for Spot<'_> {
    fn default() -> Self {
        Self { tile: &EMPTY, number: 0, leaf: 0 }
    }
}

impl<'s> IndexView<'s> {
    /// Reads blocks that belong together.
    #[must_use]
    pub fn new(index: &'s Index, shapes: ShapeBook<'s>) -> Self {
        Self { atlas: &index.atlas, tiles: index.tiles.heads(), shapes }
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
    pub fn start(&self, p: PointE7) -> Start<'s> {
        let number = self.atlas.tile(p);
        let tile = self.tile(number);
        let slot = u32::try_from(tile.root_slot(p)).unwrap_or(u32::MAX);
        Start { tile, number, slot }
    }

    /// The leaf of `p`.
    #[inline]
    #[must_use]
    pub fn spot(&self, p: PointE7) -> Spot<'s> {
        self.start(p).spot(p)
    }

    /// Tests `p` in its leaf.
    #[inline]
    #[must_use]
    pub fn test(&self, spot: Spot<'_>, p: PointE7) -> Hit {
        spot.tile.test(spot.leaf, p, (spot.number, self.shapes))
    }

    /// How many targets a set has.
    #[must_use]
    pub fn count(&self, contained: Contained) -> u32 {
        self.tile(contained.tile).count(contained, self.shapes)
    }

    /// Puts the targets of a set into `into`, ascending, in place of what it held.
    pub fn targets(&self, contained: Contained, into: &mut Vec<TargetId>) {
        into.clear();
        self.tile(contained.tile).targets(contained, self.shapes, into);
    }

    /// Starts loading what [`targets`](Self::targets) and [`changes`](Self::changes) read.
    #[inline]
    pub fn prefetch_group(&self, contained: Contained) {
        self.tile(contained.tile).prefetch_group(contained);
    }

    /// Starts loading the base list of a set whose group is loaded.
    #[inline]
    pub fn prefetch_base(&self, contained: Contained) {
        self.tile(contained.tile).prefetch_base(contained);
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

    /// A tile by its number; an empty one for a number that is none, as that of [`Contained::NONE`].
    #[inline]
    pub(super) fn tile(&self, number: u32) -> &'s Tile<'s> {
        self.tiles.get(number as usize).unwrap_or(&EMPTY)
    }
}

impl<'s> Start<'s> {
    /// Starts loading the root entry.
    #[inline]
    pub fn prefetch_root(self) {
        self.tile.prefetch_root(self.slot as usize);
    }

    /// Starts loading the node entry below the root entry, if there is one.
    #[inline]
    pub fn prefetch_node(self, p: PointE7) {
        if let Some(node) = self.tile.first_node(self.slot as usize, p) {
            self.tile.prefetch_node(node);
        }
    }

    /// The leaf of `p`, which starts here.
    #[inline]
    #[must_use]
    pub fn spot(self, p: PointE7) -> Spot<'s> {
        let Self { tile, number, slot } = self;
        Spot { tile, number, leaf: tile.leaf_from(slot as usize, p) }
    }
}

impl Spot<'_> {
    /// Starts loading the leaf.
    #[inline]
    pub fn prefetch(self) {
        self.tile.prefetch_leaf(self.leaf);
    }
}
