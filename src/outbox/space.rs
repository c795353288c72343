//! How much room the disk has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::config::SpaceProbe;

/// Asks the file system of `dir` for the bytes that an ordinary process may still write.
pub(super) fn probe_of(dir: &Path) -> SpaceProbe {
    let dir: PathBuf = dir.into();
    Arc::new(move || {
        let disk = rustix::fs::statvfs(&dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    })
}
