//! What a partition may still push out of limits that span partitions.
//!
//! Grants come as inputs; a push takes one. The ledger that leases them lives with the shards.

use crate::domain::input::{Grant, LimitId};

/// One limit's account in this partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrantState {
    /// Which limit.
    pub limit: LimitId,
    /// Leased to this partition so far, less what it gave back.
    pub granted: i64,
    /// Of that, not pushed yet.
    pub left: i64,
}

/// All limits a partition holds grants of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    /// Ascending by limit.
    states: Vec<GrantState>,
}

impl Grants {
    /// Takes a lease, or gives pushes back when it is negative.
    pub(crate) fn lease(&mut self, grant: Grant) {
        match self.states.binary_search_by_key(&grant.limit, |state| state.limit) {
            Ok(at) => {
                let state = &mut self.states[at];
                state.granted = state.granted.saturating_add(grant.pushes);
                state.left = state.left.saturating_add(grant.pushes);
            }
            Err(at) => {
                let state =
                    GrantState { limit: grant.limit, granted: grant.pushes, left: grant.pushes };
                self.states.insert(at, state);
            }
        }
    }

    /// Whether a push is left.
    pub(crate) fn has(&self, limit: LimitId) -> bool {
        self.find(limit).is_some_and(|at| self.states[at].left > 0)
    }

    /// Takes one push.
    pub(crate) fn take(&mut self, limit: LimitId) {
        if let Some(at) = self.find(limit) {
            debug_assert!(self.states[at].left > 0, "the gate looked");
            self.states[at].left -= 1;
        }
    }

    /// Every limit's account, ascending by limit.
    pub(crate) fn states(&self) -> &[GrantState] {
        &self.states
    }

    /// Restores one account; call in ascending order.
    pub(crate) fn restore(&mut self, state: GrantState) {
        self.states.push(state);
    }

    fn find(&self, limit: LimitId) -> Option<usize> {
        self.states.binary_search_by_key(&limit, |state| state.limit).ok()
    }
}
