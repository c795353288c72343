//! A file system of a few files in memory, read only.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use geofenced::journal::disk::{Disk, DiskFile};

/// Files by path.
#[derive(Default)]
pub struct MemoryDisk(pub BTreeMap<PathBuf, Vec<u8>>);

impl MemoryDisk {
    fn file(&self, path: &Path) -> io::Result<&Vec<u8>> {
        self.0.get(path).ok_or(io::ErrorKind::NotFound.into())
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for MemoryDisk {
    fn read(&self, path: &Path, into: &mut Vec<u8>) -> io::Result<()> {
        into.clone_from(self.file(path)?);
        Ok(())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        self.file(path).map(|bytes| bytes.len() as u64)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let inside = self.0.keys().filter(|path| path.parent() == Some(dir));
        let names = inside.filter_map(|path| path.file_name()?.to_str());
        Ok(names.map(str::to_owned).collect())
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        read_only()
    }

    fn create(&self, _path: &Path) -> io::Result<Box<dyn DiskFile>> {
        read_only()
    }

    fn open(&self, _path: &Path) -> io::Result<Box<dyn DiskFile>> {
        read_only()
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        read_only()
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        read_only()
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        read_only()
    }

    fn sync_all(&self, _dir: &Path) -> io::Result<()> {
        read_only()
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Send>> {
        read_only()
    }
}
