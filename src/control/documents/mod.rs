//! What an account has, as documents: what each holds, what is allowed in it, and what it needs.
//!
//! A [`Document`] is what callers send and read as JSON; the [`store`](super::store) keeps it
//! as a record. What is said here of a document holds whatever the state of the rest; what hangs on others is for
//! [`desk`](super::desk) to judge.
//!
//! In reading order.

pub mod document;
pub mod account;
pub mod app;
pub mod region;
pub mod place;
pub mod geofence;
pub mod segment;
pub mod campaign;
pub(crate) mod campaign_rules;
mod one_text;
pub mod test_device;
pub mod erasure;
pub mod address;
pub mod import;
pub mod notice;
pub mod report_file;

pub use account::{Account, Membership};
pub use address::Address;
pub use app::App;
pub use campaign::Campaign;
pub use document::{Document, Need, Shown};
pub use erasure::Erasure;
pub use geofence::{Geofence, Group};
pub use import::Import;
pub use notice::Notice;
pub use place::{Brand, Category, Place};
pub use region::Region;
pub use report_file::ReportFile;
pub use segment::Segment;
pub use test_device::TestDevice;

#[cfg(test)]
mod address_tests;
#[cfg(test)]
mod campaign_tests;
#[cfg(test)]
mod document_tests;
