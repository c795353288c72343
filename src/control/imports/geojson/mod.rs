//! GeoJSON, feature by feature: a file of any length takes the memory of its largest feature.
//!
//! A feature becomes a row, its properties under the same column names as a table's; properties that are no column are
//! passed over, since maps come with many. The pieces that read one value whatever its type are those of the campaign
//! files' [reader](crate::snapshot::source).

mod feature;
mod collection;
mod read;

pub use read::{TakeFeature, features};
