//! The few things the journal asks of a file system, so that tests can put a failing one in its
//! place.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read, Write};
use std::path::Path;

use crate::identity::owner::open_lock;

/// A file system, as far as the journal and checkpoints need one.
pub trait Disk: Send + Sync + 'static {
    /// Makes a folder and its parents, if missing; their names are durable then.
    ///
    /// # Errors
    /// The system's.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes an empty file for appending, in the place of any other of that name.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for appending.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Reads a whole file into `into`, whose content is replaced.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, path: &Path, into: &mut Vec<u8>) -> io::Result<()>;

    /// The length of a file, bytes.
    ///
    /// # Errors
    /// The system's.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// The names in a folder, in any order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Removes a file. Durable after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Renames a file over any other. Durable after [`sync_dir`](Self::sync_dir).
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Waits until all that was written to the file system of a folder is on stable storage.
    ///
    /// # Errors
    /// The system's.
    fn sync_all(&self, dir: &Path) -> io::Result<()>;

    /// Holds an exclusive lock until the answer is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another holds it; else the system's.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>>;
}

/// A file open for appending.
pub trait DiskFile: Send {
    /// Appends all parts, in one call to the system where it takes them all.
    ///
    /// # Errors
    /// The system's; some of the bytes may be in the file then.
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Waits until the content is on stable storage.
    ///
    /// # Errors
    /// The system's. What was not yet durable may be lost then, whatever a later sync says.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Cuts the file; the next append goes to its new end.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Default, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir(parent)?;
        }
        match fs::create_dir(dir) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        self.sync_dir(parent.unwrap_or(Path::new(".")))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        // Appending and truncating can't be asked for in one open.
        File::create(path)?;
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Box::new(RealFile(file)))
    }

    fn read(&self, path: &Path, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        File::open(path)?.read_to_end(into).map(drop)
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        fs::metadata(path).map(|about| about.len())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name()));
        // A name that is no text is none of ours.
        let texts = names.filter_map(|name: io::Result<_>| match name {
            Ok(name) => name.into_string().ok().map(Ok),
            Err(error) => Some(Err(error)),
        });
        texts.collect()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(dir)?)?)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let file = open_lock(path, path.parent().unwrap_or(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn append(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        // Drops empty parts at the front, or a call with nothing to write would look like a full
        // disk.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.0.write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}
