//! What the journal still holds of the past: read beside a running daemon, or without one.

use std::path::Path;

use crate::domain::ids::PartitionId;
use crate::domain::policy::Policy;
use crate::identity::Keyring;
use crate::journal::{Checkpoints, JournalError, LogPosition, LogReader, OwnedInput, Resume};

use super::restore::{RestoreError, partition_of};

/// A recording, from its beginning on.
pub struct Recording {
    log: LogReader,
    policy: Policy,
}

/// Why a recording can't be gone through.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The log or the checkpoints can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A checkpoint holds no state for us.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// A running daemon replaces checkpoints while they are looked for.
const TRIES: usize = 5;

impl Recording {
    /// Opens the recording below `dir`, the folder that has `log` and `checkpoints`.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn open(dir: &Path, keyring: &Keyring) -> Result<Self, RecordingError> {
        let log = LogReader::open(dir, keyring, Resume::anywhere())?;
        let [begins, ..] = log.span();
        // At the log's beginning every partition has the default, and what differs follows as an input.
        let policy = if begins == LogPosition::START {
            Policy::default()
        } else {
            policy_in_force(dir, keyring)?
        };
        Ok(Self { log, policy })
    }

    /// The engine's numbers as of the recording's beginning; later ones are in it. Behind a trimmed log they are those
    /// of the oldest checkpoint.
    pub(super) fn policy(&self) -> Policy {
        self.policy
    }

    /// How much of it has been read, in parts of a thousand.
    pub(super) fn permille(&self) -> u16 {
        let [begin, at, end] = self.log.span();
        let (done, all) = (at.0.saturating_sub(begin.0), end.0.saturating_sub(begin.0));
        u16::try_from(done.saturating_mul(1000) / all.max(1)).map_or(1000, |part| part.min(1000))
    }

    /// The next input and its partition; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(PartitionId, &OwnedInput)>, JournalError> {
        let next = self.log.next_input()?;
        Ok(next.map(|(position, input)| (position.partition, input)))
    }
}

fn policy_in_force(dir: &Path, keyring: &Keyring) -> Result<Policy, RecordingError> {
    let mut found = oldest_policy(dir, keyring);
    for _try in 1..TRIES {
        if found.is_ok() {
            break;
        }
        found = oldest_policy(dir, keyring);
    }
    found
}

fn oldest_policy(dir: &Path, keyring: &Keyring) -> Result<Policy, RecordingError> {
    let checkpoints = Checkpoints::existing(dir, keyring)?;
    for id in PartitionId::all() {
        if let Some(checkpoint) = checkpoints.oldest(id)? {
            return Ok(*partition_of(&checkpoint, keyring)?.policy());
        }
    }
    Ok(Policy::default())
}
