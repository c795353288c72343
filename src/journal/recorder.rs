//! The recording: what recovery needs no more, packed and kept within bounds.
//!
//! Trimming says up to where the log may go. With recording on, it goes no farther by itself: a thread packs
//! each segment behind that place ([`packed`]) and removes the plain one once its packed copy is durable,
//! so that a crash at any point leaves one of the two. Then it removes the oldest past the bounds. A full disk stops it
//! until the next time; the writer never waits for it.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::config::JournalConfig;
use super::disk::Disk;
use super::error::JournalError;
use super::handle::Journal;
use super::packed;
use super::position::LogPosition;
use super::segment::{self, SegmentFile};
use crate::clock::Clock;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::shutdown::Member;

/// How often it looks where the log may go.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Keeps the recording of a journal.
pub struct Recorder {
    journal: Arc<Journal>,
    log_dir: PathBuf,
}

impl Recorder {
    /// Of this journal.
    #[must_use]
    pub fn new(journal: &Arc<Journal>) -> Self {
        Self { journal: Arc::clone(journal), log_dir: journal.config.log_dir() }
    }

    /// Starts the thread, if the config asks for a recording. It ends when the member is asked to, at the latest when a
    /// segment is packed.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn(self, clock: Clock, member: Member) -> std::io::Result<()> {
        if self.journal.config.keep_recording_bytes == 0 {
            return Ok(());
        }
        std::thread::Builder::new().name("journal-recorder".to_owned()).spawn(move || {
            let mut failing = false;
            while !member.is_asked() {
                let turn = self.turn(clock.now(), &|| member.is_asked());
                if let Err(error) = &turn
                    && !failing
                {
                    tracing::warn!(%error, "the recording is not kept up; it is tried again and again");
                }
                failing = turn.is_err();
                std::thread::park_timeout(LOOK_EVERY);
            }
            drop(self);
            drop(member);
        })?;
        Ok(())
    }

    /// Packs what may be packed, and removes what is beyond the bounds. Gives the bytes that came free.
    pub(super) fn turn(&self, now: UtcMs, ends: &dyn Fn() -> bool) -> Result<u64, JournalError> {
        let keep_from = LogPosition(self.journal.shared.keep_from.load(Ordering::Relaxed));
        let today = u32::try_from(now.0.div_euclid(DAY_MS)).unwrap_or(0);
        let mut recorded = self.recorded(keep_from)?;
        // What is to be removed need not be packed first.
        let mut freed = self.remove_beyond(&mut recorded, today)?;
        for segment in recorded.iter_mut().filter(|segment| segment.packed_on.is_none()) {
            if ends() {
                break;
            }
            freed += self.pack(segment, today)?;
        }
        freed += self.remove_beyond(&mut recorded, today)?;
        let bytes = recorded.iter().map(|segment| segment.file_len).sum();
        self.journal.figures().set_recording(bytes);
        Ok(freed)
    }

    /// Segments that recovery needs no more, the oldest first.
    fn recorded(&self, keep_from: LogPosition) -> Result<Vec<SegmentFile>, JournalError> {
        let mut segments = segment::list(&*self.journal.disk, &self.log_dir)?;
        let behind = segments.windows(2).take_while(|pair| pair[1].first <= keep_from).count();
        segments.truncate(behind);
        Ok(segments)
    }

    fn pack(&self, segment: &mut SegmentFile, today: u32) -> Result<u64, JournalError> {
        let names = (&*self.log_dir, &self.journal.names);
        let packed = packed::replace(&*self.journal.disk, names, segment, today)?;
        let freed = segment.file_len.saturating_sub(packed.file_len);
        *segment = packed;
        Ok(freed)
    }

    /// Removes the oldest, so that a crash on the way leaves a recording without a hole.
    fn remove_beyond(
        &self,
        recorded: &mut Vec<SegmentFile>,
        today: u32,
    ) -> Result<u64, JournalError> {
        let mut freed = 0;
        let _names = self.journal.names.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in recorded.drain(..beyond(recorded, &self.journal.config, today)) {
            let path = &gone.path;
            self.journal.disk.remove(path).map_err(JournalError::io("remove", path))?;
            freed += gone.file_len;
        }
        if freed > 0 {
            let synced = self.journal.disk.sync_dir(&self.log_dir);
            synced.map_err(JournalError::io("sync", &self.log_dir))?;
        }
        Ok(freed)
    }
}

/// How many of the oldest are beyond the bounds.
pub(super) fn beyond(recorded: &[SegmentFile], config: &JournalConfig, today: u32) -> usize {
    let mut bytes = 0_u64;
    let fits = |segment: &&SegmentFile| {
        bytes = bytes.saturating_add(segment.file_len);
        bytes <= config.keep_recording_bytes
    };
    let fitting = recorded.iter().rev().take_while(fits).count();
    let is_old = |segment: &&SegmentFile| {
        let days = segment.packed_on.map_or(0, |day| today.saturating_sub(day));
        config.keep_recording_days > 0 && days > config.keep_recording_days
    };
    let old = recorded.iter().rposition(|segment| is_old(&segment)).map_or(0, |at| at + 1);
    old.max(recorded.len() - fitting)
}

/// Removes what a crash has left of packing: packed files that were not finished, and those whose segment is still there.
pub(super) fn remove_unfinished(disk: &dyn Disk, log_dir: &Path) -> Result<(), JournalError> {
    let names = disk.list(log_dir).map_err(JournalError::io("list", log_dir))?;
    let is_plain = |first: &str| names.iter().any(|name| *name == format!("{first}.seg"));
    let is_left = |name: &&String| {
        name.ends_with(".rec.new")
            || (name.ends_with(".rec") && name.split('-').next().is_some_and(is_plain))
    };
    for left in names.iter().filter(is_left) {
        let path = log_dir.join(left);
        disk.remove(&path).map_err(JournalError::io("remove", &path))?;
    }
    Ok(())
}
