//! Epochs from their files: what an epoch is made of, loading one, finding the newest that is sound.
//!
//! Files may have been damaged, or come from somebody else: a header is looked at before memory is taken for
//! what it announces, and one load takes no more than the whole store may.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

use super::directory::{DEFAULT_MAX_BYTES, Store};
use super::error::StoreError;
use super::files;
use crate::domain::ids::{AccountId, Epoch, SnapshotHash};
use crate::domain::lots::InstallationKey;
use crate::snapshot::block::{BlockError, BlockHash, HEADER_LEN, Verified, check_prelude};
use crate::snapshot::blocks::{ArchivedManifest, BlockKind, Manifest, Standing};
use crate::snapshot::build::Dealt;
use crate::snapshot::load::{BlockSource, LoadError, Loaded, ReadError, assemble};
use crate::snapshot::memory::PrivateBytes;
use crate::snapshot::shelf::Shelf;
use crate::snapshot::view::{SnapshotView, is_made_for};

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

/// The newest epoch that loads, and what is known of those above it.
#[derive(Debug, Default)]
pub struct NewestSound {
    /// It; none where no epoch loads.
    pub loaded: Option<Loaded>,
    /// The newer ones, and why each does not load, the newest first.
    pub refused: Vec<(Epoch, StoreError)>,
    /// The target ids that the newer ones have dealt, as far as they still tell.
    pub dealt: Dealt,
}

impl NewestSound {
    /// Reads it.
    #[must_use]
    pub fn view(&self) -> Option<SnapshotView<'_>> {
        self.loaded.as_ref().map(Loaded::view)
    }
}

impl Store {
    /// Loads an epoch and verifies what `shared` has not verified already.
    ///
    /// # Errors
    /// What is missing, damaged, or does not fit.
    pub fn load(&self, epoch: Epoch, shared: Option<&Loaded>) -> Result<Loaded, StoreError> {
        let standing = self.standing_bytes(epoch)?;
        let failed = |reason| StoreError::Load { dir: self.dir().to_owned(), epoch, reason };
        let named = self.standing(epoch)?.get().snapshot;
        let (kind, hash) = (BlockKind::Manifest, BlockHash(named));
        let mut blocks = Blocks::of(self);
        let manifest = blocks.read(kind, hash);
        let manifest = manifest.map_err(|error| failed(LoadError::unread(kind, hash, error)))?;
        let shelf = shared.map(|loaded| Shelf::of(loaded.view())).unwrap_or_default();
        assemble(manifest, standing, &mut blocks, shelf).map_err(failed)
    }

    /// Loads the newest epoch that is sound, from `at_least` on.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn newest_sound(
        &self,
        at_least: Epoch,
        shared: Option<&Loaded>,
    ) -> Result<NewestSound, StoreError> {
        let mut found = NewestSound::default();
        for epoch in self.epochs()?.into_iter().rev().take_while(|epoch| *epoch >= at_least) {
            match self.load(epoch, shared) {
                Ok(loaded) => {
                    found.loaded = Some(loaded);
                    break;
                }
                Err(error) => {
                    self.remember_dealt(epoch, &mut found.dealt);
                    found.refused.push((epoch, error));
                }
            }
        }
        Ok(found)
    }

    /// An id is never dealt twice, so those of an epoch that does not load count too, if its standing does.
    fn remember_dealt(&self, epoch: Epoch, dealt: &mut Dealt) {
        let Ok(standing) = self.standing(epoch) else { return };
        for account in standing.get().accounts.iter() {
            let next = dealt.entry(AccountId(account.id.to_native())).or_default();
            *next = (*next).max(account.next_target_id.to_native());
        }
    }

    /// Whether an epoch's lists of devices, if it has any, were hashed under this key: by its heads alone.
    ///
    /// # Errors
    /// When there is no such epoch, or one of its heads is damaged.
    pub fn is_made_for(&self, epoch: Epoch, key: &InstallationKey) -> Result<bool, StoreError> {
        let manifest = self.manifest(BlockHash(self.standing(epoch)?.get().snapshot))?;
        Ok(is_made_for(manifest.get(), key))
    }

    /// The content hash of an epoch, as its file names it.
    ///
    /// # Errors
    /// When there is no such epoch, or its file is damaged.
    pub fn hash(&self, epoch: Epoch) -> Result<SnapshotHash, StoreError> {
        Ok(SnapshotHash(self.standing(epoch)?.get().snapshot))
    }

    /// When an epoch's file was written; tells a file from another that takes its place.
    #[must_use]
    pub fn written_at(&self, epoch: Epoch) -> Option<SystemTime> {
        fs::metadata(self.epoch_path(epoch)).and_then(|file| file.modified()).ok()
    }

    /// What an epoch is made of.
    ///
    /// # Errors
    /// When there is no such epoch, or one of its heads is damaged.
    pub fn listing(&self, epoch: Epoch) -> Result<EpochListing, StoreError> {
        let standing = self.standing(epoch)?;
        let standing = standing.get();
        let manifest = self.manifest(BlockHash(standing.snapshot))?;
        let heads = [(BlockKind::Manifest, manifest.hash())];
        let blocks = heads.into_iter().chain(blocks_of(manifest.get()));
        let kinds: BTreeMap<BlockHash, BlockKind> =
            blocks.map(|(kind, hash)| (hash, kind)).collect();
        let size = |(hash, kind)| {
            let bytes = fs::metadata(self.block_path(hash)).map_or(0, |file| file.len());
            BlockUse { kind, hash, bytes }
        };
        let rollback_of =
            Some(standing.rollback_of.to_native()).filter(|number| *number != 0).map(Epoch);
        let hash = SnapshotHash(standing.snapshot);
        Ok(EpochListing { epoch, hash, rollback_of, blocks: kinds.into_iter().map(size).collect() })
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
        let unread = |error| head_unread(&path, error);
        let bytes = read_private(&path, BlockKind::Manifest).map_err(unread)?;
        let manifest = Verified::<Manifest>::check(bytes);
        manifest.map_err(|reason| StoreError::Head { path, reason })
    }

    fn standing_bytes(&self, epoch: Epoch) -> Result<PrivateBytes, StoreError> {
        let path = self.epoch_path(epoch);
        read_private(&path, BlockKind::Standing).map_err(|error| match error {
            ReadError::Io(reason) if reason.kind() == ErrorKind::NotFound => {
                StoreError::NoSuchEpoch { dir: self.dir().to_owned(), epoch }
            }
            other @ (ReadError::Io(_) | ReadError::Block(_)) => head_unread(&path, other),
        })
    }
}

