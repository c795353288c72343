//! Erasing devices from the outbox and the figures.
//!
//! Rows of single devices go: records, jobs, who was reached, held out, seen and where. What was counted stays counted, for
//! numbers are nobody's. A number of distinct devices over days falls by those that are gone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fjall::Slice;

use crate::domain::ids::JobId;
use crate::identity::Gone;
use crate::outbox::blocks::{Block, OpenBlock};
use crate::outbox::codec;
use crate::outbox::purge::purge;
use crate::outbox::refused::StoreError;

use super::rows::member_in;
use super::store::Figures;
use super::tables::Sheet;

/// Rows removed in one batch.
const BATCH_ROWS: usize = 4096;

/// Blocks of records written in one batch: 8 MiB at most.
const BATCH_BLOCKS: usize = 256;

/// A block of records without those of some devices.
struct Fewer {
    key: Slice,
    /// The last offset that it had of them.
    last: u64,
    /// None where it had no others.
    left: Option<OpenBlock>,
}

/// Sheets whose keys begin with the account and end with a device's hash.
const OF_MEMBERS: [Sheet; 4] = [Sheet::Reach, Sheet::DeviceDays, Sheet::Seen, Sheet::Visits];

/// How often it looks whether the figures have caught up.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Figures {
    /// Waits until all that was announced to the outbox by now is on stable storage and counted. `false` if it was asked to
    /// end before that, or neither goes on any more.
    pub fn catch_up(&self, ends: &dyn Fn() -> bool) -> bool {
        let outbox = &self.outbox;
        let wait_for = |has_come: &dyn Fn() -> bool| {
            while !has_come() {
                let is_over = self.shown().failed.load(Ordering::Relaxed);
                if ends() || is_over || outbox.failed.get().is_some() {
                    return false;
                }
                std::thread::sleep(LOOK_EVERY);
            }
            true
        };
        // Not a number of releases: those of one shard may be written while those of another find no room.
        let announced = outbox.announced();
        if !wait_for(&|| outbox.shows(&announced)) {
            return false;
        }
        let (newest, tally) = (outbox.newest(), outbox.newest_tally.load(Ordering::Acquire));
        wait_for(&|| {
            outbox.followed.load(Ordering::Acquire) >= newest
                && outbox.followed_tally.load(Ordering::Acquire) >= tally
        })
    }

    /// Erases devices from the records of the outbox, and gives how many there were. Consumers find a gap where they had not
    /// read them yet; what they have read is theirs to erase.
    ///
    /// # Errors
    /// [`StoreError`] if the outbox can't be read or written. It may be tried again.
    pub fn erase_records(&self, gone: &Gone) -> Result<u64, StoreError> {
        let (mut erased, mut fewer) = (0, Vec::new());
        for pair in self.outbox.tables.blocks(self.outbox.oldest(), self.outbox.newest()) {
            let (key, block) = pair?;
            let offsets = self.offsets_of(gone, &block)?;
            let Some(last) = offsets.last() else { continue };
            erased += offsets.len() as u64;
            fewer.push(Fewer { key, last: *last, left: block.without(&offsets) });
            if fewer.len() >= BATCH_BLOCKS {
                self.write_fewer(&std::mem::take(&mut fewer))?;
            }
        }
        self.write_fewer(&fewer)?;
        Ok(erased)
    }

    /// Puts blocks in the place of themselves, but for those that were removed meanwhile: nobody would remove them again.
    fn write_fewer(&self, fewer: &[Fewer]) -> Result<(), StoreError> {
        let _no_removal = self.outbox.blocks();
        let oldest = self.outbox.oldest();
        let mut batch = self.outbox.tables.batch();
        for Fewer { key, left, .. } in fewer.iter().filter(|fewer| fewer.last >= oldest) {
            match left {
                Some(left) => batch.put_block(left),
                None => batch.remove_block(key),
            }
        }
        batch.commit()
    }

    /// The offsets of a block's records that are of devices to be erased, ascending.
    fn offsets_of(&self, gone: &Gone, block: &Block) -> Result<Vec<u64>, StoreError> {
        let mut offsets = Vec::new();
        for (offset, bytes) in block.records() {
            let record = codec::decode(bytes).map_err(|error| {
                self.outbox.tables.damaged(format!("the record at offset {offset}: {error}"))
            })?;
            if gone.has(record.account, record.device) {
                offsets.push(*offset);
            }
        }
        Ok(offsets)
    }

    /// Erases devices from what is known of jobs and from the figures, and gives how many rows there were. To be
    /// called when they have [caught up](Self::catch_up) with what the devices caused. Ends with nothing of it left in the files of either store; `None` if it was asked to end before.
    ///
    /// # Errors
    /// As [`erase_records`](Self::erase_records).
    pub fn erase_rows(
        &self,
        gone: &Gone,
        ends: &dyn Fn() -> bool,
    ) -> Result<Option<u64>, StoreError> {
        let jobs = self.jobs_of(gone)?;
        let mut keys = self.rows_of(gone)?;
        keys.extend(jobs.iter().map(|job| (Sheet::Heard, job.0.into())));
        let mut erased = (keys.len() + jobs.len()) as u64;
        for some in keys.chunks(BATCH_ROWS) {
            let mut batch = self.tables.batch();
            for (sheet, key) in some {
                batch.remove(self.tables.keyspace(*sheet), key.clone());
            }
            let _turn = self.tables.turn();
            batch.commit().map_err(|error| self.tables.refused("written", error))?;
        }
        // Whoever has read visits in between may have the devices.
        self.tables.note_erasure();
        for account in gone.accounts() {
            erased += self.erase_members(account, gone)?;
        }
        for some in jobs.chunks(BATCH_ROWS) {
            let mut batch = self.outbox.tables.batch();
            some.iter().for_each(|job| batch.remove_job(*job));
            batch.commit()?;
        }
        let is_purged = self.tables.purge(ends)? && self.outbox.tables.purge(ends)?;
        Ok(is_purged.then_some(erased))
    }

    /// Rows of single devices.
    fn rows_of(&self, gone: &Gone) -> Result<Vec<(Sheet, Slice)>, StoreError> {
        let mut keys = Vec::new();
        for account in gone.accounts() {
            let of_account = account.0.to_be_bytes();
            let rows =
                |sheet| self.tables.prefix(sheet, &of_account).map(move |pair| (sheet, pair));
            for (sheet, pair) in OF_MEMBERS.into_iter().flat_map(rows) {
                let (key, _) = pair?;
                let member = member_in(&key).ok_or_else(|| self.malformed())?;
                if gone.has_member(account, member) {
                    keys.push((sheet, key));
                }
            }
        }
        Ok(keys)
    }

    fn jobs_of(&self, gone: &Gone) -> Result<Vec<JobId>, StoreError> {
        let mut jobs = Vec::new();
        for pair in self.outbox.tables.jobs_from(JobId([0; 16])) {
            let (id, made) = pair?;
            if gone.has(made.account, made.device) {
                jobs.push(id);
            }
        }
        Ok(jobs)
    }
}

impl super::tables::Tables {
    fn purge(&self, ends: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        purge(&self.database, &self.keyspaces, ends).map_err(|error| self.refused("purged", error))
    }
}
