//! Which grants a shard's partitions get and give back: planned here, journalled and stepped by the worker.
//!
//! A want comes from a partition that took its last push or was refused one, and is served with the next batch.
//! A review goes over all limits in force: it leases ahead, so that nobody's first push is refused; takes
//! back what a smaller limit no longer covers and what nobody used for a while, above all when another
//! partition waits; and closes the books of limits that are over.

use std::sync::PoisonError;

use crate::domain::ids::PartitionId;
use crate::domain::input::{Grant, LimitId};
use crate::domain::policy::ClockMode;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::engine::Partition;
use crate::engine::grants::GrantState;
use crate::snapshot::view::SnapshotView;

use super::ledger::Ledger;
use super::limits;
use super::worker::Worker;

/// Grants to journal with the next batch, before anything else that its partitions take.
pub(super) type Planned = Vec<(PartitionId, Grant)>;

impl Worker {
    /// Leases to partitions that took their last push or wanted one in vain.
    pub(super) fn lease_wanted(&mut self, view: Option<SnapshotView<'_>>) {
        if self.out.wants.is_empty() {
            return;
        }
        let Some(view) = view else { return };
        let now = self.leases_now();
        let mut ledger = self.parts.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        serve(self.out.wants.drain(..), (view, now), &mut ledger, &mut self.leases);
    }

    /// The clock that partitions stamp their grants with.
    fn leases_now(&self) -> UtcMs {
        match self.parts.policy.now().clock {
            ClockMode::System => self.parts.clock.now(),
            ClockMode::Fixes => newest_clock(&self.parts.partitions),
        }
    }

    /// Looks after limits: all of them after a publication and now and then, those that somebody waits for often.
    pub(super) fn review_leases(&mut self, view: Option<SnapshotView<'_>>) {
        let now_ns = self.parts.clock.monotonic_ns();
        let Some(view) = view.filter(|_| now_ns >= self.next_wait_ns) else { return };
        self.next_wait_ns = now_ns + WAITING_EVERY_NS;
        let now = self.leases_now();
        let review = Review { partitions: &self.parts.partitions, view, now };
        let mut ledger = self.parts.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ns >= self.next_review_ns {
            self.next_review_ns = now_ns + REVIEW_EVERY_NS;
            if !review.all(&mut ledger, &mut self.leases) {
                self.next_review_ns = 0;
            }
        } else {
            review.waiting(&mut ledger, &mut self.leases);
        }
    }
}

/// How often the limits that somebody waits for are looked at, and how often all of them.
const WAITING_EVERY_NS: u64 = 100_000_000;
const REVIEW_EVERY_NS: u64 = 10_000_000_000;

/// A shard's partitions and what a review of their grants looks at.
pub(super) struct Review<'a> {
    pub(super) partitions: &'a [Partition],
    pub(super) view: SnapshotView<'a>,
    pub(super) now: UtcMs,
}

/// Grants that a review plans for one batch, give or take those of one limit: about 150 kB of journal.
const GRANTS_A_REVIEW: usize = 4096;

/// A push that was neither got nor taken for so long may go to who waits: whoever asked for it has not come
/// back within the age of a fix that may push. Sooner, those who wait would take it from each other unused.
const IDLE_MS: i64 = 300_000;

/// Whoever wanted a push and has not asked again for so long is gone. What others hold has become idle by then.
const WAIT_MS: i64 = 2 * IDLE_MS;

/// The next month is leased so long before it begins, that its first push need not wait.
const MONTH_AHEAD_MS: i64 = 3_600_000;

/// A month is over for all of its account when nothing happened in it for two months.
const KEEP_MONTH_MS: i64 = 62 * DAY_MS;

/// A campaign that left the snapshot may be waiting and come back, with its count; after as many days as a
/// calendar spans it has ended.
const KEEP_CAMPAIGN_MS: i64 = 400 * DAY_MS;

