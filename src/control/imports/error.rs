//! Why a whole file is refused. What is wrong with single rows does not end an import.

use std::fmt::Display;
use std::io;

use super::watch::Stopped;
use crate::control::fault::Fault;

/// A file that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is longer than allowed.
    #[error("the file is longer than {limit} bytes, which is the most; send it in parts")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// The workbook unpacks to more than allowed, or to what no spreadsheet program writes.
    #[error("the workbook is refused: {what}; allowed: {allowed}")]
    Bomb {
        /// What it holds.
        what: String,
        /// What it may hold.
        allowed: String,
    },
    /// There are too many rows.
    #[error("there are more than {limit} rows; send the file in parts")]
    TooManyRows {
        /// The bound.
        limit: u64,
    },
    /// A row is too wide.
    #[error("row {row} has a cell in column {column}; allowed: {limit} columns")]
    TooWide {
        /// The row, as a spreadsheet shows it.
        row: u64,
        /// The column, from 1.
        column: usize,
        /// The bound.
        limit: usize,
    },
    /// A cell is too long.
    #[error(
        "row {row} has a cell of more than {limit} characters in column {column}; is a quotation mark missing?"
    )]
    CellTooLong {
        /// The row, as a spreadsheet shows it.
        row: u64,
        /// The column, from 1.
        column: usize,
        /// The bound.
        limit: usize,
    },
    /// It is no format that is read.
    #[error("the file is {found}; allowed: {allowed}")]
    Format {
        /// What it looks like.
        found: &'static str,
        /// What is read.
        allowed: &'static str,
    },
    /// The bytes are no text in an encoding that is read.
    #[error(
        "the text is neither UTF-8 (wrong at byte {utf8_at}) nor CP949 (wrong at byte {cp949_at}); save it as CSV UTF-8"
    )]
    Encoding {
        /// The first byte that is no UTF-8, from 0.
        utf8_at: u64,
        /// The first byte that is no CP949, from 0.
        cp949_at: u64,
    },
    /// The file is damaged, or was made to look like what it is not.
    #[error("the {format} cannot be read: {reason}")]
    Broken {
        /// Which format it was taken for.
        format: &'static str,
        /// What the reader of that format says.
        reason: String,
    },
    /// There is not one row.
    #[error("the file has no rows; the first row names the columns, see the template")]
    Empty,
    /// The header does not name the columns.
    #[error("the header is not understood: {}", list(.0))]
    Header(Vec<Fault>),
    /// It was ended before its end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The disk failed.
    #[error("the file cannot be read from disk")]
    Io(#[from] io::Error),
}

impl ImportError {
    pub(super) fn broken(format: &'static str, reason: impl Display) -> Self {
        Self::Broken { format, reason: reason.to_string() }
    }

    pub(super) fn bomb(what: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self::Bomb { what: what.into(), allowed: allowed.into() }
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
