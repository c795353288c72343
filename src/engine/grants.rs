//! What a partition may still push out of limits that span partitions.
//!
//! Grants come as inputs; a push takes one. The ledger that leases them lives with the shards.

use crate::domain::input::{Grant, LimitId};
use crate::domain::units::UtcMs;

/// One limit's account in this partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrantState {
    /// Which limit.
    pub limit: LimitId,
    /// Leased to this partition so far, less what it gave back.
    pub granted: i64,
    /// Of that, not pushed yet.
    pub left: i64,
    /// What the partition's clock said when it last got or took a push.
    pub touched_at: UtcMs,
}

/// All limits a partition holds grants of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    /// Ascending by limit.
    states: Vec<GrantState>,
}

impl Grants {
    /// Takes a lease, or gives pushes back when it is negative. An account that comes to nothing is closed:
    /// giving back all that was ever granted forgets the limit.
    pub(crate) fn lease(&mut self, Grant { limit, pushes }: Grant, clock: UtcMs) {
        match self.states.binary_search_by_key(&limit, |state| state.limit) {
            Ok(at) => {
                let state = &mut self.states[at];
                state.granted = state.granted.saturating_add(pushes);
                state.left = state.left.saturating_add(pushes);
                if pushes > 0 {
                    state.touched_at = clock;
                }
                if state.granted <= 0 {
                    self.states.remove(at);
                }
            }
            Err(at) if pushes > 0 => {
                let state = GrantState { limit, granted: pushes, left: pushes, touched_at: clock };
                self.states.insert(at, state);
            }
            Err(_) => debug_assert!(false, "only what was granted is given back"),
        }
    }

    /// Whether a push is left.
    pub(crate) fn has(&self, limit: LimitId) -> bool {
        self.get(limit).is_some_and(|state| state.left > 0)
    }

    /// Takes one push and says how many are left then.
    pub(crate) fn take(&mut self, limit: LimitId, clock: UtcMs) -> i64 {
        let Ok(at) = self.states.binary_search_by_key(&limit, |state| state.limit) else {
            return 0;
        };
        let state = &mut self.states[at];
        debug_assert!(state.left > 0, "the gate looked");
        state.left -= 1;
        state.touched_at = clock;
        state.left
    }

    /// One limit's account.
    pub(crate) fn get(&self, limit: LimitId) -> Option<&GrantState> {
        let found = self.states.binary_search_by_key(&limit, |state| state.limit);
        found.ok().map(|at| &self.states[at])
    }

    /// Every limit's account, ascending by limit.
    pub(crate) fn states(&self) -> &[GrantState] {
        &self.states
    }

    /// Restores one account; call in ascending order.
    pub(crate) fn restore(&mut self, state: GrantState) {
        self.states.push(state);
    }
}
