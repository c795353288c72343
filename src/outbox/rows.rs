//! Where the rows of the outbox are: keyspaces of fjall, and one batch that writes to all of them at once.
//!
//! Nothing above knows fjall's keyspaces; tests put rows in memory in their place (`sim_rows`),
//! which lose their power as a disk does.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

use super::purge::purge;
#[cfg(test)]
use super::sim_rows::SimRows;

/// Fjall's own log: at most this much beside the records. It allocates 64 MiB at a time.
const STORE_LOG_BYTES: u64 = 128 << 20;

/// A keyspace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Table {
    Records,
    Marks,
    Consumers,
    Tallies,
    Jobs,
}

impl Table {
    /// Every table, with the name of its keyspace and what of it may wait in memory.
    const ALL: [(Self, &'static str, u64); 5] = [
        (Self::Records, "records", 16 << 20),
        (Self::Marks, "marks", 2 << 20),
        (Self::Consumers, "consumers", 2 << 20),
        (Self::Tallies, "tallies", 4 << 20),
        (Self::Jobs, "jobs", 8 << 20),
    ];
}

/// A key and its value.
pub(super) type Pair = (Slice, Slice);

/// Pairs in the order of their keys.
pub(super) type Pairs<'r> = Box<dyn Iterator<Item = fjall::Result<Pair>> + 'r>;

/// The open keyspaces. Cheap to clone.
#[derive(Clone)]
pub(super) enum Rows {
    Fjall(FjallRows),
    #[cfg(test)]
    Simulated(SimRows),
}

#[derive(Clone)]
pub(super) struct FjallRows {
    database: Database,
    /// In the order of [`Table::ALL`].
    keyspaces: Vec<Keyspace>,
}

impl Rows {
    /// Opens or makes the keyspaces in a folder.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> fjall::Result<Self> {
        let database = Database::builder(path)
            .cache_size(cache_bytes)
            .max_journaling_size(STORE_LOG_BYTES)
            .worker_threads(1)
            .manual_journal_persist(true)
            .open()?;
        let keyspaces = Table::ALL.map(|(_, name, memtable_bytes)| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(memtable_bytes);
            database.keyspace(name, options)
        });
        let keyspaces = keyspaces.into_iter().collect::<Result<_, _>>()?;
        Ok(Self::Fjall(FjallRows { database, keyspaces }))
    }

    /// What a crash left in the system's buffers counts only once it is on the disk.
    pub(super) fn persist(&self) -> fjall::Result<()> {
        match self {
            Self::Fjall(rows) => rows.database.persist(PersistMode::SyncAll),
            #[cfg(test)]
            Self::Simulated(_) => Ok(()),
        }
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> fjall::Result<Option<Slice>> {
        match self {
            Self::Fjall(rows) => rows.keyspace(table).get(key),
            #[cfg(test)]
            Self::Simulated(rows) => Ok(rows.get(table, key)),
        }
    }

    /// Writes one pair that need not be on stable storage when this returns.
    pub(super) fn insert(&self, table: Table, key: &[u8], value: &[u8]) -> fjall::Result<()> {
        match self {
            Self::Fjall(rows) => rows.keyspace(table).insert(key, value),
            #[cfg(test)]
            Self::Simulated(rows) => rows.insert(table, key, value),
        }
    }

    /// Removes one pair; it may come back after a crash.
    pub(super) fn remove(&self, table: Table, key: &[u8]) -> fjall::Result<()> {
        match self {
            Self::Fjall(rows) => rows.keyspace(table).remove(key),
            #[cfg(test)]
            Self::Simulated(rows) => rows.commit(vec![(table, key.to_vec(), None)]),
        }
    }

    /// Pairs whose keys begin so.
    pub(super) fn prefix<'r>(&'r self, table: Table, prefix: &'r [u8]) -> Pairs<'r> {
        match self {
            Self::Fjall(rows) => {
                Box::new(rows.keyspace(table).prefix(prefix).map(fjall::Guard::into_inner))
            }
            #[cfg(test)]
            Self::Simulated(rows) => Box::new(rows.prefix(table, prefix).into_iter().map(Ok)),
        }
    }

    /// Pairs with keys from the first to the second, both included.
    pub(super) fn range(&self, table: Table, from: &[u8], through: &[u8]) -> Pairs<'_> {
        match self {
            Self::Fjall(rows) => {
                Box::new(rows.keyspace(table).range(from..=through).map(fjall::Guard::into_inner))
            }
            #[cfg(test)]
            Self::Simulated(rows) => Box::new(rows.range(table, from, through).into_iter().map(Ok)),
        }
    }

    /// Leaves nothing in the files but what the keyspaces hold now; `false` if it was asked to end before.
    pub(super) fn purge(&self, ends: &dyn Fn() -> bool) -> fjall::Result<bool> {
        match self {
            Self::Fjall(rows) => purge(&rows.database, &rows.keyspaces, ends),
            #[cfg(test)]
            Self::Simulated(_) => Ok(true),
        }
    }

    pub(super) fn batch(&self) -> RowBatch {
        match self {
            Self::Fjall(rows) => {
                let writes = rows.database.batch().durability(Some(PersistMode::SyncData));
                RowBatch::Fjall(rows.clone(), writes)
            }
            #[cfg(test)]
            Self::Simulated(rows) => RowBatch::Simulated(rows.clone(), Vec::new()),
        }
    }

    #[cfg(test)]
    pub(super) fn keyspaces(&self) -> Vec<(&'static str, &Keyspace)> {
        let Self::Fjall(rows) = self else { unreachable!("simulated rows have no keyspaces") };
        Table::ALL.into_iter().map(|(table, name, _)| (name, rows.keyspace(table))).collect()
    }
}

impl FjallRows {
    fn keyspace(&self, table: Table) -> &Keyspace {
        &self.keyspaces[table as usize]
    }
}

/// Writes that happen together or not at all.
pub(super) enum RowBatch {
    Fjall(FjallRows, OwnedWriteBatch),
    #[cfg(test)]
    Simulated(SimRows, Vec<super::sim_rows::Write>),
}

impl RowBatch {
    pub(super) fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) {
        match self {
            Self::Fjall(rows, writes) => writes.insert(rows.keyspace(table), key, value),
            #[cfg(test)]
            Self::Simulated(_, writes) => writes.push((table, key.to_vec(), Some(value.to_vec()))),
        }
    }

    pub(super) fn remove(&mut self, table: Table, key: &[u8]) {
        match self {
            Self::Fjall(rows, writes) => writes.remove(rows.keyspace(table), key),
            #[cfg(test)]
            Self::Simulated(_, writes) => writes.push((table, key.to_vec(), None)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Fjall(_, writes) => writes.is_empty(),
            #[cfg(test)]
            Self::Simulated(_, writes) => writes.is_empty(),
        }
    }

    /// Writes all and waits until it is on stable storage. An error is final: fjall takes no more writes.
    pub(super) fn commit(self) -> fjall::Result<()> {
        match self {
            Self::Fjall(_, writes) => writes.commit(),
            #[cfg(test)]
            Self::Simulated(rows, writes) => rows.commit(writes),
        }
    }
}
