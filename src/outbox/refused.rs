//! Why a store refused: that of the outbox, and those derived from it.

use std::path::PathBuf;

use super::consumer::CONSUMER_VERSION;

/// Why the store of the outbox refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage engine or the disk.
    #[error(
        "the store in {path} can't be {doing}: {source}; if its files are damaged, restore the whole data directory from a \
         backup, or move this folder away: it is filled again from what log and outbox still have",
        path = path.display()
    )]
    Storage {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What it said.
        source: fjall::Error,
    },
    /// Another process has it open.
    #[error("{path} is locked: another geofenced is running on this data; stop it first", path = path.display())]
    Locked {
        /// Where.
        path: PathBuf,
    },
    /// A release with another format wrote it.
    #[error(
        "the store in {path} has format {found}, and this release reads {reads}; run the release that wrote it",
        path = path.display()
    )]
    Format {
        /// Where.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What it could say.
        reads: &'static str,
    },
    /// A key or value that we never write.
    #[error(
        "the store in {path} is damaged: {what}; restore the whole data directory from a backup, or move this folder away: it \
         is filled again from what log and outbox still have",
        path = path.display()
    )]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A newer release wrote a consumer.
    #[error(
        "a consumer in {path} has format {found}, and this release reads up to {CONSUMER_VERSION}; \
         run the newer release",
        path = path.display()
    )]
    NewerConsumer {
        /// Where.
        path: PathBuf,
        /// Its version.
        found: u8,
    },
    /// There is nothing to look at.
    #[error(
        "{path} is no outbox; name the data directory of a daemon that has run",
        path = path.display()
    )]
    NoStore {
        /// Where one was expected.
        path: PathBuf,
    },
}
