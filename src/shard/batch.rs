//! One batch of a shard: what it will step, in order, as the journal takes it and as the engine takes it.
//!
//! The worker plans a batch from parcels, ticks, publications and grants; each step is looked at twice, once
//! to be appended and once to be stepped, and both must see the same input.

use std::ops::Range;

use crate::domain::ids::{Epoch, PartitionId, SnapshotHash};
use crate::domain::input::{Batch, Grant, Input};
use crate::domain::policy::Policy;
use crate::domain::submission::Records;
use crate::domain::units::UtcMs;

use super::mailbox::Parcel;

/// One input of one partition.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) partition: PartitionId,
    pub(super) what: What,
}

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Records of a parcel.
    Part { parcel: usize, records: Range<usize> },
    /// Timers are due.
    Tick { now: UtcMs },
    /// A snapshot takes over.
    Publication { epoch: Epoch, hash: SnapshotHash },
    /// A lease, or its return.
    Grant(Grant),
    /// The numbers change.
    Policy(Policy),
}

impl Step {
    /// The input, borrowed from the batch's parcels.
    pub(super) fn input<'a>(&'a self, parcels: &'a [Parcel]) -> Input<'a> {
        match &self.what {
            What::Part { parcel, records } => part(&parcels[*parcel], records.clone()),
            What::Tick { now } => Input::Tick { now: *now },
            What::Publication { epoch, hash } => Input::Publication { epoch: *epoch, hash: *hash },
            What::Grant(grant) => Input::Grant(*grant),
            What::Policy(policy) => Input::Policy(policy),
        }
    }
}

fn part(parcel: &Parcel, range: Range<usize>) -> Input<'_> {
    match &parcel.records {
        Records::Fixes(fixes) => Input::Fixes(batch(parcel, &fixes[range])),
        Records::Outcomes(outcomes) => Input::Outcomes(batch(parcel, &outcomes[range])),
        Records::Profiles(profiles) => Input::Profiles(batch(parcel, &profiles[range])),
        Records::Hints(hints) => Input::Hints(batch(parcel, &hints[range])),
        Records::Erasures(erasures) => Input::Erasures(batch(parcel, &erasures[range])),
    }
}

fn batch<'a, T>(parcel: &Parcel, records: &'a [T]) -> Batch<'a, T> {
    Batch {
        account: parcel.account,
        app: parcel.app,
        origin: parcel.origin,
        received_at: parcel.received_at,
        records,
    }
}
