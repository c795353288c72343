//! Builds an account's index, or what an edit changes of it.
//!
//! The grid is quartered, region by region, until what is undecided in one is little enough for a
//! [`tile`]. Given the index before, only the regions that a changed target touches are looked at: what
//! each weighs now follows from what it weighed and what came and went. Whatever the way, the same targets give the
//! same index.

use std::borrow::Cow;

use super::atlas::{ArchivedAtlasBlock, AtlasBlock, LEAST_SHIFT, QUARTERED, WHOLE};
use super::block::TileBlock;
use super::grid::Cell;
use super::layout::Full;
use super::part::Share;
use super::shapes::TooWide;
use super::tile;
use super::view::Index;
use crate::domain::ids::TargetId;
use crate::domain::target::Shape;
use crate::snapshot::block::ContentError;

/// How finely an index is cut: a finer one is faster and takes more memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grain {
    /// What an account has as a rule.
    Fine,
    /// Where there are very many targets: two thirds of the memory at two thirds of the speed.
    Coarse,
}

/// An account may watch so many targets before its index is cut coarser; few in unit tests, which cross that line.
pub const FINE_UP_TO: usize = if cfg!(test) { 32 } else { 1 << 19 };

impl Grain {
    /// For an account that watches so many targets.
    #[must_use]
    pub const fn of(watched: usize) -> Self {
        if watched > FINE_UP_TO { Self::Coarse } else { Self::Fine }
    }

    /// A number for this way of building, which changes whenever the same targets would give another index: none is
    /// built upon one of another number.
    #[must_use]
    pub const fn version(self) -> u32 {
        match self {
            Self::Fine => 1,
            Self::Coarse => 2,
        }
    }
}

/// Why targets cannot be indexed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A polygon that no map has.
    #[error(transparent)]
    TooWide(#[from] TooWide),
    /// A tile outgrows 32-bit offsets even when built coarse.
    #[error(
        "{targets} targets lie so close together that their index takes over 16 GiB; split the \
         account's targets"
    )]
    TooLarge {
        /// How many there were.
        targets: usize,
    },
    /// The index before is broken.
    #[error("the index before can't be built upon: {0}; build the snapshot anew")]
    Before(#[from] ContentError),
}

/// A target that differs from what the index before was built from, or that it lacks.
#[derive(Clone, Debug)]
pub struct Changed<'t> {
    /// Which.
    pub target: TargetId,
    /// What it was; `None` for a new one.
    pub before: Option<Shape>,
    /// What it is; `None` for one that is gone.
    pub now: Option<Cow<'t, Shape>>,
}

/// The index before, and the block of its tree.
#[derive(Clone, Copy, Debug)]
pub struct Before<'s> {
    /// The tree.
    pub atlas: &'s ArchivedAtlasBlock,
    /// The tiles.
    pub index: &'s Index,
}

/// Where tiles go and shapes come from.
pub trait Ground {
    /// What fails when a tile can't be kept.
    type Error: From<IndexError>;

    /// A region that weighs more is quartered.
    fn tile_weight(&self) -> u32 {
        TILE_WEIGHT
    }

    /// How finely it is to be cut.
    fn grain(&self) -> Grain;

    /// The shape of a target as it is now; `None` for one that is not watched.
    fn shape(&self, target: TargetId) -> Option<Cow<'_, Shape>>;

    /// Keeps a new tile and gives its number; an equal one keeps its number.
    ///
    /// # Errors
    /// When it can't be archived.
    fn keep(&mut self, tile: TileBlock) -> Result<u32, Self::Error>;

    /// Keeps a tile of the index before, by its number there, and gives its new one.
    fn keep_old(&mut self, tile: u32) -> u32;
}

