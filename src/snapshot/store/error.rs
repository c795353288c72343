//! What can go wrong with a store, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::ids::Epoch;
use crate::snapshot::block::{BlockError, BlockHash};
use crate::snapshot::blocks::BlockKind;
use crate::snapshot::build::BuildError;
use crate::snapshot::load::LoadError;

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
        "the store would take {needed} bytes, and snapshots.max_bytes (--max-bytes) allows {allowed}; raise it, or keep fewer epochs (`geofenced snapshot gc`)"
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
    /// A block that a new epoch takes over from an old one is gone.
    #[error(
        "the {kind} block {hash} is gone: epochs were swept away while this one was made; make it again"
    )]
    BlockGone {
        /// The kind of block.
        kind: BlockKind,
        /// Its name.
        hash: BlockHash,
    },
    /// Another process keeps the store to itself.
    #[error(
        "{path} is held by another process for 25 s now; end that one, or try again when it has"
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A directory has the name of a block.
    #[error("{path} is a directory where a block has to be; remove it and try again")]
    InTheWay {
        /// The directory.
        path: PathBuf,
    },
    /// A rollback can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Names the path in an I/O error.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |reason| StoreError::Io { path: path.to_owned(), reason }
}
