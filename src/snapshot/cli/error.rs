//! Why a snapshot command failed, for people.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::domain::ids::Epoch;
use crate::snapshot::build::BuildError;
use crate::snapshot::source::SourceErrors;
use crate::snapshot::store::{InputError, StoreError};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// An input file can't be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An input file is wrong.
    #[error(transparent)]
    Source(#[from] SourceErrors),
    /// The store can't do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no snapshot to be made of it.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The result can't be printed.
    #[error("the result can't be written: {0}")]
    Output(#[from] io::Error),
    /// The store holds nothing.
    #[error("{dir} holds no snapshot; make one with `geofenced snapshot build`")]
    Empty {
        /// The store.
        dir: PathBuf,
    },
    /// An edit would go on from an older content than the newest.
    #[error(
        "epoch {epoch} can't be used, and an edit of the one before would undo it: {reason}; use `geofenced snapshot build` or `rollback`"
    )]
    Damaged {
        /// The newest epoch that is damaged.
        epoch: Epoch,
        /// What is wrong with it.
        reason: Box<StoreError>,
    },
    /// An edit says which campaigns watch a fence.
    #[error(
        "{file} gives fence {fence:?} campaigns, which an edit leaves as they are; leave the property out, or use \
         `geofenced snapshot build`"
    )]
    Campaigns {
        /// The file.
        file: PathBuf,
        /// The fence's key.
        fence: String,
    },
    /// An edit takes out what is not there.
    #[error(
        "account {account} has no fence {fence:?}; `geofenced snapshot inspect` shows the accounts"
    )]
    NoSuchFence {
        /// The account.
        account: u32,
        /// The key that was given.
        fence: String,
    },
    /// There are lists of devices and no key.
    #[error(
        "{file} lists devices, which are stored as keyed hashes; name the daemon's key directory with --keys"
    )]
    KeyNeeded {
        /// The campaign file.
        file: PathBuf,
    },
    /// The key can't be opened.
    #[error("the key in {dir} can't be opened: {reason}")]
    Key {
        /// The directory.
        dir: PathBuf,
        /// Why.
        reason: Box<dyn Error + Send + Sync>,
    },
}
