//! One row of a table, whatever file it comes from.

/// A row: its number and its cells as text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Its number as a spreadsheet shows it, from 1; blank rows count.
    pub number: u64,
    /// Its cells from the first column on; those that are missing at its end are empty.
    pub cells: Vec<String>,
}

impl Row {
    /// The text of a cell without the blanks around it, `None` where there is nothing.
    #[must_use]
    pub fn cell(&self, column: usize) -> Option<&str> {
        self.cells.get(column).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// Whether there is nothing in it: spreadsheets keep such rows after people have emptied them.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}
