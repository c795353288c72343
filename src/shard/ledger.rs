//! Limits that span partitions: what is left of an account's month or a campaign's total, leased in pieces.
//!
//! One for the process, behind a lock that only a review of [`leases`](super::leases) or a used-up grant takes,
//! never a ping. What it leases and gets back become journalled inputs of the partitions; at start it is
//! rebuilt from what partitions hold, so that no crash lets a limit be exceeded.

use std::collections::BTreeMap;

use crate::domain::ids::{PARTITIONS, PartitionId};
use crate::domain::input::{Grant, LimitId};
use crate::domain::units::UtcMs;
use crate::engine::grants::GrantState;

/// What is leased of each limit.
#[derive(Debug, Default)]
pub struct Ledger {
    limits: BTreeMap<LimitId, Lent>,
}

/// One limit's books.
#[derive(Debug, Default)]
struct Lent {
    /// Leased, and not back yet.
    leased: i64,
    /// Of that, on its way back: it can be leased again when its return is synced, so that no crash finds it
    /// in two places.
    returning: i64,
    /// Partitions that wanted a push when all was leased, and when they last did.
    waiting: BTreeMap<PartitionId, UtcMs>,
}

/// As many as there are partitions.
const EVERYONE: i64 = 256;
const _: () = assert!(PARTITIONS == 256, "everyone is a partition");

/// A lease is so small a part of what is left that all partitions could have several.
const LEASES_A_PARTITION: i64 = 4;

impl Ledger {
    /// Notes what a partition already holds; call once for each at start.
    pub fn restore(&mut self, states: &[GrantState]) {
        for state in states {
            self.limits.entry(state.limit).or_default().leased += state.granted;
        }
    }

    /// Leases a piece of what is left of `limit`, whose whole is `total`; `None` when nothing is.
    pub fn lease(&mut self, limit: LimitId, total: u64, partition: PartitionId) -> Option<Grant> {
        let lent = self.limits.entry(limit).or_default();
        let left = left(lent, total);
        if left <= 0 {
            return None;
        }
        lent.waiting.remove(&partition);
        let pushes = piece(left);
        lent.leased += pushes;
        Some(Grant { limit, pushes })
    }

    /// A partition got nothing at `now`: it waits for what comes back.
    pub fn wait(&mut self, limit: LimitId, partition: PartitionId, now: UtcMs) {
        self.limits.entry(limit).or_default().waiting.insert(partition, now);
    }

    /// Who has not asked again since `before` waits no longer.
    pub fn stop_waiting(&mut self, before: UtcMs) {
        for lent in self.limits.values_mut() {
            lent.waiting.retain(|_, asked_at| *asked_at >= before);
        }
        self.limits.retain(|_, lent| !lent.is_empty());
    }

    /// Leases a piece to a partition that has not asked yet, while there is one for everyone.
    pub fn lease_ahead(&mut self, limit: LimitId, total: u64, to: PartitionId) -> Option<Grant> {
        let lent = self.limits.entry(limit).or_default();
        let is_plenty = left(lent, total) >= EVERYONE && lent.waiting.is_empty();
        if is_plenty { self.lease(limit, total, to) } else { None }
    }

    /// How large a lease is now.
    #[must_use]
    pub fn piece(&self, limit: LimitId, total: u64) -> i64 {
        self.limits.get(&limit).map_or(1, |lent| piece(left(lent, total)))
    }

    /// How many pushes have to come back because the limit has become smaller than what is leased.
    #[must_use]
    pub fn excess(&self, limit: LimitId, total: u64) -> i64 {
        self.limits.get(&limit).map_or(0, |lent| -left(lent, total) - lent.returning).max(0)
    }

    /// How many pushes have to come back for those who wait.
    #[must_use]
    pub fn wanted(&self, limit: LimitId, total: u64) -> i64 {
        self.limits.get(&limit).map_or(0, |lent| {
            let waiting = i64::try_from(lent.waiting.len()).unwrap_or(EVERYONE);
            waiting - left(lent, total) - lent.returning
        })
    }

    /// The limits that somebody waits for.
    #[must_use]
    pub fn waited_for(&self) -> Vec<LimitId> {
        let waited = self.limits.iter().filter(|(_, lent)| !lent.waiting.is_empty());
        waited.map(|(limit, _)| *limit).collect()
    }

    /// Whether a partition waits for a push.
    #[must_use]
    pub fn waits(&self, limit: LimitId, partition: PartitionId) -> bool {
        self.limits.get(&limit).is_some_and(|lent| lent.waiting.contains_key(&partition))
    }

    /// Nobody waits for a limit that is no more.
    pub fn dismiss(&mut self, limit: LimitId) {
        if let Some(lent) = self.limits.get_mut(&limit) {
            lent.waiting.clear();
        }
        self.forget_if_empty(limit);
    }

    /// Pushes are about to be given back.
    pub fn announce_return(&mut self, limit: LimitId, pushes: i64) {
        self.limits.entry(limit).or_default().returning += pushes;
    }

    /// Takes announced pushes back; their return is synced.
    pub fn give_back(&mut self, limit: LimitId, pushes: i64) {
        if let Some(lent) = self.limits.get_mut(&limit) {
            lent.leased -= pushes;
            lent.returning -= pushes;
        }
        self.forget_if_empty(limit);
    }

    /// Pushes leased of a limit.
    #[must_use]
    pub fn leased(&self, limit: LimitId) -> i64 {
        self.limits.get(&limit).map_or(0, |lent| lent.leased)
    }

    /// How many limits it keeps books of.
    #[must_use]
    pub fn limits(&self) -> usize {
        self.limits.len()
    }

    fn forget_if_empty(&mut self, limit: LimitId) {
        if self.limits.get(&limit).is_some_and(Lent::is_empty) {
            self.limits.remove(&limit);
        }
    }
}

impl Lent {
    fn is_empty(&self) -> bool {
        self.leased == 0 && self.returning == 0 && self.waiting.is_empty()
    }
}

fn left(lent: &Lent, total: u64) -> i64 {
    i64::try_from(total).unwrap_or(i64::MAX).saturating_sub(lent.leased)
}

fn piece(left: i64) -> i64 {
    (left / (EVERYONE * LEASES_A_PARTITION)).max(1)
}
