//! The rows that a batch changes: read once, changed in memory, written together.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::rows::Row;
use super::tables::{Sheet, Tables};
use crate::outbox::refused::StoreError;

/// A row as it is known here.
enum Known {
    /// As it is in the tables, if it is there. A copy: a slice of a table keeps its whole block in memory.
    Read(Option<Box<[u8]>>),
    /// As it will be.
    Changed(Vec<u8>),
}

/// Rows of one sheet by their keys.
type SheetRows = HashMap<Vec<u8>, Known, foldhash::fast::RandomState>;

/// Rows on their way from and to the tables.
pub(super) struct Pad<'t> {
    tables: &'t Tables,
    /// In the order of [`Sheet::ALL`]. A batch changes the same few rows again and again: a table finds them without comparing
    /// keys that begin alike, and order is made once, when they are written.
    rows: [SheetRows; Sheet::ALL.len()],
    /// Rows that are changed.
    changed: usize,
}

impl<'t> Pad<'t> {
    pub(super) fn new(tables: &'t Tables) -> Self {
        Self { tables, rows: Default::default(), changed: 0 }
    }

    /// Looks up rows that will be asked for, in the order of their keys: the way to one is most of the way to the next, so that
    /// many are found in a fraction of the time that they take one by one.
    pub(super) fn look_up(&mut self, mut keys: Vec<(Sheet, Vec<u8>)>) -> Result<(), StoreError> {
        keys.sort_unstable();
        for (sheet, key) in keys {
            if let Entry::Vacant(place) = self.rows[sheet as usize].entry(key) {
                let row = self.tables.get(sheet, place.key())?;
                place.insert(Known::Read(row.as_deref().map(Box::from)));
            }
        }
        Ok(())
    }

    /// A row as it is now, if there is one.
    pub(super) fn find<R: Row>(&self, sheet: Sheet, key: &[u8]) -> Result<Option<R>, StoreError> {
        let read = |bytes: &[u8]| {
            R::from_bytes(bytes).ok_or_else(|| self.tables.damaged(format!("a row of {sheet:?}")))
        };
        match self.rows[sheet as usize].get(key) {
            Some(Known::Changed(bytes)) => read(bytes).map(Some),
            Some(Known::Read(row)) => row.as_deref().map(read).transpose(),
            None => self.tables.get(sheet, key)?.as_deref().map(read).transpose(),
        }
    }

    /// Puts a row in place of what was there.
    pub(super) fn put<R: Row>(&mut self, sheet: Sheet, key: Vec<u8>, row: &R) {
        let before = self.rows[sheet as usize].insert(key, Known::Changed(row.to_bytes()));
        self.changed += usize::from(!matches!(before, Some(Known::Changed(_))));
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
        self.changed
    }

    /// Writes all and waits until it is on stable storage. An error is final: fjall takes no more writes.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        let mut batch = self.tables.batch();
        for ((sheet, ..), rows) in Sheet::ALL.iter().zip(self.rows) {
            let changed = |(key, row)| match row {
                Known::Changed(bytes) => Some((key, bytes)),
                Known::Read(_) => None,
            };
            let mut rows: Vec<(Vec<u8>, Vec<u8>)> = rows.into_iter().filter_map(changed).collect();
            rows.sort_unstable();
            for (key, row) in rows {
                batch.insert(self.tables.keyspace(*sheet), key, row);
            }
        }
        batch.commit().map_err(|error| self.tables.refused("written", error))
    }
}
