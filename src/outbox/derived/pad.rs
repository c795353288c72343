//! The rows that a batch changes: read once, changed in memory, written together.

use std::collections::BTreeMap;

use super::rows::Row;
use super::tables::{Sheet, Tables};
use crate::outbox::refused::StoreError;

/// Rows on their way from and to the tables, in the order in which they are written.
pub(super) struct Pad<'t> {
    tables: &'t Tables,
    changed: BTreeMap<(Sheet, Vec<u8>), Vec<u8>>,
}

impl<'t> Pad<'t> {
    pub(super) fn new(tables: &'t Tables) -> Self {
        Self { tables, changed: BTreeMap::new() }
    }

    /// A row as it is now, if there is one.
    pub(super) fn find<R: Row>(&self, sheet: Sheet, key: &[u8]) -> Result<Option<R>, StoreError> {
        let read = |bytes: &[u8]| {
            R::from_bytes(bytes).ok_or_else(|| self.tables.damaged(format!("a row of {sheet:?}")))
        };
        if let Some(bytes) = self.changed.get(&(sheet, key.to_vec())) {
            return read(bytes).map(Some);
        }
        self.tables.get(sheet, key)?.map(|bytes| read(&bytes)).transpose()
    }

    /// Puts a row in place of what was there.
    pub(super) fn put<R: Row>(&mut self, sheet: Sheet, key: Vec<u8>, row: &R) {
        self.changed.insert((sheet, key), row.to_bytes());
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
        self.changed.len()
    }

    /// Writes all and waits until it is on stable storage. An error is final: fjall takes no more writes.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        let mut batch = self.tables.batch();
        for ((sheet, key), row) in self.changed {
            batch.insert(self.tables.keyspace(sheet), key, row);
        }
        batch.commit().map_err(|error| self.tables.refused("written", error))
    }
}
