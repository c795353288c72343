//! The store as a directory: what is there, adding to it, and its limits. [`reading`](super::reading) loads.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;

use super::error::{StoreError, at};
use super::files;
use super::reading::{Blocks, blocks_of};
use crate::domain::ids::Epoch;
use crate::snapshot::block::{BlockHash, Verified, check_header};
use crate::snapshot::blocks::{BlockKind, Manifest};
use crate::snapshot::build::{After, Built, Dealt, renew, roll_back};
use crate::snapshot::load::{BlockSource, Loaded};
use crate::snapshot::memory::PrivateBytes;

/// How large the store may grow if nothing else is said: 32 GiB.
pub const DEFAULT_MAX_BYTES: u64 = 32 << 30;

/// A directory of epochs.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    max_bytes: u64,
}

impl Store {
    /// The store in this directory, which is made if it is not there.
    ///
    /// # Errors
    /// When the directory can't be made.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let store = Self { dir: dir.to_owned(), max_bytes: DEFAULT_MAX_BYTES };
        for part in [store.blocks_dir(), store.epochs_dir()] {
            fs::create_dir_all(&part).map_err(at(&part))?;
        }
        Ok(store)
    }

    /// The store in this directory, which must be there: looking at a store makes none.
    ///
    /// # Errors
    /// [`StoreError::NoStore`].
    pub fn existing(dir: &Path) -> Result<Self, StoreError> {
        let store = Self { dir: dir.to_owned(), max_bytes: DEFAULT_MAX_BYTES };
        let there = store.blocks_dir().is_dir() && store.epochs_dir().is_dir();
        there.then_some(store).ok_or_else(|| StoreError::NoStore { dir: dir.to_owned() })
    }

    /// The same store with another limit on the bytes of its files.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its epochs, ascending.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn epochs(&self) -> Result<Vec<Epoch>, StoreError> {
        let dir = self.epochs_dir();
        let names = files::entries(&dir).map_err(at(&dir))?;
        let number = |path: &PathBuf| {
            path.file_name()?.to_str()?.parse().ok().filter(|number| *number < u64::MAX)
        };
        let mut epochs: Vec<Epoch> = names.iter().filter_map(number).map(Epoch).collect();
        epochs.sort_unstable();
        Ok(epochs)
    }

    /// The newest epoch.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn latest(&self) -> Result<Option<Epoch>, StoreError> {
        Ok(self.epochs()?.last().copied())
    }

    /// The number of the next epoch: by the names of the files alone, so that a damaged one is no obstacle.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn next_epoch(&self) -> Result<Epoch, StoreError> {
        Ok(Epoch(self.latest()?.map_or(0, |latest| latest.0) + 1))
    }

    /// Adds a snapshot.
    ///
    /// # Errors
    /// When its epoch is taken or not the next, there is no room, a block that it takes over is gone, or a file
    /// can't be written.
    pub fn publish(&self, built: &Built) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let epoch = built.epoch();
        if self.latest()?.is_some_and(|latest| latest >= epoch) {
            return Err(StoreError::EpochTaken { epoch });
        }
        self.check_taken_over(built)?;
        let heads = [built.manifest(), built.standing()];
        let new: u64 =
            built.fresh().iter().chain(heads).map(|block| block.bytes.len() as u64).sum();
        let needed = self.used_bytes()? + new;
        if needed > self.max_bytes {
            return Err(StoreError::Full { needed, allowed: self.max_bytes });
        }
        for block in built.fresh().iter().chain([built.manifest()]) {
            self.put((block.kind, block.hash), &block.bytes)?;
        }
        let blocks = self.blocks_dir();
        files::sync_directory(&blocks).map_err(at(&blocks))?;
        let path = self.epoch_path(epoch);
        match files::write_new(&path, &built.standing().bytes) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(StoreError::EpochTaken { epoch });
            }
            outcome => outcome.map_err(at(&path))?,
        }
        let epochs = self.epochs_dir();
        files::sync_directory(&epochs).map_err(at(&epochs))
    }

    /// Publishes the content of an old epoch under a new number, its schedules compiled from `today` on.
    ///
    /// # Errors
    /// When there is no such epoch, it is damaged, or the new one can't be written.
    pub fn roll_back(&self, to: Epoch, today: Date) -> Result<Epoch, StoreError> {
        let old = self.load(to, None)?;
        let before = self.newest_sound(Epoch(0), Some(&old))?;
        let epoch = self.next_epoch()?;
        let after = After { epoch, previous: before.view(), dealt: &before.dealt };
        self.publish(&roll_back(old.view(), today, after)?)?;
        Ok(epoch)
    }

    /// Publishes the newest epoch, which is `newest`, with schedules compiled from `today` on. `None` where they
    /// are already. Blocks that were damaged or lost on disk meanwhile are written again.
    ///
    /// # Errors
    /// When the new one can't be made or written.
    pub fn renew(&self, newest: &Loaded, today: Date) -> Result<Option<Epoch>, StoreError> {
        let view = newest.view();
        let epoch = Epoch(view.epoch().0 + 1);
        let after = After { epoch, previous: Some(view), dealt: &Dealt::new() };
        let Some(built) = renew(view, today, after)? else { return Ok(None) };
        self.heal(newest)?;
        self.publish(&built)?;
        Ok(Some(epoch))
    }

    /// The bytes of all its files.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        let mut used = 0;
        for dir in [self.blocks_dir(), self.epochs_dir()] {
            for path in files::entries(&dir).map_err(at(&dir))? {
                used += fs::metadata(&path).map_or(0, |file| file.len());
            }
        }
        Ok(used)
    }

    /// Held by whoever adds or removes files, in this process or another; let go when dropped.
    pub(super) fn lock(&self) -> Result<File, StoreError> {
        let path = self.dir.join("lock");
        let file = File::options().create(true).append(true).open(&path).map_err(at(&path))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_EVERY),
                Err(TryLockError::Error(reason)) => return Err(StoreError::Io { path, reason }),
            }
        }
        Err(StoreError::Locked { path })
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(super) fn blocks_dir(&self) -> PathBuf {
        self.dir.join("blocks")
    }

    pub(super) fn epochs_dir(&self) -> PathBuf {
        self.dir.join("epochs")
    }

    pub(super) fn block_path(&self, hash: BlockHash) -> PathBuf {
        self.blocks_dir().join(hash.to_string())
    }

    /// Numbers are padded so that a listing sorts as they count.
    pub(super) fn epoch_path(&self, epoch: Epoch) -> PathBuf {
        self.epochs_dir().join(format!("{:020}", epoch.0))
    }

    /// Called with the lock held: from here on no sweep removes what the new epoch will name.
    fn check_taken_over(&self, built: &Built) -> Result<(), StoreError> {
        let path = self.block_path(built.manifest().hash);
        let bytes = PrivateBytes::from_heap(built.manifest().bytes.clone());
        let refused = |reason| StoreError::Head { path, reason };
        let manifest = Verified::<Manifest>::check(bytes).map_err(refused)?;
        let made = |hash: BlockHash| built.fresh().iter().any(|block| block.hash == hash);
        let gone = blocks_of(manifest.get())
            .find(|(_, hash)| !self.block_path(*hash).is_file() && !made(*hash));
        match gone {
            Some((kind, hash)) => Err(StoreError::BlockGone { kind, hash }),
            None => Ok(()),
        }
    }

    fn heal(&self, loaded: &Loaded) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let mut blocks = loaded.view().parts().blocks();
        blocks.try_for_each(|(kind, hash, bytes)| self.put((kind, hash), bytes))
    }

    /// Writes a block, unless it is there and sound: a damaged one is healed by writing it again.
    fn put(&self, (kind, hash): (BlockKind, BlockHash), bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.block_path(hash);
        let there = Blocks::of(self).read(kind, hash).ok();
        let sound = there.is_some_and(|bytes| check_header(&bytes, kind) == Ok(hash));
        if sound {
            return Ok(());
        }
        if path.is_dir() {
            return Err(StoreError::InTheWay { path });
        }
        files::write(&path, bytes).map_err(at(&path))
    }
}

/// How long the lock of a store is waited for, 25 s: longer than a large snapshot takes to be written, and less than
/// the `drain_s` within which a daemon ends, whoever was stopped with the lock in its hands.
const LOCK_TRIES: u32 = 500;
const LOCK_EVERY: Duration = Duration::from_millis(50);
