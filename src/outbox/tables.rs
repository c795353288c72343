//! The tables of the outbox and what their rows mean; where they are is the matter of [`rows`](super::rows).
//!
//! *records*: the offset of the first and a tag → some records, as a [`Block`]. *consumers*: owner and name → their state. *tallies*:
//! number (u64, big-endian) → [`tallies`]. *jobs*: job id → what is known of it. *marks*: what the
//! outbox knows of itself, by a tag: the format, when it was made, the end (next offset and bytes so far), the next
//! number of tallies, the latest instant, per partition the last input whose outputs are here, and where stretches
//! of records begin.

use std::path::{Path, PathBuf};

use crate::domain::ids::{InputSeq, JobId, PartitionId};
use crate::domain::units::UtcMs;

use super::blocks::{BLOCK_RECORDS, Block, OpenBlock, RecordBytes, key_of};
use super::consumer::{Consumer, ConsumerKey, NoConsumer};
use super::jobs::MadeJob;
use super::refused::StoreError;
use super::rows::{Pair, RowBatch, Rows, Table};
use super::tallies::{self, TallyItem};

/// The format of the keyspaces. Records and consumers have versions of their own. One of format 2 has a row for each
/// record, and gets blocks from now on.
pub(super) const STORE_VERSION: u32 = 3;

const FORMAT: &[u8] = b"format";
const MADE_AT: &[u8] = b"made";
const END: &[u8] = b"end";
const NEXT_TALLY: &[u8] = b"tally";
const INSTANT: &[u8] = b"instant";
const PARTITION: u8 = b'p';
const STRETCH: u8 = b's';

/// Where the outbox ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// The offset that the next record gets. The first is 1.
    pub(super) next_offset: u64,
    /// Bytes of all records ever written, removed ones included.
    pub(super) total_bytes: u64,
}

/// A run of records that is removed as one, from `first` to where the next stretch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stretch {
    /// Its first offset.
    pub(super) first: u64,
    /// When that was written.
    pub(super) opened_at: UtcMs,
    /// Bytes of all records ever written before it.
    pub(super) bytes_before: u64,
}

/// What the store holds besides records, read once at start.
pub(super) struct Contents {
    pub(super) end: End,
    pub(super) next_tally: u64,
    /// The latest instant that was written; the beginning of time in a new outbox.
    pub(super) instant: UtcMs,
    pub(super) marks: Vec<(PartitionId, InputSeq)>,
    pub(super) stretches: Vec<Stretch>,
    pub(super) consumers: Vec<(ConsumerKey, Consumer)>,
}

/// The open keyspaces. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tables {
    path: PathBuf,
    rows: Rows,
}

