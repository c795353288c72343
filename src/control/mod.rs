//! The catalog's side of the daemon: what marketers define, checked before anything is compiled from it.
//!
//! A [`fault`] says what is wrong with a value, by field and by what is allowed. A [`shape`] is a geofence as the catalog
//! keeps it; its limits are the catalog's own and bind neither campaign files nor replays. [`imports`] reads the files
//! that people upload.

pub mod fault;
mod outline;
pub mod shape;
pub mod imports;

#[cfg(test)]
mod shape_tests;