/// Leases to partitions that took their last push or wanted one in vain.
pub(super) fn serve(
    wants: impl Iterator<Item = (PartitionId, LimitId)>,
    (view, now): (SnapshotView<'_>, UtcMs),
    ledger: &mut Ledger,
    planned: &mut Planned,
) {
    for (partition, limit) in wants {
        let Some(total) = limits::total_of(view, limit) else { continue };
        match ledger.lease(limit, total, partition) {
            Some(grant) => planned.push((partition, grant)),
            None => ledger.wait(limit, partition, now),
        }
    }
}

/// What time it is by the fixes: months are theirs, too.
pub(super) fn newest_clock(partitions: &[Partition]) -> UtcMs {
    partitions.iter().map(Partition::clock).max().unwrap_or(UtcMs::MIN)
}

impl Review<'_> {
    /// Goes over all limits in force, and closes those that are over. `false` when it stopped at what one batch
    /// may hold: what it has planned it passes over the next time, and comes to the rest.
    pub(super) fn all(&self, ledger: &mut Ledger, planned: &mut Planned) -> bool {
        let before = planned.len();
        for (limit, total) in limits::in_force(self.view, self.now, self.now + MONTH_AHEAD_MS) {
            let mut excess = ledger.excess(limit, total);
            if planned.len() - before >= GRANTS_A_REVIEW {
                return false;
            }
            for partition in self.partitions {
                if is_planned(&planned[..before], partition.id(), limit) {
                    continue;
                }
                let state = partition.grant(limit).filter(|state| state.left > 0);
                let Some(state) = state else {
                    let grant = ledger.lease_ahead(limit, total, partition.id());
                    planned.extend(grant.map(|grant| (partition.id(), grant)));
                    continue;
                };
                let too_much = excess.min(state.left);
                excess -= too_much;
                let pushes = if too_much == 0 && self.is_idle(state) {
                    state.left - ledger.piece(limit, total)
                } else {
                    too_much
                };
                take_back(partition.id(), limit, pushes, ledger, planned);
            }
        }
        self.close_what_is_over(before, ledger, planned);
        self.waiting(ledger, planned);
        true
    }

    /// Serves those who wait, or takes idle pushes back for them.
    pub(super) fn waiting(&self, ledger: &mut Ledger, planned: &mut Planned) {
        ledger.stop_waiting(self.now - WAIT_MS);
        for limit in ledger.waited_for() {
            let Some(total) = limits::total_of(self.view, limit) else {
                ledger.dismiss(limit);
                continue;
            };
            for partition in self.partitions {
                if ledger.waits(limit, partition.id()) {
                    let grant = ledger.lease(limit, total, partition.id());
                    planned.extend(grant.map(|grant| (partition.id(), grant)));
                }
            }
            let mut wanted = ledger.wanted(limit, total);
            for partition in self.partitions {
                let Some(state) = partition.grant(limit).filter(|state| self.is_idle(state)) else {
                    continue;
                };
                if wanted > 0 && !is_planned(planned, partition.id(), limit) {
                    let half = state.left - state.left / 2;
                    wanted -= half;
                    take_back(partition.id(), limit, half, ledger, planned);
                }
            }
        }
    }

    fn close_what_is_over(&self, before: usize, ledger: &mut Ledger, planned: &mut Planned) {
        for partition in self.partitions {
            for state in partition.grants() {
                if self.is_over(state)
                    && !is_planned(&planned[..before], partition.id(), state.limit)
                {
                    take_back(partition.id(), state.limit, state.granted, ledger, planned);
                }
            }
        }
    }

    fn is_idle(&self, state: &GrantState) -> bool {
        self.now.since(state.touched_at) > IDLE_MS
    }

    fn is_over(&self, state: &GrantState) -> bool {
        let untouched_ms = self.now.since(state.touched_at);
        match state.limit {
            LimitId::Month { account, month } => {
                let current = self.view.account(account).and_then(|one| one.local_month(self.now));
                untouched_ms > KEEP_MONTH_MS && current.is_none_or(|current| month < current)
            }
            LimitId::Campaign { account, campaign } => {
                untouched_ms > KEEP_CAMPAIGN_MS
                    && self.view.account(account).and_then(|one| one.campaign(campaign)).is_none()
            }
        }
    }
}

fn take_back(
    partition: PartitionId,
    limit: LimitId,
    pushes: i64,
    ledger: &mut Ledger,
    planned: &mut Planned,
) {
    if pushes > 0 {
        ledger.announce_return(limit, pushes);
        planned.push((partition, Grant { limit, pushes: -pushes }));
    }
}

/// What is planned for a partition has not changed its books yet: they are left alone until it has.
fn is_planned(planned: &[(PartitionId, Grant)], partition: PartitionId, limit: LimitId) -> bool {
    planned.iter().any(|(other, grant)| *other == partition && grant.limit == limit)
}