impl Tables {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let rows = Rows::open(path, cache_bytes).map_err(|source| {
            if matches!(source, fjall::Error::Locked) {
                return StoreError::Locked { path: path.into() };
            }
            StoreError::Storage { doing: "opened", path: path.into(), source }
        })?;
        Self::over(rows, path)
    }

    /// The same over rows that are open already; `path` is for messages.
    pub(super) fn over(rows: Rows, path: &Path) -> Result<Self, StoreError> {
        let tables = Self { path: path.into(), rows };
        tables.check_format()?;
        tables.rows.persist().map_err(|error| tables.refused("opened", error))?;
        Ok(tables)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let Some(found) = self.mark(FORMAT)? else { return self.set_format() };
        let found = found.as_ref().try_into().map(u32::from_be_bytes);
        match found {
            Ok(STORE_VERSION) => Ok(()),
            Ok(version) if version + 1 == STORE_VERSION => self.set_format(),
            Ok(found) => {
                let reads = "formats 2 and 3";
                Err(StoreError::Format { path: self.path.clone(), found, reads })
            }
            Err(_) => Err(self.damaged("its format is not four bytes")),
        }
    }

    fn set_format(&self) -> Result<(), StoreError> {
        let version = STORE_VERSION.to_be_bytes();
        self.rows
            .insert(Table::Marks, FORMAT, &version)
            .map_err(|error| self.refused("written", error))
    }

    /// When this store was made, which tells it from one that was there before it. One that does not know yet was
    /// made `now`.
    pub(super) fn made_at(&self, now: UtcMs) -> Result<UtcMs, StoreError> {
        if let Some([made_at]) = self.words(MADE_AT)? {
            return Ok(UtcMs(made_at.cast_signed()));
        }
        let bytes = now.0.cast_unsigned().to_be_bytes();
        self.rows
            .insert(Table::Marks, MADE_AT, &bytes)
            .and_then(|()| self.rows.persist())
            .map_err(|error| self.refused("written", error))?;
        Ok(now)
    }

    /// The words of a mark, if there is one.
    fn words<const N: usize>(&self, key: &[u8]) -> Result<Option<[u64; N]>, StoreError> {
        let Some(value) = self.mark(key)? else { return Ok(None) };
        let tag = key.escape_ascii();
        let words = numbers(&value).ok_or_else(|| self.damaged(format!("mark {tag} is malformed")));
        words.map(Some)
    }

    pub(super) fn contents(&self) -> Result<Contents, StoreError> {
        Ok(Contents {
            end: self.end()?,
            next_tally: self.next_tally()?,
            instant: self.instant()?,
            marks: self.partition_marks()?,
            stretches: self.stretches()?,
            consumers: self.all_consumers()?,
        })
    }

    fn mark(&self, key: &[u8]) -> Result<Option<fjall::Slice>, StoreError> {
        self.rows.get(Table::Marks, key).map_err(|error| self.refused("read", error))
    }

    fn end(&self) -> Result<End, StoreError> {
        let [next_offset, total_bytes] = self.words(END)?.unwrap_or([1, 0]);
        Ok(End { next_offset, total_bytes })
    }

    fn next_tally(&self) -> Result<u64, StoreError> {
        let [next] = self.words(NEXT_TALLY)?.unwrap_or([1]);
        Ok(next)
    }

    fn instant(&self) -> Result<UtcMs, StoreError> {
        let instant = self.words(INSTANT)?;
        Ok(instant.map_or(UtcMs::MIN, |[instant]| UtcMs(instant.cast_signed())))
    }

    fn partition_marks(&self) -> Result<Vec<(PartitionId, InputSeq)>, StoreError> {
        let pairs = self.rows.prefix(Table::Marks, &[PARTITION]).map(|pair| {
            let (key, value) = pair.map_err(|error| self.refused("read", error))?;
            match (key.as_ref(), numbers::<1>(&value)) {
                (&[_, partition], Some([seq])) => Ok((PartitionId(partition), InputSeq(seq))),
                _ => Err(self.damaged("a partition's mark is malformed")),
            }
        });
        pairs.collect()
    }

    fn stretches(&self) -> Result<Vec<Stretch>, StoreError> {
        let pairs = self.rows.prefix(Table::Marks, &[STRETCH]).map(|pair| {
            let (key, value) = pair.map_err(|error| self.refused("read", error))?;
            match (numbers::<1>(&key[1..]), numbers::<2>(&value)) {
                (Some([first]), Some([opened_at, bytes_before])) => {
                    Ok(Stretch { first, opened_at: UtcMs(opened_at.cast_signed()), bytes_before })
                }
                _ => Err(self.damaged("a stretch's mark is malformed")),
            }
        });
        pairs.collect()
    }

    fn all_consumers(&self) -> Result<Vec<(ConsumerKey, Consumer)>, StoreError> {
        let pairs = self.rows.prefix(Table::Consumers, &[]).map(|pair| {
            let (key, value) = pair.map_err(|error| self.refused("read", error))?;
            match (ConsumerKey::from_bytes(&key), Consumer::from_bytes(&value)) {
                (Some(key), Ok(consumer)) => Ok((key, consumer)),
                (_, Err(NoConsumer::Newer(found))) => {
                    Err(StoreError::NewerConsumer { path: self.path.clone(), found })
                }
                (None, _) | (_, Err(NoConsumer::Malformed)) => {
                    Err(self.damaged("a consumer is malformed"))
                }
            }
        });
        pairs.collect()
    }

    /// Records with offsets in `from..=through`, ascending.
    pub(super) fn records(
        &self,
        from: u64,
        through: u64,
    ) -> impl Iterator<Item = Result<(u64, RecordBytes), StoreError>> + '_ {
        // The block that has the first of them may have begun so much earlier.
        let first = from.saturating_sub(BLOCK_RECORDS - 1);
        self.blocks(first, through).flat_map(move |block| {
            let (records, error) = match block {
                Ok((_key, block)) => (block.into_records(), None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            let is_meant =
                move |(offset, _): &(u64, RecordBytes)| (from..=through).contains(offset);
            records.into_iter().filter(is_meant).map(Ok).chain(error)
        })
    }

    /// Blocks whose first records have offsets in `from..=through`, ascending, each with its key.
    pub(super) fn blocks(
        &self,
        from: u64,
        through: u64,
    ) -> impl Iterator<Item = Result<(fjall::Slice, Block), StoreError>> + '_ {
        self.rows_of_records(from, through).map(|pair| {
            let (key, value) = pair?;
            let block = Block::read(&key, &value)
                .map_err(|_malformed| self.damaged("a block of records is malformed"))?;
            Ok((key, block))
        })
    }

    fn rows_of_records(
        &self,
        from: u64,
        through: u64,
    ) -> impl Iterator<Item = Result<Pair, StoreError>> + '_ {
        let pairs = self.rows.range(Table::Records, &from.to_be_bytes(), &key_of(through));
        pairs.map(|pair| pair.map_err(|error| self.refused("read", error)))
    }

    /// Rows of tallies with numbers in `from..=through`, ascending.
    pub(super) fn tallies(
        &self,
        from: u64,
        through: u64,
    ) -> impl Iterator<Item = Result<(u64, Vec<TallyItem>), StoreError>> + '_ {
        let (from, through) = (from.to_be_bytes(), through.to_be_bytes());
        self.rows.range(Table::Tallies, &from, &through).map(|pair| {
            let (key, value) = pair.map_err(|error| self.refused("read", error))?;
            match (numbers::<1>(&key), tallies::decode(&value)) {
                (Some([number]), Some(items)) => Ok((number, items)),
                _ => Err(self.damaged("a row of tallies is malformed")),
            }
        })
    }

    /// Removes a row of tallies that somebody has taken over; it may come back after a crash.
    pub(super) fn remove_tallies(&self, number: u64) -> Result<(), StoreError> {
        let removed = self.rows.remove(Table::Tallies, &number.to_be_bytes());
        removed.map_err(|error| self.refused("written", error))
    }

    /// What is known of a job.
    pub(super) fn job(&self, id: JobId) -> Result<Option<MadeJob>, StoreError> {
        let row = self.rows.get(Table::Jobs, &id.0).map_err(|error| self.refused("read", error))?;
        row.map(|row| self.made(&row)).transpose()
    }

    /// What is known of jobs from an id on, ascending by it.
    pub(super) fn jobs_from(
        &self,
        id: JobId,
    ) -> impl Iterator<Item = Result<(JobId, MadeJob), StoreError>> + '_ {
        self.rows.range(Table::Jobs, &id.0, &[u8::MAX; 16]).map(|pair| {
            let (key, row) = pair.map_err(|error| self.refused("read", error))?;
            let id = key.as_ref().try_into().map(JobId);
            Ok((id.map_err(|_short| self.damaged("a job's id is not 16 bytes"))?, self.made(&row)?))
        })
    }

    fn made(&self, row: &[u8]) -> Result<MadeJob, StoreError> {
        MadeJob::from_bytes(row).ok_or_else(|| self.damaged("a job's row is malformed"))
    }

    /// Removes what is known of a job; it may come back after a crash.
    pub(super) fn remove_job(&self, id: JobId) -> Result<(), StoreError> {
        let removed = self.rows.remove(Table::Jobs, &id.0);
        removed.map_err(|error| self.refused("written", error))
    }

    /// Leaves nothing in the files but what the tables hold now; `false` if it was asked to end before.
    pub(super) fn purge(&self, ends: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        self.rows.purge(ends).map_err(|error| self.refused("purged", error))
    }

    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { tables: self, writes: self.rows.batch() }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what: what.into() }
    }

    pub(super) fn unmeasured(&self, source: std::io::Error) -> StoreError {
        self.refused("measured for free space", source.into())
    }

    pub(super) fn unstarted(&self, source: std::io::Error) -> StoreError {
        self.refused("given a thread", source.into())
    }

    #[cfg(test)]
    pub(super) fn keyspaces(&self) -> Vec<(&'static str, &fjall::Keyspace)> {
        self.rows.keyspaces()
    }

    fn refused(&self, doing: &'static str, source: fjall::Error) -> StoreError {
        StoreError::Storage { doing, path: self.path.clone(), source }
    }
}

