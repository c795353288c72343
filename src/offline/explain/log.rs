//! Where to begin: the whole log where that is short, else the oldest checkpoint that is kept.
//!
//! A running daemon may be writing the log, trimming it and replacing checkpoints meanwhile. The unfinished end of the
//! log is where it ends for us.

use std::path::Path;

use super::question::{ExplainError, FindSnapshot, Question};
use super::walk::{Walk, Walked};
use crate::domain::ids::PartitionId;
use crate::domain::policy::Policy;
use crate::engine::Partition;
use crate::identity::Keyring;
use crate::journal::{Checkpoints, JournalError, LogReader, Resume};
use crate::offline::restore::partition_of;

/// A log that is no longer than this is read from its beginning, though a checkpoint would do: a checkpoint knows the
/// state, and not what led to it. It is read in a second or so; whoever asks waits for that.
const WHOLE_LOG_BYTES: u64 = 256 << 20;

/// The log, opened where it can be gone through from, and the partition as of there.
pub(super) struct Begun {
    log: LogReader,
    partition: Partition,
}

impl Begun {
    /// From the beginning of the log; nothing where that is trimmed or devices were erased from it, or the log is long.
    pub(super) fn whole_log(
        journal: &Path,
        keyring: &Keyring,
        id: PartitionId,
    ) -> Result<Option<Self>, ExplainError> {
        match LogReader::open(journal, keyring, Resume::of_one(id, None)) {
            Ok(log) if log.bytes_ahead() > WHOLE_LOG_BYTES => Ok(None),
            Ok(log) => Ok(Some(Self { log, partition: fresh(id, keyring) })),
            Err(JournalError::StartsLate { .. } | JournalError::Erased { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// From the oldest checkpoint that is kept; from the beginning of the log where there is none yet.
    pub(super) fn checkpoint(
        journal: &Path,
        keyring: &Keyring,
        id: PartitionId,
    ) -> Result<Self, ExplainError> {
        let oldest = Checkpoints::existing(journal, keyring)?.oldest(id)?;
        let mark = oldest.as_ref().map(|checkpoint| checkpoint.mark);
        let restored = oldest.map(|checkpoint| partition_of(&checkpoint, keyring)).transpose()?;
        let partition = restored.unwrap_or_else(|| fresh(id, keyring));
        let log = LogReader::open(journal, keyring, Resume::of_one(id, mark))?;
        Ok(Self { log, partition })
    }

    /// Goes through the log to its end.
    pub(super) fn walk(
        self,
        find: &FindSnapshot,
        question: &Question,
    ) -> Result<Walked, ExplainError> {
        let Self { mut log, partition } = self;
        let mut walk = Walk::new(partition, find, question);
        while let Some((_position, input)) = log.next_input()? {
            walk.take(&input.as_input())?;
        }
        walk.end()
    }
}

fn fresh(id: PartitionId, keyring: &Keyring) -> Partition {
    Partition::new(id, keyring.installation_key(), Policy::default())
}
