//! Looking up the row of an id.

use crate::snapshot::blocks::ArchivedIdTable;

impl ArchivedIdTable {
    /// The row of `id`, if there is one.
    #[must_use]
    pub fn row(&self, id: u32) -> Option<usize> {
        if self.direct.is_empty() {
            return self.ids.binary_search_by_key(&id, |id| id.to_native()).ok();
        }
        match self.direct.get(as_index(id)) {
            Some(slot) => slot.to_native().checked_sub(1).map(as_index),
            // One id may lie beyond the direct table: that of the target which contains every fix.
            None => {
                self.ids.last().filter(|last| last.to_native() == id).map(|_| self.ids.len() - 1)
            }
        }
    }
}

/// A 32-bit offset or row as an index.
#[must_use]
pub(crate) fn as_index(number: u32) -> usize {
    number as usize
}
