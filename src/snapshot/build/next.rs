//! The next epoch, joined: its manifest, what stands beside it, and the blocks that are taken over.

use super::built::{Built, Encoded};
use super::error::BuildError;
use super::standing::{Dealt, Outline, standing};
use crate::domain::ids::Epoch;
use crate::snapshot::blocks::{Manifest, Standing};
use crate::snapshot::shelf::Shelf;
use crate::snapshot::view::SnapshotView;

/// What a new epoch follows.
#[derive(Debug, Clone, Copy)]
pub struct After<'a> {
    /// Its number.
    pub epoch: Epoch,
    /// The snapshot before it, if one can be read.
    pub previous: Option<SnapshotView<'a>>,
    /// The target ids dealt after that one.
    pub dealt: &'a Dealt,
}

impl After<'_> {
    /// Whether the epoch does follow the one before.
    ///
    /// # Errors
    /// [`BuildError::Epoch`]
    pub(super) fn check(&self) -> Result<(), BuildError> {
        let previous = self.previous.map(SnapshotView::epoch);
        match previous.filter(|previous| self.epoch <= *previous) {
            Some(previous) => Err(BuildError::Epoch { epoch: self.epoch, previous }),
            None => Ok(()),
        }
    }
}

/// What a manifest says of an epoch to be, and the blocks made for it.
#[derive(Debug)]
pub(super) struct Next {
    /// As in [`Manifest`].
    pub(super) valid_from_day: i32,
    /// As in [`Manifest`].
    pub(super) key_check: Option<u64>,
    /// The names of the buckets.
    pub(super) geometry: Vec<[u8; 32]>,
    /// In ascending order of the accounts.
    pub(super) outlines: Vec<Outline>,
    /// Blocks, among which may be some that are there already.
    pub(super) made: Vec<Encoded>,
}

impl Next {
    /// The content of a snapshot once more, but for its accounts.
    pub(super) fn of(content: SnapshotView<'_>) -> Self {
        let parts = content.parts();
        let manifest = parts.manifest.get();
        Self {
            valid_from_day: manifest.valid_from_day.to_native(),
            key_check: manifest.key_check.as_ref().map(|check| check.to_native()),
            geometry: parts.geometry.iter().map(|block| block.hash().0).collect(),
            outlines: Vec::new(),
            made: Vec::new(),
        }
    }

    /// The new epoch, where blocks that were not made are those of `content`.
    ///
    /// # Errors
    /// When the manifest or the standing is too large.
    pub(super) fn built(
        self,
        content: Option<SnapshotView<'_>>,
        rollback_of: u64,
        after: After<'_>,
    ) -> Result<Built, BuildError> {
        let manifest = Encoded::of(&Manifest {
            valid_from_day: self.valid_from_day,
            key_check: self.key_check,
            geometry: self.geometry,
            accounts: self.outlines.iter().map(|outline| outline.entry.clone()).collect(),
        })?;
        let shelf = content.map(Shelf::of).unwrap_or_default();
        let standing = beside(&manifest, &self.outlines, rollback_of, after)?;
        Ok(Built::new(after.epoch, manifest, standing, self.made, shelf))
    }
}

/// What stands beside a manifest.
///
/// # Errors
/// When it is too large.
pub(super) fn beside(
    manifest: &Encoded,
    outlines: &[Outline],
    rollback_of: u64,
    After { epoch, previous, dealt }: After<'_>,
) -> Result<Encoded, BuildError> {
    let plain = standing(epoch, manifest.hash, outlines, previous, dealt);
    Encoded::of(&Standing { rollback_of, ..plain })
}
