//! The tiles of an account, with the arrays of each found once for all look-ups.

use std::sync::Arc;

use super::block::TileBlock;
use super::tile_view::Tile;
use crate::snapshot::block::Verified;

/// The tiles by number.
pub struct Tiles(Joined);

type Blocks = Vec<Arc<Verified<TileBlock>>>;
type Heads<'t> = Vec<Tile<'t>>;

self_cell::self_cell!(
    /// Blocks, and what points into them.
    struct Joined {
        owner: Blocks,
        #[covariant]
        dependent: Heads,
    }
);

impl Tiles {
    /// Finds the arrays of all tiles.
    #[must_use]
    pub fn of(blocks: Vec<Arc<Verified<TileBlock>>>) -> Self {
        Self(Joined::new(blocks, |blocks| {
            blocks.iter().map(|block| Tile::of(block.get())).collect()
        }))
    }

    /// The tiles as blocks.
    #[must_use]
    pub fn blocks(&self) -> &[Arc<Verified<TileBlock>>] {
        self.0.borrow_owner()
    }

    pub(super) fn heads(&self) -> &[Tile<'_>] {
        self.0.borrow_dependent()
    }
}

impl std::fmt::Debug for Tiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.blocks().fmt(f)
    }
}
