//! Limits that span partitions: what is left of an account's month or a campaign's total, leased in pieces.
//!
//! One for the process, behind a lock that only a publication or an empty grant takes, never a ping. What it
//! leases becomes a journalled input of the partition; at start it is rebuilt from what partitions hold,
//! so that no crash lets a limit be exceeded.

use std::collections::BTreeMap;

use crate::domain::ids::PARTITIONS;
use crate::domain::input::{Grant, LimitId};
use crate::engine::grants::GrantState;

/// What is leased of each limit.
#[derive(Debug, Default)]
pub struct Ledger {
    leased: BTreeMap<LimitId, i64>,
}

/// A lease is so small a part of what is left that all partitions could have several.
const LEASES_A_PARTITION: i64 = 4;

impl Ledger {
    /// Notes what a partition already holds; call once for each at start.
    pub fn restore(&mut self, states: &[GrantState]) {
        for state in states {
            *self.leased.entry(state.limit).or_default() += state.granted;
        }
    }

    /// Leases a piece of what is left of `limit`, whose whole is `total`; `None` when nothing is.
    pub fn lease(&mut self, limit: LimitId, total: u64) -> Option<Grant> {
        let total = i64::try_from(total).unwrap_or(i64::MAX);
        let leased = self.leased.entry(limit).or_default();
        let left = total - *leased;
        if left <= 0 {
            return None;
        }
        let everyone = i64::try_from(PARTITIONS).expect("256") * LEASES_A_PARTITION;
        let pushes = (left / everyone).max(1);
        *leased += pushes;
        Some(Grant { limit, pushes })
    }

    /// Takes pushes back that a partition does not need.
    pub fn give_back(&mut self, limit: LimitId, pushes: i64) {
        if let Some(leased) = self.leased.get_mut(&limit) {
            *leased -= pushes;
        }
    }

    /// Pushes leased of a limit.
    #[must_use]
    pub fn leased(&self, limit: LimitId) -> i64 {
        self.leased.get(&limit).copied().unwrap_or(0)
    }
}
