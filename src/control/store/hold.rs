//! Who works on a catalog file: any number of processes, or one that puts another file in its place.
//!
//! SQLite's own locks are taken for a transaction each, so they can't tell that a daemon is there. This one is held as
//! long as the file is open: a lock on `catalog.lock` beside it, which the system lets go of when a process ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::tx::StoreError;
use crate::identity::KEYS_FILE;
use crate::identity::owner::open_lock;

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
    let file = open_lock(&path, &catalog.with_file_name(KEYS_FILE)).map_err(io)?;
    match lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(catalog.to_owned())),
        Err(TryLockError::Error(reason)) => Err(io(reason)),
    }
}
