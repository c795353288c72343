//! Removing epochs that list devices which are to be forgotten.

use std::collections::BTreeSet;

use super::directory::Store;
use super::error::{StoreError, at};
use super::files;
use crate::domain::ids::{AccountId, Epoch};
use crate::snapshot::load::Loaded;

impl Store {
    /// Removes the epochs before this one that list one of these devices by its hash, and then the blocks that no epoch
    /// names. So goes an epoch that does not load, for nobody knows whom it lists. Nobody may need any of them. What
    /// `shared` has is not loaded again. Gives how many there were.
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
        for epoch in self.epochs()?.into_iter().filter(|epoch| *epoch < before) {
            let loaded = self.load(epoch, Some(shared));
            if loaded.is_ok_and(|loaded| !loaded.view().lists_any(members)) {
                continue;
            }
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
}
