//! Looking up the row of an id.

use crate::snapshot::blocks::ArchivedIdTable;

impl ArchivedIdTable {
    /// The row of `id`, if there is one.
    #[must_use]
    pub fn row(&self, id: u32) -> Option<usize> {
        if self.direct.is_empty() {
            return self.ids.binary_search_by_key(&id, |id| id.to_native()).ok();
        }
        let slot = self.direct.get(as_index(id.checked_sub(self.base.to_native())?))?;
        slot.to_native().checked_sub(1).map(as_index)
    }
}

/// A 32-bit offset or row as an index.
#[must_use]
pub(crate) fn as_index(number: u32) -> usize {
    number as usize
}
