//! Removing epochs that nobody needs, and blocks that no epoch names.

use std::collections::BTreeSet;
use std::fs;

use super::directory::Store;
use super::error::{StoreError, at};
use super::files;
use crate::domain::ids::Epoch;

/// What a sweep removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Epochs, ascending.
    pub epochs: Vec<Epoch>,
    /// Blocks and files that were never finished.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Store {
    /// Keeps the newest `keep` epochs (at least one) and those `named` by somebody: a journal record, a
    /// checkpoint, an unread job. All others go, and then the blocks that no kept epoch names.
    ///
    /// # Errors
    /// When a kept epoch can't be read (then epochs go but no block does, for nobody knows which it needs), or a
    /// file can't be removed.
    pub fn sweep(&self, keep: usize, named: &BTreeSet<Epoch>) -> Result<Swept, StoreError> {
        let _lock = self.lock()?;
        let epochs = self.epochs()?;
        let newest = epochs.len().saturating_sub(keep.max(1));
        let (old, recent) = epochs.split_at(newest);
        let (kept, gone): (Vec<Epoch>, Vec<Epoch>) =
            old.iter().partition(|epoch| named.contains(epoch));
        let needed = self.blocks_of(kept.iter().chain(recent));
        let mut swept = Swept { epochs: gone, ..Swept::default() };
        // Epochs go before their blocks: a crash in between leaves blocks too many, never too few.
        for epoch in &swept.epochs {
            let path = self.epoch_path(*epoch);
            swept.bytes += fs::metadata(&path).map_or(0, |file| file.len());
            files::remove_if_there(&path).map_err(at(&path))?;
        }
        let dir = self.epochs_dir();
        files::sync_directory(&dir).map_err(at(&dir))?;
        self.sweep_files(&needed?, &mut swept)?;
        Ok(swept)
    }

    /// The names of the blocks that these epochs need.
    fn blocks_of<'e>(
        &self,
        epochs: impl Iterator<Item = &'e Epoch>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut names = BTreeSet::new();
        for epoch in epochs {
            names.extend(self.listing(*epoch)?.blocks.iter().map(|block| block.hash.to_string()));
        }
        Ok(names)
    }

    fn sweep_files(&self, needed: &BTreeSet<String>, swept: &mut Swept) -> Result<(), StoreError> {
        for (dir, holds_blocks) in [(self.blocks_dir(), true), (self.epochs_dir(), false)] {
            for path in files::entries(&dir).map_err(at(&dir))? {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let idle = holds_blocks && !needed.contains(name);
                if idle || files::is_unfinished(&path) {
                    swept.files += 1;
                    swept.bytes += fs::metadata(&path).map_or(0, |file| file.len());
                    files::remove_if_there(&path).map_err(at(&path))?;
                }
            }
        }
        Ok(())
    }
}
