//! Rows of text out of CSV, XLSX and XLS, whichever a file turns out to be.
//!
//! The [`format`](mod@format) is told by the first bytes, never by a name. A CSV file's [`encoding`] is found out first, then its
//! records come one by one ([`comma`]), each within the bounds ([`meter`]). A workbook is an [`archive`] that is unpacked
//! once to be counted, its [`markup`] held against what a parser has to keep in memory, and only then read cell by cell
//! ([`xlsx`]). An old workbook is small but is loaded whole, so its [`records`](mod@records) are looked through first
//! ([`xls`]). Cells of all of them become [`text`], cells become rows in [`gather`], and [`source`] is the way in.

pub mod format;
pub mod row;
pub mod source;
pub(crate) mod meter;
mod encoding;
mod comma;
mod markup;
mod hidden;
mod archive;
mod text;
mod gather;
mod xlsx;
mod strings;
mod records;
mod xls;

pub use archive::MEMORY;
pub use gather::Take;
pub(crate) use text::ERRORS;

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod comma_tests;
#[cfg(test)]
mod encoding_tests;
#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod markup_tests;
#[cfg(test)]
mod text_tests;
#[cfg(test)]
mod xls_tests;
#[cfg(test)]
mod xlsx_tests;
#[cfg(test)]
pub(crate) mod samples;
