//! What intake hands to the shards, and what comes back once it is safe.
//!
//! Ingest makes a [`Submission`] of a frame or of an HTTP body and gives it to the shard router, which deals
//! its records to partitions. The answer is a ticket that resolves to [`Applied`] when every record is
//! journalled, synced and stepped, or to [`Lost`] when that can no longer happen.

use super::fix::Fix;
use super::ids::{AccountId, AppId, Origin};
use super::reasons::{RejectCounts, RejectReason};
use super::report::{Erasure, Outcome, PlaceHint, Profile};
use super::units::UtcMs;

/// The believed records of one frame or of one HTTP body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submission {
    /// Whose devices they are; from the credentials, never from the frame.
    pub account: AccountId,
    /// Which app they speak for, already checked against the credentials.
    pub app: AppId,
    /// Which frame they came in; `None` for HTTP, which does not resend.
    pub origin: Option<Origin>,
    /// When the daemon took them in, by its own monotone clock.
    pub received_at: UtcMs,
    /// The records, in the order of the frame.
    pub records: Records,
}

/// Records of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Records {
    /// Positions.
    Fixes(Vec<Fix>),
    /// What became of pushes.
    Outcomes(Vec<Outcome>),
    /// What devices are.
    Profiles(Vec<Profile>),
    /// What devices found out about places.
    Hints(Vec<PlaceHint>),
    /// Devices to be forgotten; never from a client.
    Erasures(Vec<Erasure>),
}

impl Records {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Fixes(records) => records.len(),
            Self::Outcomes(records) => records.len(),
            Self::Profiles(records) => records.len(),
            Self::Hints(records) => records.len(),
            Self::Erasures(records) => records.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Every record of a submission is synced and stepped, or refused under a counted reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// Refused by the shards, by reason; what intake itself refused is not among them. Records of a frame
    /// that was applied before count under [`RejectReason::Resent`].
    pub rejects: RejectCounts,
}

impl Applied {
    /// How many of the records were applied before.
    #[must_use]
    pub fn resent(&self) -> u64 {
        self.rejects[usize::from(RejectReason::Resent.number())]
    }
}

/// A submission that was taken and can no longer be acknowledged. It may or may not have been journalled:
/// the client sends it again, and the partition recognises what it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Lost {
    /// The journal could not sync. Final until the daemon is restarted.
    #[error("the journal could not be synced; restart the daemon once its disk is sound")]
    SyncFailed,
    /// The outbox could not be written. Final until the daemon is restarted.
    #[error("the outbox could not be written; restart the daemon once its disk is sound")]
    OutboxFailed,
    /// The shard ended before the records were synced.
    #[error("the daemon is stopping; send the records again when it is back")]
    Stopped,
}

/// A submission that was not taken at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// The daemon drains: it finishes what it has and takes nothing new.
    #[error("the daemon is draining; send the records again when it is back")]
    Draining,
    /// Intake is closed until an operator acts: a failed disk, a broken thread, a clock that jumped.
    #[error("intake is closed: {why}")]
    Closed {
        /// Why, and what opens it again.
        why: &'static str,
    },
}
