//! Rows for tests, by the names of their columns.

use super::bad_cell::BadCell;
use super::record::Record;
use crate::control::imports::columns::Kind;
use crate::control::imports::header::Header;
use crate::control::imports::table::row::Row;

/// Reads one row under a header of its own: pairs of a column's name and its cell.
pub(crate) fn read<T>(
    kind: Kind,
    draft: fn(Record<'_>) -> Result<T, Vec<BadCell>>,
    cells: &[(&str, &str)],
) -> Result<T, Vec<BadCell>> {
    let texts = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
    let names = Row { number: 1, cells: texts(cells.iter().map(|cell| cell.0).collect()) };
    let row = Row { number: 7, cells: texts(cells.iter().map(|cell| cell.1).collect()) };
    let header = Header::read(kind, &names).unwrap();
    draft(Record::of_row(&header, &row))
}

/// The columns that are wrong, in order.
pub(crate) fn columns<T: std::fmt::Debug>(outcome: Result<T, Vec<BadCell>>) -> Vec<String> {
    let bad = outcome.unwrap_err();
    assert!(bad.iter().all(|cell| cell.row == 7 && !cell.reason.is_empty()));
    bad.into_iter().map(|cell| cell.column).collect()
}