/// Writes that happen together or not at all.
pub(super) struct Batch<'t> {
    tables: &'t Tables,
    writes: RowBatch,
}

impl Batch<'_> {
    /// Puts a block down; in the place of what is left of it, where records of it were erased.
    pub(super) fn put_block(&mut self, block: &OpenBlock) {
        let (key, value) = block.row();
        self.writes.insert(Table::Records, &key, value);
    }

    /// Puts down what there is, and leaves the block empty.
    pub(super) fn end_block(&mut self, block: &mut OpenBlock) {
        if !block.is_empty() {
            self.put_block(block);
            block.clear();
        }
    }

    /// Removes a block by its key.
    pub(super) fn remove_block(&mut self, key: &[u8]) {
        self.writes.remove(Table::Records, key);
    }

    /// Removes the blocks whose first records have offsets in `from..=through`.
    pub(super) fn remove_blocks(&mut self, from: u64, through: u64) -> Result<(), StoreError> {
        let tables = self.tables;
        for pair in tables.rows_of_records(from, through) {
            self.remove_block(&pair?.0);
        }
        Ok(())
    }

    pub(super) fn put_end(&mut self, end: End) {
        let value = [end.next_offset.to_be_bytes(), end.total_bytes.to_be_bytes()].concat();
        self.writes.insert(Table::Marks, END, &value);
    }

    pub(super) fn put_tallies(&mut self, number: u64, row: &[u8]) {
        self.writes.insert(Table::Tallies, &number.to_be_bytes(), row);
        self.writes.insert(Table::Marks, NEXT_TALLY, &(number + 1).to_be_bytes());
    }

    pub(super) fn put_job(&mut self, id: JobId, job: MadeJob) {
        self.writes.insert(Table::Jobs, &id.0, &job.to_bytes());
    }

    pub(super) fn remove_job(&mut self, id: JobId) {
        self.writes.remove(Table::Jobs, &id.0);
    }

    pub(super) fn put_instant(&mut self, instant: UtcMs) {
        let value = instant.0.cast_unsigned().to_be_bytes();
        self.writes.insert(Table::Marks, INSTANT, &value);
    }

    pub(super) fn put_mark(&mut self, partition: PartitionId, seq: InputSeq) {
        self.writes.insert(Table::Marks, &[PARTITION, partition.0], &seq.0.to_be_bytes());
    }

    pub(super) fn put_stretch(&mut self, stretch: Stretch) {
        let opened_at = stretch.opened_at.0.cast_unsigned().to_be_bytes();
        let value = [opened_at, stretch.bytes_before.to_be_bytes()].concat();
        self.writes.insert(Table::Marks, &stretch_key(stretch.first), &value);
    }

    pub(super) fn remove_stretch(&mut self, first: u64) {
        self.writes.remove(Table::Marks, &stretch_key(first));
    }

    pub(super) fn put_consumer(&mut self, key: &ConsumerKey, consumer: &Consumer) {
        self.writes.insert(Table::Consumers, &key.to_bytes(), &consumer.to_bytes());
    }

    pub(super) fn remove_consumer(&mut self, key: &ConsumerKey) {
        self.writes.remove(Table::Consumers, &key.to_bytes());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Writes all and waits until it is on stable storage. An error is final: fjall takes no more writes.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        self.writes.commit().map_err(|error| self.tables.refused("written", error))
    }
}

fn stretch_key(first: u64) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = first.to_be_bytes();
    [STRETCH, a, b, c, d, e, f, g, h]
}

/// `N` big-endian words, if the bytes are just that.
fn numbers<const N: usize>(bytes: &[u8]) -> Option<[u64; N]> {
    let (words, []) = bytes.as_chunks::<8>() else { return None };
    let words: &[[u8; 8]; N] = words.try_into().ok()?;
    Some(words.map(u64::from_be_bytes))
}
