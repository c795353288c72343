//! Where the rows of the figures are: a fjall database of its own, one keyspace a sheet.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

use crate::outbox::refused::StoreError;

/// The format of the sheets.
const STORE_VERSION: u32 = 1;

const FORMAT: &[u8] = b"format";

/// Fjall's own log: at most this much beside the rows.
const STORE_LOG_BYTES: u64 = 128 << 20;

/// Rows of one kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Sheet {
    /// How far the figures have come, and their format.
    Marks,
    /// Campaign, side, device → [`Reach`](super::rows::Reach).
    Reach,
    /// Campaign, local day, device → [`DeviceDay`](super::rows::DeviceDay).
    DeviceDays,
    /// Campaign, local day, variant → [`DayFigures`](super::rows::DayFigures).
    Days,
    /// Campaign, quarter of an hour, variant → [`QuarterFigures`](super::rows::QuarterFigures).
    Quarters,
    /// Campaign, quarter of an hour, reason → how many triggers it kept from a job.
    Withheld,
    /// Campaign, reason → the same in all.
    WithheldInAll,
    /// Job → which outcomes of it were heard.
    Heard,
    /// Account, app, device → the last day it was seen.
    Seen,
    /// Place, enter, device → [`Visit`](super::rows::Visit).
    Visits,
    /// Segment, number → a part of its devices; the last number has what they are of.
    Members,
    /// UTC day, account, target → [`Footfall`](crate::domain::footfall::Footfall).
    Footfalls,
    /// UTC day, account → [`FootfallDay`](super::rows::FootfallDay).
    FootfallDays,
}

impl Sheet {
    /// Every sheet, with the name of its keyspace and what of it may wait in memory.
    pub(super) const ALL: [(Self, &'static str, u64); 13] = [
        (Self::Marks, "marks", 2 << 20),
        (Self::Reach, "reach", 16 << 20),
        (Self::DeviceDays, "device_days", 16 << 20),
        (Self::Days, "days", 4 << 20),
        (Self::Quarters, "quarters", 4 << 20),
        (Self::Withheld, "withheld", 4 << 20),
        (Self::WithheldInAll, "withheld_in_all", 2 << 20),
        (Self::Heard, "heard", 8 << 20),
        (Self::Seen, "seen", 8 << 20),
        (Self::Visits, "visits", 32 << 20),
        (Self::Members, "members", 8 << 20),
        (Self::Footfalls, "footfalls", 16 << 20),
        (Self::FootfallDays, "footfall_days", 2 << 20),
    ];
}

/// The open sheets. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tables {
    path: PathBuf,
    pub(super) database: Database,
    /// In the order of [`Sheet::ALL`].
    pub(super) keyspaces: Vec<Keyspace>,
    turns: Arc<Mutex<()>>,
    /// How often devices were erased in this run.
    pub(super) erasures: Arc<AtomicU64>,
}

/// A key and its row.
pub(super) type Pair = (Slice, Slice);

impl Tables {
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let opened = || -> fjall::Result<Self> {
            let database = Database::builder(path)
                .cache_size(cache_bytes)
                .max_journaling_size(STORE_LOG_BYTES)
                .worker_threads(1)
                .manual_journal_persist(true)
                .open()?;
            let keyspaces = Sheet::ALL.map(|(_, name, memtable_bytes)| {
                let options = || KeyspaceCreateOptions::default().max_memtable_size(memtable_bytes);
                database.keyspace(name, options)
            });
            let keyspaces = keyspaces.into_iter().collect::<Result<_, _>>()?;
            Ok(Self {
                path: path.into(),
                database,
                keyspaces,
                turns: Arc::default(),
                erasures: Arc::default(),
            })
        };
        let tables = opened().map_err(|source| {
            if matches!(source, fjall::Error::Locked) {
                return StoreError::Locked { path: path.into() };
            }
            StoreError::Storage { doing: "opened", path: path.into(), source }
        })?;
        tables.check_format()?;
        // What a crash left in the system's buffers counts only once it is on the disk.
        let persisted = tables.database.persist(PersistMode::SyncAll);
        persisted.map_err(|error| tables.refused("opened", error))?;
        Ok(tables)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let Some(found) = self.get(Sheet::Marks, FORMAT)? else {
            let written = self.keyspace(Sheet::Marks).insert(FORMAT, STORE_VERSION.to_be_bytes());
            return written.map_err(|error| self.refused("written", error));
        };
        match found.as_ref().try_into().map(u32::from_be_bytes) {
            Ok(STORE_VERSION) => Ok(()),
            Ok(found) => {
                Err(StoreError::Format { path: self.path.clone(), found, reads: "format 1" })
            }
            Err(_) => Err(self.damaged("its format is not four bytes")),
        }
    }

    pub(super) fn get(&self, sheet: Sheet, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.keyspace(sheet).get(key).map_err(|error| self.refused("read", error))
    }

    /// Rows whose keys begin so, ascending.
    pub(super) fn prefix<'t>(
        &'t self,
        sheet: Sheet,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<Pair, StoreError>> + use<'t> {
        let pairs = self.keyspace(sheet).prefix(prefix).map(fjall::Guard::into_inner);
        pairs.map(|pair| pair.map_err(|error| self.refused("read", error)))
    }

    /// Rows with keys from the first up to, not with, the second, ascending.
    pub(super) fn range<'t>(
        &'t self,
        sheet: Sheet,
        from: Vec<u8>,
        until: Vec<u8>,
    ) -> impl Iterator<Item = Result<Pair, StoreError>> + use<'t> {
        let pairs = self.keyspace(sheet).range(from..until).map(fjall::Guard::into_inner);
        pairs.map(|pair| pair.map_err(|error| self.refused("read", error)))
    }

    /// What was read before may have devices that were erased, and is not to be kept.
    pub(super) fn note_erasure(&self) {
        let _turn = self.turn();
        self.erasures.fetch_add(1, Ordering::Release);
    }

    /// Held while rows are read that are then written again, and while others remove some.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rows from a key on, ascending.
    pub(super) fn from<'t>(
        &'t self,
        sheet: Sheet,
        from: Vec<u8>,
    ) -> impl Iterator<Item = Result<Pair, StoreError>> + use<'t> {
        let pairs = self.keyspace(sheet).range(from..).map(fjall::Guard::into_inner);
        pairs.map(|pair| pair.map_err(|error| self.refused("read", error)))
    }

    /// Removals that happen together, and that a crash may take back.
    pub(super) fn removals(&self) -> OwnedWriteBatch {
        self.database.batch()
    }

    /// Writes that happen together or not at all.
    pub(super) fn batch(&self) -> OwnedWriteBatch {
        self.database.batch().durability(Some(PersistMode::SyncData))
    }

    pub(super) fn keyspace(&self, sheet: Sheet) -> &Keyspace {
        &self.keyspaces[sheet as usize]
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what: what.into() }
    }

    pub(super) fn refused(&self, doing: &'static str, source: fjall::Error) -> StoreError {
        StoreError::Storage { doing, path: self.path.clone(), source }
    }
}
