//! What can go wrong with the log and with checkpoints, and what an operator does about it.

use std::io;
use std::path::{Path, PathBuf};

use super::position::LogPosition;
use crate::domain::ids::{InputPosition, InputSeq, PartitionId};
use crate::domain::knobs::BadKnob;
use crate::identity::KeyError;

/// Why the journal can't be opened, read or trimmed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("can't {doing} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A knob is out of its range.
    #[error("journal.{0}")]
    Config(BadKnob),
    /// Another process has the log open.
    #[error(
        "{path} is locked: another geofenced is running on this data; stop it first",
        path = path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Bytes that were once synced are not what they were.
    #[error(
        "{path} is damaged at byte {offset}: {reason}{}; nothing was changed: restore the file from a \
         copy, or move log, checkpoints and outbox away together to start anew",
        describe_last(*after),
        path = path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The offset in it of the record, or of the header, that is damaged.
        offset: u64,
        /// The last good input before it, if this read met one.
        after: Option<InputPosition>,
        /// What is wrong there.
        reason: String,
    },
    /// A newer release wrote it.
    #[error(
        "{path} has format {format}, and this release reads up to {known}; run the newer release",
        path = path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u16,
        /// The newest that we read.
        known: u16,
    },
    /// The keys are not those of this data.
    #[error(
        "{path} was sealed under other keys than keys.json holds; restore the keys.json that \
         belongs to it",
        path = path.display()
    )]
    WrongKeys {
        /// The file.
        path: PathBuf,
    },
    /// A key is missing.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// What lies between checkpoint and log is gone.
    #[error(
        "the checkpoints need the log from byte {from} on, but it begins at {first}; restore the \
         missing segments or newer checkpoints, or move log, checkpoints and outbox away \
         together to start anew"
    )]
    StartsLate {
        /// Where reading has to begin.
        from: LogPosition,
        /// Where the log begins.
        first: LogPosition,
    },
    /// What was erased can't be gone through again.
    #[error(
        "devices were erased from {path}, so going through it again would not come to what came out then; begin \
         with a checkpoint behind it",
        path = path.display()
    )]
    Erased {
        /// The first segment of which something was erased.
        path: PathBuf,
    },
    /// The log's end is gone.
    #[error(
        "the checkpoints need the log from byte {from} on, but it ends at {end}; restore the \
         missing segments, or move log, checkpoints and outbox away together to start anew"
    )]
    EndsEarly {
        /// Where reading has to begin.
        from: LogPosition,
        /// Where the log ends.
        end: LogPosition,
    },
    /// An input is missing.
    #[error(
        "partition {partition} lacks input {expected}: {path} has {found} next, at byte {offset}; \
         restore the checkpoint or the segment that is missing, or move log, checkpoints and \
         outbox away together to start anew",
        path = path.display()
    )]
    Gap {
        /// The partition.
        partition: PartitionId,
        /// The input that should come next.
        expected: InputSeq,
        /// The one that does.
        found: InputSeq,
        /// The segment in which it does.
        path: PathBuf,
        /// The offset there.
        offset: u64,
    },
    /// The log's end is gone, seen by one partition.
    #[error(
        "partition {partition} has a checkpoint of input {mark}, but its log ends at {last}; restore \
         the missing segments, or move log, checkpoints and outbox away together to start anew"
    )]
    BehindCheckpoint {
        /// The partition.
        partition: PartitionId,
        /// What its checkpoint stands for.
        mark: InputSeq,
        /// The last input in the log.
        last: InputSeq,
    },
    /// The writer thread did not start.
    #[error("can't start the thread journal-writer: {0}")]
    Thread(io::Error),
    /// The writer failed.
    #[error(transparent)]
    Failed(#[from] JournalFailure),
}

impl JournalError {
    pub(super) fn io<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + 'a {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// Why the journal writes no more, for good: until the daemon is restarted, nothing is
/// acknowledged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the journal has stopped for good: can't {doing} {path}: {reason}; nothing more is \
     acknowledged, restart once the disk is well",
    path = path.display()
)]
pub struct JournalFailure {
    /// What was tried.
    pub doing: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
}

fn describe_last(after: Option<InputPosition>) -> String {
    after.map_or_else(String::new, |InputPosition { partition, seq }| {
        format!(" (after input {seq} of partition {partition})")
    })
}