fn head_unread(path: &Path, error: ReadError) -> StoreError {
    let path = path.to_owned();
    match error {
        ReadError::Io(reason) => StoreError::Io { path, reason },
        ReadError::Block(reason) => StoreError::Head { path, reason },
    }
}

/// The blocks that a manifest names.
pub(super) fn blocks_of(
    manifest: &ArchivedManifest,
) -> impl Iterator<Item = (BlockKind, BlockHash)> + '_ {
    let shared = manifest.geometry.iter().map(|hash| (BlockKind::Geometry, BlockHash(*hash)));
    shared.chain(manifest.accounts.iter().flat_map(|account| {
        let own = [
            (BlockKind::Atlas, account.atlas),
            (BlockKind::Places, account.places),
            (BlockKind::Campaigns, account.campaigns),
            (BlockKind::Calendar, account.calendar),
            (BlockKind::Schedule, account.schedule),
        ];
        let many = [
            (BlockKind::Tile, &account.tiles),
            (BlockKind::Shapes, &account.shapes),
            (BlockKind::Targets, &account.targets),
            (BlockKind::Watch, &account.watch),
            (BlockKind::Audience, &account.audiences),
        ];
        let many =
            many.into_iter().flat_map(|(kind, hashes)| hashes.iter().map(move |h| (kind, *h)));
        own.into_iter().chain(many).map(|(kind, hash)| (kind, BlockHash(hash)))
    }))
}

/// Blocks by their file names, for one load.
pub(super) struct Blocks<'s> {
    store: &'s Store,
    /// What may still be read.
    left: u64,
}

/// What the blocks of one epoch may take to be loaded, if the store may not take more: a lower limit on the store
/// is no reason not to load what it holds already.
const LOAD_BYTES: u64 = DEFAULT_MAX_BYTES;

impl<'s> Blocks<'s> {
    pub(super) fn of(store: &'s Store) -> Self {
        Self::within(store, store.max_bytes().max(LOAD_BYTES))
    }

    pub(super) fn within(store: &'s Store, left: u64) -> Self {
        Self { store, left }
    }
}

impl BlockSource for Blocks<'_> {
    fn read(&mut self, kind: BlockKind, hash: BlockHash) -> Result<PrivateBytes, ReadError> {
        read_within(&self.store.block_path(hash), kind, &mut self.left)
    }
}

fn read_private(path: &Path, kind: BlockKind) -> Result<PrivateBytes, ReadError> {
    read_within(path, kind, &mut kind.max_bytes())
}

fn read_within(path: &Path, kind: BlockKind, left: &mut u64) -> Result<PrivateBytes, ReadError> {
    let (mut file, found) = files::open_regular(path)?;
    if found < HEADER_LEN as u64 {
        return Err(BlockError::Short { found, expected: HEADER_LEN as u64 }.into());
    }
    let mut header = [0; HEADER_LEN];
    file.read_exact(&mut header)?;
    check_prelude(&header, kind, found)?;
    let past = || std::io::Error::other("with it the epoch takes more memory than one may");
    *left = left.checked_sub(found).ok_or_else(past)?;
    let len = usize::try_from(found).map_err(std::io::Error::other)?;
    Ok(PrivateBytes::read_from(&mut Cursor::new(header).chain(file), len)?)
}
