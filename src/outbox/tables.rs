//! The three tables of the outbox and what their rows mean; where they are is the matter of [`rows`](super::rows).
//!
//! *records*: offset (u64, big-endian) → record bytes. *consumers*: owner and name → their state. *marks*:
//! what the outbox knows of itself, by a tag: the format, the end (next offset and bytes so far), the latest
//! instant, per partition the last input whose outputs are here, and where stretches of records begin.

use std::path::{Path, PathBuf};

use crate::domain::ids::{InputSeq, PartitionId};
use crate::domain::units::UtcMs;

use super::consumer::{CONSUMER_VERSION, Consumer, ConsumerKey, NoConsumer};
use super::rows::{RowBatch, Rows, Table};

/// The format of the keyspaces. Records and consumers have versions of their own.
const STORE_VERSION: u32 = 1;

const FORMAT: &[u8] = b"format";
const END: &[u8] = b"end";
const INSTANT: &[u8] = b"instant";
const PARTITION: u8 = b'p';
const STRETCH: u8 = b's';

/// Why the store of the outbox refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage engine or the disk.
    #[error("the outbox in {path} can't be {doing}: {source}", path = path.display())]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What it said.
        source: fjall::Error,
    },
    /// Another process has it open.
    #[error("{path} is locked: another geofenced is running on this data; stop it first", path = path.display())]
    Locked {
        /// Where.
        path: PathBuf,
    },
    /// A release with another format wrote it.
    #[error(
        "the outbox in {path} has format {found}, and this release reads format {STORE_VERSION}; \
         run the release that wrote it",
        path = path.display()
    )]
    Format {
        /// Where.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// A key or value that we never write.
    #[error(
        "the outbox in {path} is damaged: {what}; restore the whole data directory from a backup, or move \
         log, checkpoints and outbox away together to start anew",
        path = path.display()
    )]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A newer release wrote a consumer.
    #[error(
        "a consumer in {path} has format {found}, and this release reads up to {CONSUMER_VERSION}; \
         run the newer release",
        path = path.display()
    )]
    NewerConsumer {
        /// Where.
        path: PathBuf,
        /// Its version.
        found: u8,
    },
    /// There is nothing to look at.
    #[error(
        "{path} is no outbox; name the data directory of a daemon that has run",
        path = path.display()
    )]
    NoStore {
        /// Where one was expected.
        path: PathBuf,
    },
}

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
        let Some(found) = self.mark(FORMAT)? else {
            return self
                .rows
                .insert(Table::Marks, FORMAT, &STORE_VERSION.to_be_bytes())
                .map_err(|error| self.refused("written", error));
        };
        let found = found.as_ref().try_into().map(u32::from_be_bytes);
        match found {
            Ok(STORE_VERSION) => Ok(()),
            Ok(found) => Err(StoreError::Format { path: self.path.clone(), found }),
            Err(_) => Err(self.damaged("its format is not four bytes")),
        }
    }

    pub(super) fn contents(&self) -> Result<Contents, StoreError> {
        Ok(Contents {
            end: self.end()?,
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
        let Some(value) = self.mark(END)? else {
            return Ok(End { next_offset: 1, total_bytes: 0 });
        };
        match numbers::<2>(&value) {
            Some([next_offset, total_bytes]) => Ok(End { next_offset, total_bytes }),
            None => Err(self.damaged("its end is not 16 bytes")),
        }
    }

    fn instant(&self) -> Result<UtcMs, StoreError> {
        let value = self.mark(INSTANT)?;
        match value.as_deref().map(numbers::<1>) {
            None => Ok(UtcMs::MIN),
            Some(Some([instant])) => Ok(UtcMs(instant.cast_signed())),
            Some(None) => Err(self.damaged("its latest instant is not 8 bytes")),
        }
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
    ) -> impl Iterator<Item = Result<(u64, fjall::Slice), StoreError>> + '_ {
        let (from, through) = (from.to_be_bytes(), through.to_be_bytes());
        self.rows.range(Table::Records, &from, &through).map(|pair| {
            let (key, value) = pair.map_err(|error| self.refused("read", error))?;
            match numbers::<1>(&key) {
                Some([offset]) => Ok((offset, value)),
                None => Err(self.damaged("a record's offset is not 8 bytes")),
            }
        })
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
    pub(super) fn keyspaces(&self) -> [(&'static str, &fjall::Keyspace); 3] {
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
    pub(super) fn put_record(&mut self, offset: u64, bytes: &[u8]) {
        self.writes.insert(Table::Records, &offset.to_be_bytes(), bytes);
    }

    pub(super) fn remove_record(&mut self, offset: u64) {
        self.writes.remove(Table::Records, &offset.to_be_bytes());
    }

    pub(super) fn put_end(&mut self, end: End) {
        let value = [end.next_offset.to_be_bytes(), end.total_bytes.to_be_bytes()].concat();
        self.writes.insert(Table::Marks, END, &value);
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
