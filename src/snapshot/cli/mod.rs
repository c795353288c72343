//! `geofenced snapshot …`: [`command`] has the commands, [`edit`] the one that changes what a store holds,
//! [`error`] why one failed.

pub mod command;
mod edit;
mod error;

pub use command::{Host, OpenKey, SnapshotCommand};
pub use error::CommandError;