/// Builds the tree, and the tiles that `ground` is given. `before` is of the same [`Grain::version`].
///
/// # Errors
/// [`IndexError`], or what the ground says.
pub fn build<G: Ground>(
    changed: &[Changed<'_>],
    before: Option<Before<'_>>,
    ground: &mut G,
) -> Result<AtlasBlock, G::Error> {
    let old = before.map(OldTree::of).transpose()?;
    let gone = changed.iter().filter_map(|one| Some((one.target.0, one.before.as_ref()?)));
    let come = changed.iter().filter_map(|one| Some((one.target.0, one.now.as_deref()?)));
    let delta = Delta { gone: Share::of(gone), come: Share::of(come) };
    let atlas = AtlasBlock { version: ground.grain().version(), ..AtlasBlock::default() };
    let mut builder = Builder { old, ground, atlas };
    let root = builder.old.as_ref().map(|_| 0);
    builder.region(&mut vec![WHOLE], root, delta)?;
    Ok(builder.atlas)
}

/// What a tile may weigh: one of so much is built in some 50 ms.
const TILE_WEIGHT: u32 = 4096;

/// Unless the quarters weigh so many times what it does: shapes that all cross each other are not told apart by
/// smaller tiles.
const QUARTERS_GAIN: u32 = 3;

/// What came and went in a region.
#[derive(Debug, Default)]
struct Delta {
    gone: Share,
    come: Share,
}

/// The tree before, with what is needed to go on from it.
struct OldTree<'s> {
    before: Before<'s>,
    /// Per region its first place after itself and all of its quarters.
    ends: Vec<usize>,
}

struct Builder<'a, G> {
    old: Option<OldTree<'a>>,
    ground: &'a mut G,
    atlas: AtlasBlock,
}

impl<G: Ground> Builder<'_, G> {
    /// Appends the region at the end of the path, which was at `old` before.
    fn region(
        &mut self,
        path: &mut Vec<Cell>,
        old: Option<usize>,
        delta: Delta,
    ) -> Result<(), G::Error> {
        let Some(at) = old else { return self.new_region(path, delta.come) };
        if delta.gone.is_empty() && delta.come.is_empty() {
            return self.copy(at);
        }
        let Some(tree) = &self.old else { return self.new_region(path, delta.come) };
        let weight = tree.weight_after(at, &delta.come, &delta.gone);
        let cell = cell_of(path);
        if let Some(quarters) = tree.quarters(at).filter(|_| weight > self.ground.tile_weight()) {
            let come = delta.come.quartered(cell);
            let gone = delta.gone.quartered(cell);
            let weighed = quarters.iter().zip(&come).zip(&gone);
            let weighed = weighed.map(|((&at, come), gone)| tree.weight_after(at, come, gone));
            if pays(weight, weighed) {
                self.push(weight, QUARTERED);
                let deltas = gone.into_iter().zip(come).map(|(gone, come)| Delta { gone, come });
                for ((quarter, at), delta) in cell.quarters().into_iter().zip(quarters).zip(deltas)
                {
                    path.push(quarter);
                    self.region(path, Some(at), delta)?;
                    path.pop();
                }
                return Ok(());
            }
        }
        let share = self.gathered(path, at, &delta);
        self.new_region(path, share)
    }

    /// Appends a region of which all is known.
    fn new_region(&mut self, path: &mut Vec<Cell>, share: Share) -> Result<(), G::Error> {
        let (cell, weight) = (cell_of(path), share.weight());
        if weight > self.ground.tile_weight() && cell.shift > LEAST_SHIFT {
            let shares = share.quartered(cell);
            if pays(weight, shares.iter().map(Share::weight)) {
                drop(share);
                self.push(weight, QUARTERED);
                for (quarter, share) in cell.quarters().into_iter().zip(shares) {
                    path.push(quarter);
                    self.new_region(path, share)?;
                    path.pop();
                }
                return Ok(());
            }
        }
        let targets = share.parts.len();
        let too_large = |Full| IndexError::TooLarge { targets };
        let tile = tile::build(share, cell, self.ground.grain()).map_err(too_large)?;
        let number = self.ground.keep(tile)?;
        self.push(weight, number);
        Ok(())
    }

    /// Appends a region and all within as they were.
    fn copy(&mut self, at: usize) -> Result<(), G::Error> {
        let Some(tree) = &self.old else { return Ok(()) };
        for place in at..tree.ends[at] {
            let (weight, tile) = (tree.weight(place), tree.tile(place));
            let tile = if tile == QUARTERED { tile } else { self.ground.keep_old(tile) };
            self.atlas.weights.push(weight);
            self.atlas.tiles.push(tile);
        }
        Ok(())
    }

    /// All that the region at the end of the path has now: what the tiles there had, and what came.
    fn gathered(&self, path: &[Cell], at: usize, delta: &Delta) -> Share {
        let mut targets = self.old.as_ref().map(|tree| tree.targets(at)).unwrap_or_default();
        targets.extend(delta.come.parts.iter().map(|part| part.target));
        targets.extend(&delta.come.inside);
        targets.sort_unstable();
        targets.dedup();
        let shapes = targets.iter().filter_map(|id| Some((*id, self.ground.shape(TargetId(*id))?)));
        let mut share = Share::of(shapes);
        for pair in path.windows(2) {
            share = share.within(pair[0], pair[1]);
        }
        share
    }

    fn push(&mut self, weight: u32, tile: u32) {
        self.atlas.weights.push(weight);
        self.atlas.tiles.push(tile);
    }
}

