//! An account's index: built upon the one before where there is one, so that only what an edit touches is built.

use std::borrow::Cow;
use std::collections::HashMap;

use super::built::Encoded;
use super::error::BuildError;
use super::targets::Watched;
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::target::Shape;
use crate::snapshot::index::book::ShapeRow;
use crate::snapshot::index::build::{Before, Changed, Grain, Ground};
use crate::snapshot::index::{self, IndexError, TileBlock};
use crate::snapshot::view::AccountView;

/// The names of an index's blocks.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) atlas: [u8; 32],
    pub(super) tiles: Vec<[u8; 32]>,
}

/// What a target is now; `None` for one that is not watched.
pub(super) type ShapeOf<'a> = dyn Fn(TargetId) -> Option<Cow<'a, Shape>> + 'a;

/// Builds the index of the watched targets, of which these differ from the ones before.
///
/// # Errors
/// When they can't be indexed, or a block is too large.
pub(super) fn indexed<'t>(
    account: AccountId,
    grain: Grain,
    changed: &[Changed<'_>],
    shape: &ShapeOf<'t>,
    before: Option<AccountView<'_>>,
    made: &mut Vec<Encoded>,
) -> Result<Indexed, BuildError> {
    let mut tiles =
        Tiles { grain, shape, before, made, names: Vec::new(), numbers: HashMap::new() };
    let upon = before.map(|account| {
        let parts = account.parts();
        Before { atlas: parts.atlas.get(), index: &parts.index }
    });
    let atlas = match index::build(changed, upon, &mut tiles) {
        Ok(atlas) => atlas,
        Err(Failed::Index(reason)) => return Err(BuildError::Index { account, reason }),
        Err(Failed::Build(reason)) => return Err(reason),
    };
    let tiles = tiles.names;
    let atlas = Encoded::of(&atlas)?;
    let indexed = Indexed { atlas: atlas.hash.0, tiles };
    made.push(atlas);
    Ok(indexed)
}

/// An account whose index one of this grain can be built upon.
pub(super) fn indexable(before: Option<AccountView<'_>>, grain: Grain) -> Option<AccountView<'_>> {
    before.filter(|one| one.parts().atlas.get().version.to_native() == grain.version())
}

/// What differs from the snapshot before, in ascending order of id.
pub(super) fn changed<'a>(
    targets: &[Watched<'a>],
    rows: &[(TargetId, ShapeRow)],
    before: Option<AccountView<'_>>,
) -> Vec<Changed<'a>> {
    let mut changed = Vec::new();
    let book = before.map(AccountView::shapes);
    let mut old = before.into_iter().flat_map(|account| account.watched_ids()).peekable();
    let was = |target| book.and_then(|book| book.shape(target)).map(|shape| shape.to_shape());
    let gone = |target| Changed { target, before: was(target), now: None };
    for (target, (id, row)) in targets.iter().zip(rows) {
        while let Some(id) = old.next_if(|old| old < id) {
            changed.push(gone(id));
        }
        let known = old.next_if_eq(id).and_then(|id| book?.shape_row(id));
        if known.as_ref() != Some(row) {
            let before = known.and_then(|_| was(*id));
            changed.push(Changed { target: *id, before, now: Some(Cow::Borrowed(target.shape())) });
        }
    }
    changed.extend(old.map(gone));
    changed
}

/// The tiles as they are kept.
struct Tiles<'a, 's, 't> {
    grain: Grain,
    shape: &'a ShapeOf<'t>,
    before: Option<AccountView<'s>>,
    made: &'a mut Vec<Encoded>,
    /// The names of the tiles by number.
    names: Vec<[u8; 32]>,
    numbers: HashMap<[u8; 32], u32>,
}

/// Why no index came of it.
enum Failed {
    Index(IndexError),
    Build(BuildError),
}

impl From<IndexError> for Failed {
    fn from(reason: IndexError) -> Self {
        Self::Index(reason)
    }
}

impl Tiles<'_, '_, '_> {
    fn number(&mut self, name: [u8; 32]) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            next
        })
    }
}

impl Ground for Tiles<'_, '_, '_> {
    type Error = Failed;

    fn grain(&self) -> Grain {
        self.grain
    }

    fn shape(&self, target: TargetId) -> Option<Cow<'_, Shape>> {
        (self.shape)(target)
    }

    fn keep(&mut self, tile: TileBlock) -> Result<u32, Failed> {
        let tile = Encoded::of(&tile).map_err(Failed::Build)?;
        let known = self.names.len();
        let number = self.number(tile.hash.0);
        if self.names.len() > known {
            self.made.push(tile);
        }
        Ok(number)
    }

    fn keep_old(&mut self, tile: u32) -> u32 {
        let old =
            self.before.and_then(|account| account.parts().index.tiles.blocks().get(tile as usize));
        old.map_or(0, |old| self.number(old.hash().0))
    }
}
