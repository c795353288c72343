//! What is journalled: the inputs of a partition, in order, and nothing else.
//!
//! The shard's worker makes them from submissions, ticks, publications and grants; the journal keeps them;
//! the engine steps over them, live, in recovery and in replay alike.

use super::fix::Fix;
use super::ids::{AccountId, AppId, CampaignId, Epoch, Origin, SnapshotHash};
use super::policy::Policy;
use super::report::{Erasure, Outcome, PlaceHint, Profile};
use super::units::UtcMs;

/// What a frame's records for one partition have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch<'a, T> {
    /// Whose devices they are.
    pub account: AccountId,
    /// Which app they speak for.
    pub app: AppId,
    /// Which frame they came in; `None` for HTTP and replay, which do not resend.
    pub origin: Option<Origin>,
    /// When the daemon took them in, by its own monotone clock.
    pub received_at: UtcMs,
    /// The records, in the order of the frame.
    pub records: &'a [T],
}

/// A lease of pushes out of a limit that spans partitions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Grant {
    /// Which limit.
    pub limit: LimitId,
    /// How many pushes are leased; negative where the partition gives unused ones back.
    pub pushes: i64,
}

/// A limit that spans partitions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LimitId {
    /// An account's hard limit for one local month, named by months since January 1970.
    Month {
        /// The account.
        account: AccountId,
        /// Months since January 1970, local.
        month: i32,
    },
    /// A campaign's total.
    Campaign {
        /// The account.
        account: AccountId,
        /// The campaign.
        campaign: CampaignId,
    },
}

/// One input of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// Positions.
    Fixes(Batch<'a, Fix>),
    /// What became of pushes.
    Outcomes(Batch<'a, Outcome>),
    /// What devices are.
    Profiles(Batch<'a, Profile>),
    /// What devices found out about places.
    Hints(Batch<'a, PlaceHint>),
    /// Devices to be forgotten.
    Erasures(Batch<'a, Erasure>),
    /// Time has passed: timers due by `now` run.
    Tick {
        /// The daemon's clock.
        now: UtcMs,
    },
    /// From the next input on, this snapshot decides.
    Publication {
        /// Its number.
        epoch: Epoch,
        /// Its content hash.
        hash: SnapshotHash,
    },
    /// Pushes out of a limit.
    Grant(Grant),
    /// From the next input on, these numbers hold.
    Policy(&'a Policy),
}
