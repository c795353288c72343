//! What of a batch comes from timers and parcels.
//!
//! The worker calls these while it plans a batch; what they add to its steps is journalled and stepped next.

use crate::domain::policy::ClockMode;
use crate::domain::reasons::RejectReason;
use crate::snapshot::view::SnapshotView;

use super::batch::{Step, What};
use super::worker::Worker;

/// Ticks that come so late come in parts. After a time without room dwells of many devices may be due at once: between the
/// parts the shard looks whether there is room for what they cause.
const LATE_NS: u64 = 1_000_000_000;

/// Batches that they are spread over.
const PARTS: usize = 16;

/// When partitions have ticks.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    /// When the next round of them begins.
    next_ns: u64,
    /// The place of the partition that the round under way goes on with; 0 when none is.
    from: usize,
    /// Partitions that have theirs in one batch.
    at_once: usize,
}

impl Ticks {
    /// Whether some partitions have had theirs and others have not.
    pub(super) fn are_under_way(&self) -> bool {
        self.from > 0
    }
}

impl Worker {
    /// Plans a tick for each partition for which one has something to do.
    ///
    /// Without a snapshot nothing is due: a tick would find every target gone and end the stays. The view is of
    /// the epoch that every partition has by now, for its publication is planned before.
    pub(super) fn plan_ticks(&mut self, view: Option<SnapshotView<'_>>) {
        let is_decided = view.is_some_and(|view| view.epoch() == self.epoch);
        let clock = &self.parts.clock;
        let now_ns = clock.monotonic_ns();
        let is_system = self.policy.is_some_and(|policy| policy.clock == ClockMode::System);
        if !(is_decided && is_system && clock.stepped().is_none()) {
            self.ticks.from = 0;
            return;
        }
        let begins = !self.ticks.are_under_way();
        if begins && now_ns < self.ticks.next_ns {
            return;
        }
        let partitions = &self.parts.partitions;
        if begins {
            let is_late = now_ns > self.ticks.next_ns.saturating_add(LATE_NS);
            let parts = if is_late { PARTS } else { 1 };
            self.ticks.at_once = partitions.len().div_ceil(parts);
            self.ticks.next_ns = now_ns + u64::from(self.parts.config.tick_ms) * 1_000_000;
        }
        let now = clock.now();
        let mut planned = 0;
        let mut places = partitions.iter().enumerate().skip(self.ticks.from);
        self.ticks.from = loop {
            let Some((place, partition)) = places.next() else { break 0 };
            if planned == self.ticks.at_once {
                break place;
            }
            if partition.has_work_at(now) {
                planned += 1;
                self.steps.push(Step { partition: partition.id(), what: What::Tick { now } });
            }
        };
    }

    /// Plans every part that is new; what was applied before is counted and left out.
    ///
    /// Before the first snapshot nothing can be decided: records are refused without a trace, so that they are
    /// new when they are sent again.
    pub(super) fn plan_parcels(&mut self, ready: bool) {
        for (number, (parcel, ticket)) in self.parcels.iter().zip(&self.tickets).enumerate() {
            let mut start = 0;
            for (partition, count) in &parcel.parts {
                let records = start..start + *count as usize;
                start = records.end;
                let Some(place) = self.slots[partition.index()] else {
                    ticket.count(RejectReason::PartitionNotOwned, *count);
                    continue;
                };
                if !ready {
                    ticket.count(RejectReason::Unavailable, *count);
                    continue;
                }
                let partition_state = &mut self.parts.partitions[place];
                if parcel.origin.is_none_or(|origin| partition_state.admit(&origin)) {
                    let what = What::Part { parcel: number, records };
                    self.steps.push(Step { partition: *partition, what });
                } else {
                    ticket.count(RejectReason::Resent, *count);
                    self.sample.resent += u64::from(*count);
                }
            }
        }
    }
}
