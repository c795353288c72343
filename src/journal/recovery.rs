//! From the files of the last run to a journal that may be written again.
//!
//! In this order: the folder is locked, the torn tail is cut and the rest of it written again, every input
//! after the marks is read and proven, and only then does a new segment begin behind the old ones.
//! Nothing can be acknowledged before.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use super::config::JournalConfig;
use super::disk::{Disk, RealDisk};
use super::error::JournalError;
use super::handle::Journal;
use super::owned::OwnedInput;
use super::position::{LogPosition, Resume};
use super::recorder;
use super::scan::LogScan;
use super::segment::{self, SegmentFile};
use super::shard_log::ShardLog;
use super::tail::{self, Tail};
use super::writer::Start;
use crate::domain::ids::InputPosition;
use crate::identity::Keyring;

/// The log being read back. The journal is had from it, once all is read.
pub struct Recovery {
    config: JournalConfig,
    keyring: Keyring,
    disk: Arc<dyn Disk>,
    lock: Box<dyn Send>,
    tail: Tail,
    scan: LogScan,
}

impl Recovery {
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        config: JournalConfig,
        keyring: &Keyring,
        resume: Resume,
    ) -> Result<Self, JournalError> {
        config.check().first().map_err(JournalError::Config)?;
        let log_dir = config.log_dir();
        disk.create_dir(&log_dir).map_err(JournalError::io("create", &log_dir))?;
        let lock = lock(&*disk, &log_dir)?;
        recorder::remove_unfinished(&*disk, &log_dir)?;
        let mut segments = segment::list(&*disk, &log_dir)?;
        let tail = examine_last(&*disk, &mut segments)?;
        settle(&*disk, &log_dir, &mut segments, tail)?;
        let scan = LogScan::new(Arc::clone(&disk), keyring, resume, segments)?;
        Ok(Self { config, keyring: keyring.clone(), disk, lock, tail, scan })
    }

    /// How the last run ended.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// The next input after the marks, in the order of the log; `None` at its end. What it is read
    /// into is used again by the next call.
    ///
    /// # Errors
    /// [`JournalError`] where the log is damaged or lacks an input. It can't be read on then.
    pub fn next_input(&mut self) -> Result<Option<(InputPosition, &OwnedInput)>, JournalError> {
        self.scan.next_input()
    }

    /// Proves what is not yet read, begins a segment and starts the writer. One [`ShardLog`] a
    /// shard, in order. `now_ns` is a monotone clock, for the figures alone.
    ///
    /// # Errors
    /// As [`next_input`](Self::next_input), and when the new segment can't be made.
    pub fn into_journal(
        self,
        shards: usize,
        now_ns: fn() -> u64,
    ) -> Result<(Journal, Vec<ShardLog>), JournalError> {
        Journal::start(self.finish(now_ns)?, shards)
    }

    /// Proves what is not yet read, and gives what the writer starts from.
    pub(super) fn finish(self, now_ns: fn() -> u64) -> Result<Start, JournalError> {
        let Self { config, keyring, disk, lock, tail: _, scan } = self;
        let link = scan.finish()?;
        Ok(Start { disk, config, keyring, link, now_ns, lock })
    }
}

/// The log being read alone: nothing is locked, cut or written, so a daemon may be running on it.
pub struct LogReader {
    tail: Tail,
    scan: LogScan,
}