fn cell_of(path: &[Cell]) -> Cell {
    path.last().copied().unwrap_or(WHOLE)
}

fn pays(weight: u32, quarters: impl Iterator<Item = u32>) -> bool {
    let sum: u64 = quarters.map(u64::from).sum();
    sum <= u64::from(weight) * u64::from(QUARTERS_GAIN)
}

impl<'s> OldTree<'s> {
    fn of(before: Before<'s>) -> Result<Self, IndexError> {
        let mut open: Vec<usize> = Vec::new();
        let count = before.atlas.tiles.len();
        let mut ends = vec![count; count];
        let mut cells = Vec::with_capacity(count);
        before.atlas.walk(|cell, place, _| {
            cells.push(cell);
            while open.last().is_some_and(|&at| !holds(cells[at], cell)) {
                if let Some(at) = open.pop() {
                    ends[at] = place;
                }
            }
            open.push(place);
        })?;
        Ok(Self { before, ends })
    }

    fn weight(&self, at: usize) -> u32 {
        self.before.atlas.weights.get(at).map_or(0, |weight| weight.to_native())
    }

    /// What a region weighs once this has come and gone.
    fn weight_after(&self, at: usize, come: &Share, gone: &Share) -> u32 {
        self.weight(at).saturating_add(come.weight()).saturating_sub(gone.weight())
    }

    fn tile(&self, at: usize) -> u32 {
        self.before.atlas.tiles.get(at).map_or(0, |tile| tile.to_native())
    }

    /// Where the quarters of a region are, if it is quartered.
    fn quarters(&self, at: usize) -> Option<[usize; 4]> {
        let first = (self.tile(at) == QUARTERED).then_some(at + 1)?;
        let mut places = [first; 4];
        for nth in 1..4 {
            places[nth] = *self.ends.get(places[nth - 1])?;
        }
        Some(places)
    }

    /// Ids of all targets that a region has to deal with.
    fn targets(&self, at: usize) -> Vec<u32> {
        let tiles =
            (at..self.ends[at]).map(|place| self.tile(place)).filter(|tile| *tile != QUARTERED);
        let tiles = tiles.filter_map(|tile| self.before.index.tiles.blocks().get(tile as usize));
        let mut targets = Vec::new();
        for tile in tiles {
            let tile = tile.get();
            targets.extend(tile.members.iter().chain(tile.base.iter()).map(|id| id.to_native()));
        }
        targets
    }
}

fn holds(outer: Cell, inner: Cell) -> bool {
    outer.shift > inner.shift
        && inner.x >> outer.shift == outer.x >> outer.shift
        && inner.y >> outer.shift == outer.y >> outer.shift
}
