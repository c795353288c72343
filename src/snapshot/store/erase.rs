//! Removing epochs that list devices which are to be forgotten.

use std::collections::BTreeSet;

use super::directory::Store;
use super::error::{StoreError, at};
use super::files;
use crate::domain::ids::{AccountId, Epoch};
use crate::snapshot::load::Loaded;

impl Store {
    /// Removes the epochs before this one that may list one of these devices, and then the blocks that no epoch names. Nobody
    /// may need any of them. What `shared` has is not loaded again. Gives how many there were.
    ///
    /// # Errors
    /// When the store can't be read, or a file can't be removed.
    pub fn erase(
        &self,
        before: Epoch,
        shared: &Loaded,
        members: &[(AccountId, u64)],
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        let epochs = self.epochs()?.into_iter().filter(|epoch| *epoch < before);
        for epoch in epochs.filter(|epoch| self.may_list(*epoch, shared, members)) {
            let path = self.epoch_path(epoch);
            files::remove_if_there(&path).map_err(at(&path))?;
            removed += 1;
        }
        let dir = self.epochs_dir();
        files::sync_directory(&dir).map_err(at(&dir))?;
        // Blocks of before that an earlier sweep has left go with them.
        self.sweep(usize::MAX, &BTreeSet::new())?;
        Ok(removed)
    }
    /// The first epoch from this one on that may list one of these devices: a rollback brings back what is in an epoch
    /// that is still there.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn first_listing(
        &self,
        from: Epoch,
        shared: &Loaded,
        members: &[(AccountId, u64)],
    ) -> Result<Option<Epoch>, StoreError> {
        let mut epochs = self.epochs()?.into_iter().filter(|epoch| *epoch >= from);
        Ok(epochs.find(|epoch| self.may_list(*epoch, shared, members)))
    }

    /// Of one that does not load nobody knows whom it lists.
    fn may_list(&self, epoch: Epoch, shared: &Loaded, members: &[(AccountId, u64)]) -> bool {
        let loaded = self.load(epoch, Some(shared));
        loaded.map_or(true, |loaded| loaded.view().lists_any(members))
    }
}
