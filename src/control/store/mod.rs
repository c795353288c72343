//! Where the catalog is kept.
//!
//! Accounts, campaigns, places and the rest are [`record`]s: a text with columns by which it is found, and links
//! between them; beside them it is noted who changed what, and what the location of people was used for ([`uses`]). [`tx`] is the seam: what any database has to do for them. [`sqlite`] does it in one file, by the
//! statements of [`sqlite_tx`], [`sqlite_query`] and [`sqlite_notes`] over the tables of [`schema`]; [`thread`] owns it, so that nobody
//! waits for the disk but those who asked. Its [`seals`] say which keys it goes with. [`copies`] are made, looked through and put back while nobody has a [`hold`]
//! of the file. Another database joins by passing `conformance`, which are tests.
//!
//! In reading order.

pub mod record;
pub mod uses;
pub mod tx;
pub mod thread;
pub mod sqlite;
mod sqlite_tx;
mod sqlite_devices;
mod sqlite_query;
mod sqlite_notes;
mod schema;
pub mod seals;
pub mod hold;
pub mod copies;

pub use record::{
    AuditEntry, By, Content, Cursor, DeviceList, INSTALLATION, Key, Kind, Link, Order, Query,
    Record, Remembered,
};
pub use seals::Seals;
pub use sqlite::{CATALOG_FILE, SqliteStore};
pub use thread::Catalog;
pub use tx::{Moment, Store, StoreError, Tx};
pub use uses::{LocationUse, Purpose, UseQuery};

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod scan_conformance;
#[cfg(test)]
mod seals_tests;
#[cfg(test)]
mod sqlite_tests;
#[cfg(test)]
mod thread_tests;
