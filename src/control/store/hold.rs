//! Who works on a catalog file: any number of processes, or one that puts another file in its place.
//!
//! SQLite's own locks are taken for a transaction each, so they can't tell that a daemon is there. This one is held as
//! long as the file is open: a lock on `catalog.lock` beside it, which the system lets go of when a process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::tx::StoreError;

/// Holds the file for work on it, beside others who do.
///
/// # Errors
/// [`StoreError::Held`] while another file is put in its place.
pub fn shared(catalog: &Path) -> Result<File, StoreError> {
    take(catalog, File::try_lock_shared)
}

/// Holds the file alone, whether or not it is there, until the answer is dropped.
///
/// # Errors
/// [`StoreError::Held`] while anybody works on it.
pub fn alone(catalog: &Path) -> Result<File, StoreError> {
    take(catalog, File::try_lock)
}

fn take(
    catalog: &Path,
    lock: impl FnOnce(&File) -> Result<(), TryLockError>,
) -> Result<File, StoreError> {
    let path = catalog.with_extension("lock");
    let io = |reason| StoreError::Io { path: path.clone(), reason };
    let mut open = OpenOptions::new();
    let file = open.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(io)?;
    match lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(catalog.to_owned())),
        Err(TryLockError::Error(reason)) => Err(io(reason)),
    }
}
