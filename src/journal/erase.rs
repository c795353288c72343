//! Erasing devices from the log: what recovery may still need is waited out, the recording is rewritten.
//!
//! The log itself is never changed. An erasure begins a new segment behind it, and once every partition has two
//! checkpoints from there on, recovery needs nothing older: trimming removes it, or the recorder packs it. In packed
//! segments the records of the devices are blanked where they lie, so that all positions stay. The chain keeps
//! the digest of the segment as it was.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::decode;
use super::encode::Context;
use super::error::JournalError;
use super::handle::Journal;
use super::packed;
use super::position::LogPosition;
use super::record::{self, RecordKind};
use super::segment::{self, SEGMENT_HEADER_BYTES, SegmentFile};
use super::writer::Word;
use crate::identity::{Gone, SealedDevice};

/// How often it looks whether the log has been let go.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An entry whose device is these bytes is blank: no device that can be met seals to them.
pub(super) const BLANK: [u8; 16] = [0; 16];

impl Journal {
    /// Erases devices from what is in the log by now, the inputs that forget them included. Waits until every
    /// partition has two checkpoints behind it. `None` if it was asked to end before that; else how many records
    /// were blanked in the recording.
    ///
    /// # Errors
    /// [`JournalError`] if the recording can't be read or written. It may be tried again.
    pub fn erase(&self, gone: &Gone, ends: &dyn Fn() -> bool) -> Result<Option<u64>, JournalError> {
        let end = self.synced_end();
        if !self.let_checkpoints_pass(end, ends) || !self.wait_until_unneeded(end, ends)? {
            return Ok(None);
        }
        let mut blanked = 0;
        for segment in segment::list(&*self.disk, &self.config.log_dir())? {
            if segment.packed_on.is_some() {
                blanked += self.erase_from(&segment, gone)?;
            }
        }
        Ok(Some(blanked))
    }

    /// Removes checkpoints that were found damaged and set aside, for nobody knows whom they hold. Gives how many.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn remove_damaged_checkpoints(&self) -> Result<u64, JournalError> {
        let dir = self.config.dir.join("checkpoints");
        let names = self.disk.list(&dir).map_err(JournalError::io("list", &dir))?;
        let mut removed = 0;
        for name in names.iter().filter(|name| name.ends_with(".damaged")) {
            let path = dir.join(name);
            self.disk.remove(&path).map_err(JournalError::io("remove", &path))?;
            removed += 1;
        }
        if removed > 0 {
            self.disk.sync_dir(&dir).map_err(JournalError::io("sync", &dir))?;
        }
        Ok(removed)
    }

    /// Has the log grow twice, though nothing may come in: a checkpoint of the same place takes the place of the one
    /// before. `false` if it is to end, or nothing is written any more.
    fn let_checkpoints_pass(&self, end: LogPosition, ends: &dyn Fn() -> bool) -> bool {
        if !self.begin_segment(ends) {
            return false;
        }
        while LogPosition(self.shared.checkpointed.load(Ordering::Relaxed)) <= end {
            if ends() || self.failed().is_some() {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.begin_segment(ends)
    }

    fn begin_segment(&self, ends: &dyn Fn() -> bool) -> bool {
        let end = self.synced_end();
        while self.to_writer.try_send(Word::NewSegment).is_err() {
            if ends() {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        // Its header is behind the end.
        while self.synced_end() <= end {
            if ends() || self.failed().is_some() {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }

    /// Until no segment that reaches before `end` lies there as it was written.
    fn wait_until_unneeded(
        &self,
        end: LogPosition,
        ends: &dyn Fn() -> bool,
    ) -> Result<bool, JournalError> {
        loop {
            let is_needed = LogPosition(self.shared.keep_from.load(Ordering::Relaxed)) <= end;
            let segments = segment::list(&*self.disk, &self.config.log_dir())?;
            let is_plain =
                |segment: &SegmentFile| segment.first < end && segment.packed_on.is_none();
            if !is_needed && !segments.iter().any(is_plain) {
                return Ok(true);
            }
            if ends() || self.failed().is_some() {
                return Ok(false);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn erase_from(&self, segment: &SegmentFile, gone: &Gone) -> Result<u64, JournalError> {
        let mut plain = Vec::new();
        let original = match packed::read(&*self.disk, segment, &mut plain) {
            // Removed meanwhile, as the oldest beyond the bounds.
            Err(JournalError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Ok(0);
            }
            read => read?,
        };
        let blanked =
            blank(&mut plain, gone).map_err(|(offset, reason)| JournalError::Corrupt {
                path: segment.path.clone(),
                offset: offset as u64,
                after: None,
                reason,
            })?;
        if blanked > 0 {
            let log_dir = self.config.log_dir();
            let content = (&*plain, original.digest);
            packed::rewrite(&*self.disk, (&log_dir, &self.names), segment, content)?;
        }
        Ok(blanked)
    }
}

/// Bytes of an entry, where a record consists of entries that each begin with a sealed device.
fn entry_bytes(kind: RecordKind) -> Option<usize> {
    match kind {
        RecordKind::Fixes => Some(32),
        RecordKind::FixesFar => Some(36),
        RecordKind::Outcomes => Some(41),
        RecordKind::Profiles => Some(34),
        RecordKind::Hints => Some(29),
        RecordKind::Erasures => Some(16),
        RecordKind::Group
        | RecordKind::Context
        | RecordKind::End
        | RecordKind::Tick
        | RecordKind::Publication
        | RecordKind::Grant
        | RecordKind::PolicyWithoutVisits
        | RecordKind::PolicyWithoutDays
        | RecordKind::Policy => None,
    }
}

/// Blanks the entries of these devices in a segment. Gives how many there were, or where it is no segment and why.
fn blank(plain: &mut [u8], gone: &Gone) -> Result<u64, (usize, String)> {
    let mut offset = SEGMENT_HEADER_BYTES;
    let mut context: Option<Context> = None;
    let mut blanked = 0;
    while offset < plain.len() {
        let at = |reason: &dyn std::fmt::Display| (offset, reason.to_string());
        let record = record::parse(&plain[offset..]).map_err(|reason| at(&reason))?;
        let (size, kind) = (record.size(), record.kind);
        if kind == RecordKind::Context {
            context = Some(decode::read_context(&record).map_err(|reason| at(&reason))?);
        }
        if let (Some(entry), Some(context)) = (entry_bytes(kind), context) {
            let found =
                blank_entries(record::payload_mut(&mut plain[offset..][..size]), entry, |block| {
                    let sealed = SealedDevice { key_version: context.key_version, block };
                    gone.has(context.account, sealed)
                });
            if found > 0 {
                record::sum_again(&mut plain[offset..][..size]);
            }
            blanked += found;
        }
        offset += size;
    }
    Ok(blanked)
}

fn blank_entries(payload: &mut [u8], entry: usize, is_gone: impl Fn([u8; 16]) -> bool) -> u64 {
    let mut blanked = 0;
    for entry in payload.chunks_exact_mut(entry) {
        if entry.first_chunk().is_some_and(|block| is_gone(*block)) {
            entry.fill(0);
            blanked += 1;
        }
    }
    blanked
}
