//! The files that people upload: geofence groups, places, regions, segments, blacklists and addresses.
//!
//! Files come from spreadsheets, in Korean or English, and some from an enemy. Each is read once, front to back, within
//! [`bounds`], while a [`watch`] hears how far it is and may stop it. A [`table`] turns CSV, XLSX and XLS into rows of
//! text, [`geojson`] turns features into the same rows; the [`header`] knows which of the [`columns`] is which, and
//! [`rows`] makes typed drafts of them, or says of every wrong cell what is allowed. Nothing is stored here: [`read`]
//! hands each row on.
//!
//! For people there are [`bad_rows`], to be mended in a spreadsheet, and [`templates`] to start from.

pub mod bounds;
pub mod watch;
pub mod error;
pub mod columns;
pub mod header;
pub mod table;
mod geometry;
pub mod geojson;
pub mod rows;
pub mod read;
pub(super) mod workbook;
pub mod bad_rows;
pub mod templates;

#[cfg(test)]
mod bad_rows_tests;
#[cfg(test)]
mod geojson_tests;
#[cfg(test)]
mod geometry_tests;
#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod templates_tests;
#[cfg(test)]
mod watch_tests;
#[cfg(test)]
mod workbook_tests;