impl LogReader {
    /// Opens the log of a data directory.
    ///
    /// # Errors
    /// [`JournalError`] if its end is damaged, or if it doesn't reach back to where `resume`
    /// begins.
    pub fn open(dir: &Path, keyring: &Keyring, resume: Resume) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(RealDisk), dir, keyring, resume)
    }

    /// As [`open`](Self::open), on another disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        keyring: &Keyring,
        resume: Resume,
    ) -> Result<Self, JournalError> {
        let mut segments = segment::list_beside(&*disk, &dir.join("log"))?;
        let tail = examine_last(&*disk, &mut segments)?;
        // A segment that was being begun; recovery would remove it.
        segments.pop_if(|last| last.len == 0);
        Ok(Self { tail, scan: LogScan::new(disk, keyring, resume, segments)? })
    }

    /// How much of it there is to read, bytes, whole segments.
    #[must_use]
    pub fn bytes_ahead(&self) -> u64 {
        self.scan.bytes_ahead()
    }

    /// How the log ends; what a running daemon is writing counts as torn.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Where reading began, where it is, and where the log ended when it was opened.
    #[must_use]
    pub fn span(&self) -> [LogPosition; 3] {
        self.scan.span()
    }

    /// The next input after the marks, in the order of the log; `None` at its end.
    ///
    /// # Errors
    /// [`JournalError`] where the log is damaged or lacks an input.
    pub fn next_input(&mut self) -> Result<Option<(InputPosition, &OwnedInput)>, JournalError> {
        self.scan.next_input()
    }
}

/// Keeps every daemon off the log of a folder until the answer is dropped.
pub(super) fn lock(disk: &dyn Disk, log_dir: &Path) -> Result<Box<dyn Send>, JournalError> {
    let path = log_dir.join("lock");
    disk.lock(&path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::WouldBlock {
            return JournalError::Locked { path: path.clone() };
        }
        JournalError::io("lock", &path)(error)
    })
}

/// Finds how the log ends, and gives the last segment the length of its whole part.
fn examine_last(disk: &dyn Disk, segments: &mut [SegmentFile]) -> Result<Tail, JournalError> {
    let Some(last) = segments.last_mut() else {
        return Ok(Tail { clean: true, ..Tail::default() });
    };
    let mut bytes = Vec::new();
    last.read(disk, &mut bytes)?;
    let tail = tail::examine(&bytes, last)?;
    last.len = tail.end.0 - last.first.0;
    Ok(tail)
}

/// Makes the files what the examination found: the last segment cut, or removed if nothing in it is
/// whole, and on stable storage. It may hold inputs that the last run wrote and did not live to sync; they are
/// about to take effect.
fn settle(
    disk: &dyn Disk,
    log_dir: &Path,
    segments: &mut Vec<SegmentFile>,
    tail: Tail,
) -> Result<(), JournalError> {
    if segments.last().is_some_and(|last| last.len == 0) {
        let removed = segments.pop().map(|last| last.path).unwrap_or_default();
        disk.remove(&removed).map_err(JournalError::io("remove", &removed))?;
    }
    match segments.last() {
        // It was durable before the segment was removed.
        Some(last) if last.packed_on.is_some() => {}
        // A sync that fails may have failed before, unheard, when the last run was killed within it.
        Some(last) if tail.clean && sync_whole(disk, last).is_ok() => {}
        Some(last) => write_again(disk, last)?,
        None => {}
    }
    disk.sync_dir(log_dir).map_err(JournalError::io("sync", log_dir))
}

fn sync_whole(disk: &dyn Disk, segment: &SegmentFile) -> Result<(), JournalError> {
    let SegmentFile { path, len, .. } = segment;
    let mut file = disk.open(path).map_err(JournalError::io("open", path))?;
    file.truncate(*len).map_err(JournalError::io("cut", path))?;
    file.sync_data().map_err(JournalError::io("sync", path))
}

/// Puts a copy in the segment's place. The last run may have ended by a failed sync, and after that the system
/// takes what it could not write for written: syncing the old file again would prove nothing.
fn write_again(disk: &dyn Disk, segment: &SegmentFile) -> Result<(), JournalError> {
    let SegmentFile { path, len, .. } = segment;
    let mut bytes = Vec::new();
    disk.read(path, &mut bytes).map_err(JournalError::io("read", path))?;
    bytes.truncate(usize::try_from(*len).unwrap_or(usize::MAX));
    let copy = path.with_extension("seg.new");
    let mut file = disk.create(&copy).map_err(JournalError::io("create", &copy))?;
    file.append(&mut [IoSlice::new(&bytes)]).map_err(JournalError::io("write", &copy))?;
    file.sync_data().map_err(JournalError::io("sync", &copy))?;
    disk.rename(&copy, path).map_err(JournalError::io("rename", &copy))
}
