//! The store: publish, list, load.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::files;
use crate::domain::ids::{Epoch, SnapshotHash};
use crate::snapshot::block::{BlockError, BlockHash, HEADER_LEN, Verified, check_header};
use crate::snapshot::blocks::{BlockKind, Manifest, Standing};
use crate::snapshot::build::{BuildError, Built, Encoded, roll_back};
use crate::snapshot::load::{BlockSource, LoadError, Loaded, Shelf, assemble};
use crate::snapshot::memory::PrivateBytes;

/// The largest block that is read. An index counts 4-byte words in 32 bits, and nothing else comes near it.
const MAX_BLOCK_BYTES: u64 = (16 << 30) + HEADER_LEN as u64;

/// How large the store may grow if nothing else is said: 32 GiB.
pub const DEFAULT_MAX_BYTES: u64 = 32 << 30;

/// A directory of epochs.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    max_bytes: u64,
}

/// One epoch of a store, without its blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochListing {
    /// Its number.
    pub epoch: Epoch,
    /// Its content hash.
    pub hash: SnapshotHash,
    /// The epoch whose content it repeats, where it is a rollback.
    pub rollback_of: Option<Epoch>,
    /// Its blocks.
    pub blocks: Vec<BlockUse>,
}

/// A block of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockUse {
    /// What it is.
    pub kind: BlockKind,
    /// Its name.
    pub hash: BlockHash,
    /// How large its file is.
    pub bytes: u64,
}

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory can't be used.
    #[error("{path}: {reason}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// The directory is no store.
    #[error("{dir} is no snapshot store; `geofenced snapshot build` makes one")]
    NoStore {
        /// The directory.
        dir: PathBuf,
    },
    /// There is no such epoch.
    #[error("{dir} has no epoch {epoch}; `geofenced snapshot list` shows those it has")]
    NoSuchEpoch {
        /// The store.
        dir: PathBuf,
        /// The number asked for.
        epoch: Epoch,
    },
    /// Somebody else published in the meantime.
    #[error("epoch {epoch} is there already; build again on top of it")]
    EpochTaken {
        /// The number.
        epoch: Epoch,
    },
    /// Publishing would take too much room.
    #[error(
        "the store would take {needed} bytes, and snapshots_max_bytes allows {allowed}; raise it, or keep fewer epochs"
    )]
    Full {
        /// What it would take.
        needed: u64,
        /// What is allowed.
        allowed: u64,
    },
    /// A head is damaged.
    #[error("{path} is refused: {reason}")]
    Head {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: BlockError,
    },
    /// The number in the file is not that of its name.
    #[error("{path} holds epoch {found}; its file was renamed or swapped")]
    WrongEpoch {
        /// The file.
        path: PathBuf,
        /// The number it holds.
        found: Epoch,
    },
    /// A snapshot can't be loaded.
    #[error("epoch {epoch} of {dir}: {reason}")]
    Load {
        /// The store.
        dir: PathBuf,
        /// The epoch.
        epoch: Epoch,
        /// Why.
        reason: LoadError,
    },
    /// A rollback can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Names the path in an I/O error.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |reason| StoreError::Io { path: path.to_owned(), reason }
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
        let number = |path: &PathBuf| path.file_name()?.to_str()?.parse().ok().map(Epoch);
        let mut epochs: Vec<Epoch> = names.iter().filter_map(number).collect();
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

    /// Loads an epoch and verifies what `shared` has not verified already.
    ///
    /// # Errors
    /// What is missing, damaged, or does not fit.
    pub fn load(&self, epoch: Epoch, shared: Option<&Loaded>) -> Result<Loaded, StoreError> {
        let standing = self.standing_bytes(epoch)?;
        let failed = |reason| StoreError::Load { dir: self.dir.clone(), epoch, reason };
        let named = self.standing(epoch)?.get().snapshot;
        let (kind, hash) = (BlockKind::Manifest, BlockHash(named));
        let manifest = Blocks(self).read(kind, hash);
        let manifest = manifest.map_err(|reason| failed(LoadError::Read { kind, hash, reason }))?;
        let shelf = shared.map(|loaded| Shelf::of(loaded.view())).unwrap_or_default();
        assemble(manifest, standing, &mut Blocks(self), shelf).map_err(failed)
    }

    /// Adds a snapshot.
    ///
    /// # Errors
    /// When its epoch is taken or not the next, there is no room, or a file can't be written.
    pub fn publish(&self, built: &Built) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        let epoch = built.epoch();
        if self.latest()?.is_some_and(|latest| latest >= epoch) {
            return Err(StoreError::EpochTaken { epoch });
        }
        let heads = [built.manifest(), built.standing()];
        let new: u64 =
            built.fresh().iter().chain(heads).map(|block| block.bytes.len() as u64).sum();
        let needed = self.used_bytes()? + new;
        if needed > self.max_bytes {
            return Err(StoreError::Full { needed, allowed: self.max_bytes });
        }
        for block in built.fresh().iter().chain([built.manifest()]) {
            self.put(block)?;
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

    /// Publishes the content of an old epoch under a new number.
    ///
    /// # Errors
    /// When there is no such epoch, it is damaged, or the new one can't be written.
    pub fn roll_back(&self, to: Epoch) -> Result<Epoch, StoreError> {
        let old = self.load(to, None)?;
        let latest = self.latest()?.map(|latest| self.load(latest, Some(&old))).transpose()?;
        let previous = latest.as_ref().map(Loaded::view);
        let epoch = Epoch(previous.map_or(0, |view| view.epoch().0) + 1);
        self.publish(&roll_back(old.view(), epoch, previous)?)?;
        Ok(epoch)
    }

    /// What an epoch is made of.
    ///
    /// # Errors
    /// When there is no such epoch, or one of its heads is damaged.
    pub fn listing(&self, epoch: Epoch) -> Result<EpochListing, StoreError> {
        let standing = self.standing(epoch)?;
        let standing = standing.get();
        let manifest = self.manifest(BlockHash(standing.snapshot))?;
        let mut blocks = vec![(BlockKind::Manifest, manifest.hash())];
        for account in manifest.get().accounts.iter() {
            blocks.extend([
                (BlockKind::Index, BlockHash(account.index)),
                (BlockKind::Targets, BlockHash(account.targets)),
                (BlockKind::Watch, BlockHash(account.watch)),
                (BlockKind::Campaigns, BlockHash(account.campaigns)),
                (BlockKind::Calendar, BlockHash(account.calendar)),
                (BlockKind::Schedule, BlockHash(account.schedule)),
            ]);
            blocks.extend(
                account.audiences.iter().map(|hash| (BlockKind::Audience, BlockHash(*hash))),
            );
        }
        let kinds: BTreeMap<BlockHash, BlockKind> =
            blocks.into_iter().map(|(kind, hash)| (hash, kind)).collect();
        let size = |(hash, kind)| {
            let bytes = fs::metadata(self.block_path(hash)).map_or(0, |file| file.len());
            BlockUse { kind, hash, bytes }
        };
        let rollback_of =
            Some(standing.rollback_of.to_native()).filter(|number| *number != 0).map(Epoch);
        let hash = SnapshotHash(standing.snapshot);
        Ok(EpochListing { epoch, hash, rollback_of, blocks: kinds.into_iter().map(size).collect() })
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
        file.lock().map_err(at(&path))?;
        Ok(file)
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

    /// Writes a block, unless it is there and sound: a damaged one is healed by writing it again.
    fn put(&self, block: &Encoded) -> Result<(), StoreError> {
        let path = self.block_path(block.hash);
        let there = Blocks(self).read(block.kind, block.hash).ok();
        let sound = there.is_some_and(|bytes| check_header(&bytes, block.kind) == Ok(block.hash));
        if sound {
            return Ok(());
        }
        files::write(&path, &block.bytes).map_err(at(&path))
    }

    fn standing(&self, epoch: Epoch) -> Result<Verified<Standing>, StoreError> {
        let path = self.epoch_path(epoch);
        let head = |reason| StoreError::Head { path: path.clone(), reason };
        let standing = Verified::<Standing>::check(self.standing_bytes(epoch)?).map_err(head)?;
        let found = Epoch(standing.get().epoch.to_native());
        if found != epoch {
            return Err(StoreError::WrongEpoch { path, found });
        }
        Ok(standing)
    }

    fn manifest(&self, hash: BlockHash) -> Result<Verified<Manifest>, StoreError> {
        let path = self.block_path(hash);
        let bytes = read_private(&path).map_err(at(&path))?;
        let manifest = Verified::<Manifest>::check(bytes);
        manifest.map_err(|reason| StoreError::Head { path, reason })
    }

    fn standing_bytes(&self, epoch: Epoch) -> Result<PrivateBytes, StoreError> {
        let path = self.epoch_path(epoch);
        read_private(&path).map_err(|reason| {
            if reason.kind() == ErrorKind::NotFound {
                return StoreError::NoSuchEpoch { dir: self.dir.clone(), epoch };
            }
            StoreError::Io { path, reason }
        })
    }
}

/// Blocks by their file names.
struct Blocks<'s>(&'s Store);

impl BlockSource for Blocks<'_> {
    fn read(&mut self, _kind: BlockKind, hash: BlockHash) -> io::Result<PrivateBytes> {
        read_private(&self.0.block_path(hash))
    }
}

fn read_private(path: &Path) -> io::Result<PrivateBytes> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    if len > MAX_BLOCK_BYTES {
        return Err(io::Error::other(format!(
            "it has {len} bytes, and no block has over {MAX_BLOCK_BYTES}"
        )));
    }
    let len = usize::try_from(len).map_err(io::Error::other)?;
    PrivateBytes::read_from(&mut file, len)
}
