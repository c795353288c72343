//! What a step leaves behind: decisions in order, and plain counters.
//!
//! The shard's worker owns one and hands it to every step; it takes the decisions out after each batch.

use crate::domain::decision::{Decision, Output};
use crate::domain::ids::{
    AccountId, AppId, CampaignId, DeviceKey, Epoch, InputPosition, PartitionId, SnapshotHash,
};
use crate::domain::input::LimitId;
use crate::domain::reasons::{RejectCounts, RejectReason, SuppressCounts, SuppressReason};
use crate::domain::tally::{Fact, Tally};
use crate::domain::units::UtcMs;

use super::footfalls::Footfalls;
use super::trace::{Fate, Trace};

/// Running totals of the engine. Both identities of the metrics stand in here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Fixes that changed or confirmed a device's state, late ones included.
    pub evaluated: u64,
    /// Of them, those that came after a newer fix of their device.
    pub late: u64,
    /// (fix, target) pairs with the fix inside.
    pub hits: u64,
    /// Stays begun.
    pub enters: u64,
    /// Stays ended.
    pub exits: u64,
    /// Dwell times come true.
    pub dwells: u64,
    /// Stays that became visits.
    pub visits: u64,
    /// Triggers opened.
    pub triggers: u64,
    /// Triggers that made a job.
    pub jobs: u64,
    /// Triggers closed without one, by reason.
    pub suppressed: SuppressCounts,
    /// Triggers open now.
    pub open: u64,
    /// Fixes refused by the engine, by reason.
    pub rejected: RejectCounts,
    /// Devices evicted to make room.
    pub evicted: u64,
    /// Devices that went because nothing had been heard of them for `state_days`.
    pub forgotten: u64,
}

impl Counts {
    /// Adds `other` to these.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.evaluated, other.evaluated),
            (&mut self.late, other.late),
            (&mut self.hits, other.hits),
            (&mut self.enters, other.enters),
            (&mut self.exits, other.exits),
            (&mut self.dwells, other.dwells),
            (&mut self.visits, other.visits),
            (&mut self.triggers, other.triggers),
            (&mut self.jobs, other.jobs),
            (&mut self.open, other.open),
            (&mut self.evicted, other.evicted),
            (&mut self.forgotten, other.forgotten),
        ];
        for (mine, theirs) in pairs {
            *mine += theirs;
        }
        self.suppressed.iter_mut().zip(other.suppressed).for_each(|(mine, theirs)| *mine += theirs);
        self.rejected.iter_mut().zip(other.rejected).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Whether `triggers = jobs + suppressed + open` holds.
    #[must_use]
    pub fn triggers_add_up(&self) -> bool {
        self.triggers == self.jobs + self.suppressed.iter().sum::<u64>() + self.open
    }
}

/// Decisions and counters of the steps so far.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// In the order they were made; taken out by the caller.
    pub decisions: Vec<Decision>,
    /// Limits of which a partition wanted a grant and had none.
    pub wants: Vec<(PartitionId, LimitId)>,
    /// Running totals.
    pub counts: Counts,
    /// What reports count; nothing unless [`Outputs::keeping_tallies`].
    pub tallies: Vec<Tally>,
    keeps_tallies: bool,
    /// What devices do at targets; nothing unless [`Outputs::counting_footfalls`].
    pub footfalls: Option<Box<Footfalls>>,
    /// What is looked at for `explain`; nothing in a daemon's own run.
    pub(crate) trace: Option<Box<Trace>>,
    stamp: Stamp,
}

/// What all outputs of an input share.
#[derive(Clone, Copy, Debug, Default)]
struct Stamp {
    position: InputPosition,
    epoch: Epoch,
    snapshot: SnapshotHash,
    next_ordinal: u32,
    /// Which record of the input is being taken.
    record: u32,
}

impl Outputs {
    /// Memory for so many decisions at once: within it, steps allocate nothing.
    #[must_use]
    pub fn with_capacity(decisions: usize) -> Self {
        let (decisions, wants) = (Vec::with_capacity(decisions), Vec::with_capacity(64));
        Self { decisions, wants, ..Self::default() }
    }

    /// With what reports count too, for a caller who takes it out.
    #[must_use]
    pub fn keeping_tallies(mut self) -> Self {
        self.tallies.reserve(self.decisions.capacity());
        self.keeps_tallies = true;
        self
    }

    /// With what devices do at targets, for a caller who empties it now and then.
    #[must_use]
    pub fn counting_footfalls(self) -> Self {
        Self { footfalls: Some(Box::default()), ..self }
    }

    /// With looks at one device and campaign, for a caller who takes them out.
    #[must_use]
    pub(crate) fn tracing(self, device: DeviceKey, campaign: CampaignId) -> Self {
        Self { trace: Some(Box::new(Trace::new(device, campaign))), ..self }
    }

    /// Notes what becomes of a trigger, if it is looked at.
    pub(crate) fn note_fate(
        &mut self,
        device: DeviceKey,
        campaign: CampaignId,
        note: impl FnOnce(&mut Fate),
    ) {
        if let Some(trace) = &mut self.trace {
            trace.note(device, campaign, note);
        }
    }

    /// From now on, outputs belong to this input and snapshot.
    pub(crate) fn begin(&mut self, position: InputPosition, epoch: Epoch, snapshot: SnapshotHash) {
        self.stamp = Stamp { position, epoch, snapshot, next_ordinal: 0, record: 0 };
    }

    /// From now on, outputs belong to the input's next record.
    pub(crate) fn next_record(&mut self) {
        self.stamp.record += 1;
    }

    pub(crate) fn emit(&mut self, output: Output) {
        let Stamp { position, epoch, snapshot, next_ordinal: ordinal, record } = self.stamp;
        self.stamp.next_ordinal += 1;
        self.decisions.push(Decision { position, ordinal, record, epoch, snapshot, output });
    }

    pub(crate) fn want(&mut self, limit: LimitId) {
        let want = (self.stamp.position.partition, limit);
        if !self.wants.contains(&want) {
            self.wants.push(want);
        }
    }

    pub(crate) fn reject(&mut self, reason: RejectReason) {
        self.counts.rejected[usize::from(reason.number())] += 1;
    }

    /// Counts a trigger that closed without a job for the campaign's report.
    pub(crate) fn withhold(
        &mut self,
        (account, campaign): (AccountId, CampaignId),
        reason: SuppressReason,
        at: UtcMs,
    ) {
        self.tally(Fact::Withheld { account, campaign, reason, at });
    }

    /// Counts a device among those seen, if its last fix was of another day or app.
    pub(crate) fn see(
        &mut self,
        device: DeviceKey,
        (app, at): (AppId, UtcMs),
        before: Option<(AppId, UtcMs)>,
    ) {
        let is_news =
            || before.is_none_or(|(other, then)| other != app || then.utc_day() != at.utc_day());
        if self.keeps_tallies && is_news() {
            self.tally(Fact::Seen { device, app, at });
        }
    }

    fn tally(&mut self, fact: Fact) {
        if self.keeps_tallies {
            self.tallies.push(Tally { position: self.stamp.position, fact });
        }
    }

    pub(crate) fn suppress(&mut self, reason: SuppressReason) {
        self.counts.suppressed[usize::from(reason.number())] += 1;
        self.counts.open -= 1;
    }
}
