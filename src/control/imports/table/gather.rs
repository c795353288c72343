//! Cells to rows, within the bounds; every format ends here.

use super::row::Row;
use crate::control::imports::bounds::Bounds;
use crate::control::imports::error::ImportError;
use crate::control::imports::watch::Watch;
use std::ops::ControlFlow;

/// Takes rows one by one; a break ends reading without an error.
pub type Take<'t> = &'t mut dyn FnMut(&Row) -> ControlFlow<()>;

/// Makes rows of cells that come one by one, hands them on, and counts.
pub(super) struct Gather<'g, 'w> {
    pub(super) bounds: &'g Bounds,
    pub(super) watch: &'g mut Watch<'w>,
    pub(super) take: Take<'g>,
    row: Row,
    /// Rows handed on, the header among them.
    handed: u64,
}

impl<'g, 'w> Gather<'g, 'w> {
    pub(super) fn new(bounds: &'g Bounds, watch: &'g mut Watch<'w>, take: Take<'g>) -> Self {
        Self { bounds, watch, take, row: Row::default(), handed: 0 }
    }

    /// Begins a row; its cells follow.
    pub(super) fn begin(&mut self, number: u64) {
        self.row.number = number;
        self.row.cells.clear();
    }

    /// The row that is being gathered; 0 before the first.
    pub(super) fn number(&self) -> u64 {
        self.row.number
    }

    /// Puts a cell into the row. `column` counts from 0.
    pub(super) fn cell(&mut self, column: usize, text: &str) -> Result<(), ImportError> {
        if text.is_empty() {
            return Ok(());
        }
        let (row, limit) = (self.row.number, self.bounds.columns);
        if column >= limit {
            return Err(ImportError::TooWide { row, column: column + 1, limit });
        }
        let limit = self.bounds.cell_chars;
        // Bytes first: they are never fewer than the characters, and need no counting.
        if text.len() > limit && text.chars().count() > limit {
            return Err(ImportError::CellTooLong { row, column: column + 1, limit });
        }
        if self.row.cells.len() <= column {
            self.row.cells.resize(column + 1, String::new());
        }
        text.clone_into(&mut self.row.cells[column]);
        Ok(())
    }

    /// Ends the row and hands it on, unless it is blank.
    pub(super) fn end(
        &mut self,
        per_cent: impl FnOnce() -> Option<u8>,
    ) -> Result<ControlFlow<()>, ImportError> {
        if self.row.is_blank() {
            return Ok(ControlFlow::Continue(()));
        }
        let limit = self.bounds.rows;
        // The first row is the header, or the one row more that a list without a header may have.
        if self.handed > limit {
            return Err(ImportError::TooManyRows { limit });
        }
        if self.handed > 0 {
            self.watch.row(per_cent)?;
        }
        self.handed += 1;
        Ok((self.take)(&self.row))
    }

    /// Whether there was a row.
    pub(super) fn finish(self) -> Result<(), ImportError> {
        if self.handed == 0 { Err(ImportError::Empty) } else { Ok(()) }
    }
}
