//! The rows that a batch changes: read once, changed in memory, written together.

use hashbrown::HashMap;

use super::rows::Row;
use super::tables::{Sheet, Tables};
use crate::outbox::refused::StoreError;

/// Rows of one sheet by their keys.
type SheetRows = HashMap<Vec<u8>, Vec<u8>, foldhash::fast::RandomState>;

/// Rows on their way from and to the tables.
pub(super) struct Pad<'t> {
    tables: &'t Tables,
    /// In the order of [`Sheet::ALL`]. A batch changes the same few rows again and again: a table finds them without comparing
    /// keys that begin alike, and order is made once, when they are written.
    changed: [SheetRows; Sheet::ALL.len()],
}

impl<'t> Pad<'t> {
    pub(super) fn new(tables: &'t Tables) -> Self {
        Self { tables, changed: Default::default() }
    }

    /// A row as it is now, if there is one.
    pub(super) fn find<R: Row>(&self, sheet: Sheet, key: &[u8]) -> Result<Option<R>, StoreError> {
        let read = |bytes: &[u8]| {
            R::from_bytes(bytes).ok_or_else(|| self.tables.damaged(format!("a row of {sheet:?}")))
        };
        if let Some(bytes) = self.changed[sheet as usize].get(key) {
            return read(bytes).map(Some);
        }
        self.tables.get(sheet, key)?.map(|bytes| read(&bytes)).transpose()
    }

    /// Puts a row in place of what was there.
    pub(super) fn put<R: Row>(&mut self, sheet: Sheet, key: Vec<u8>, row: &R) {
        self.changed[sheet as usize].insert(key, row.to_bytes());
    }

    /// Changes a row; one that is not there begins as the default.
    pub(super) fn change<R: Row>(
        &mut self,
        sheet: Sheet,
        key: Vec<u8>,
        change: impl FnOnce(&mut R),
    ) -> Result<(), StoreError> {
        let mut row = self.find(sheet, &key)?.unwrap_or_default();
        change(&mut row);
        self.put(sheet, key, &row);
        Ok(())
    }

    /// How many rows it changes.
    pub(super) fn len(&self) -> usize {
        self.changed.iter().map(HashMap::len).sum()
    }

    /// Writes all and waits until it is on stable storage. An error is final: fjall takes no more writes.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        let mut batch = self.tables.batch();
        for ((sheet, ..), rows) in Sheet::ALL.iter().zip(self.changed) {
            let mut rows: Vec<_> = rows.into_iter().collect();
            rows.sort_unstable();
            for (key, row) in rows {
                batch.insert(self.tables.keyspace(*sheet), key, row);
            }
        }
        batch.commit().map_err(|error| self.tables.refused("written", error))
    }
}
