//! `geofenced snapshot …`: [`command`] has the commands, [`edit`] the one that changes what a store holds.

pub mod command;
mod edit;

pub use command::{CommandError, Host, OpenKey, SnapshotCommand};
