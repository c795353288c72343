//! The outcome of a build: two heads, the blocks that are new, and those taken over.

use std::collections::{HashMap, HashSet};
use std::io;

use rkyv::util::AlignedVec;

use super::error::BuildError;
use crate::domain::ids::{Epoch, SnapshotHash};
use crate::snapshot::block::{BlockHash, Written, encode};
use crate::snapshot::blocks::BlockKind;
use crate::snapshot::load::{BlockSource, LoadError, Loaded, ReadError, assemble};
use crate::snapshot::memory::PrivateBytes;
use crate::snapshot::shelf::Shelf;

/// A block as bytes, not yet verified by a reader.
#[derive(Debug)]
pub struct Encoded {
    /// What it is.
    pub kind: BlockKind,
    /// Its name.
    pub hash: BlockHash,
    /// Header and archive.
    pub bytes: AlignedVec<64>,
}

/// A snapshot ready to be stored or loaded.
#[derive(Debug)]
pub struct Built {
    epoch: Epoch,
    manifest: Encoded,
    standing: Encoded,
    fresh: Vec<Encoded>,
    shelf: Shelf,
}

impl Encoded {
    /// Archives a content.
    ///
    /// # Errors
    /// When it is too large for one block.
    pub(super) fn of<T: Written>(content: &T) -> Result<Self, BuildError> {
        let (hash, bytes) = encode(content)?;
        Ok(Self { kind: T::KIND, hash, bytes })
    }

    pub(super) fn copied(from: &[u8], hash: BlockHash, kind: BlockKind) -> Self {
        let mut bytes = AlignedVec::with_capacity(from.len());
        bytes.extend_from_slice(from);
        Self { kind, hash, bytes }
    }
}

impl Built {
    /// Of the blocks made, only those that the shelf lacks are kept, each once.
    pub(super) fn new(
        epoch: Epoch,
        manifest: Encoded,
        standing: Encoded,
        made: Vec<Encoded>,
        shelf: Shelf,
    ) -> Self {
        let mut seen: HashSet<BlockHash> = HashSet::with_capacity(made.len());
        let mut fresh = made;
        fresh.retain(|block| !shelf.has(block.kind, block.hash) && seen.insert(block.hash));
        Self { epoch, manifest, standing, fresh, shelf }
    }

    /// Its number.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Its content hash.
    #[must_use]
    pub fn hash(&self) -> SnapshotHash {
        SnapshotHash(self.manifest.hash.0)
    }

    /// Which blocks it is made of.
    #[must_use]
    pub fn manifest(&self) -> &Encoded {
        &self.manifest
    }

    /// What stands beside it.
    #[must_use]
    pub fn standing(&self) -> &Encoded {
        &self.standing
    }

    /// The blocks that the previous snapshot does not have.
    #[must_use]
    pub fn fresh(&self) -> &[Encoded] {
        &self.fresh
    }

    /// Verifies and loads it without a detour over the disk.
    ///
    /// # Errors
    /// When a block breaks a rule, which means that the build and the verification disagree.
    pub fn load_in_memory(self) -> Result<Loaded, LoadError> {
        let mut blocks = Made(self.fresh.into_iter().map(|block| (block.hash, block)).collect());
        let manifest = PrivateBytes::from_heap(self.manifest.bytes);
        let standing = PrivateBytes::from_heap(self.standing.bytes);
        assemble(manifest, standing, &mut blocks, self.shelf)
    }
}

struct Made(HashMap<BlockHash, Encoded>);

impl BlockSource for Made {
    fn read(&mut self, _kind: BlockKind, hash: BlockHash) -> Result<PrivateBytes, ReadError> {
        let block = self.0.remove(&hash).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        Ok(PrivateBytes::from_heap(block.bytes))
    }
}
