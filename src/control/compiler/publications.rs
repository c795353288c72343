//! Which accounts the next snapshot has to follow, and in which epoch it will be in force.
//!
//! A change is told its epoch when it is made: the one after the build that is under way, if one is. A build that
//! fails uses its number up, so that nobody waits for an epoch that an older build is given later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::ids::{AccountId, CampaignId, Epoch};

/// What waits to be compiled, and what came of it before. One per daemon, shared.
#[derive(Debug, Default)]
pub struct Publications {
    state: Mutex<State>,
    /// Told when something becomes due.
    due: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Accounts that were changed since they were last taken.
    accounts: BTreeSet<AccountId>,
    /// The epoch of the next build.
    next: u64,
    /// Why, and the first epoch without them.
    failures: BTreeMap<AccountId, (Epoch, Failure)>,
}

/// Accounts to be compiled together, and the number of the epoch that has them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// Which.
    pub accounts: BTreeSet<AccountId>,
    /// Its number.
    pub epoch: Epoch,
}

/// Why an account's changes are not in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The campaign at fault, if it is one.
    pub campaign: Option<CampaignId>,
    /// What is wrong, and what to change.
    pub reason: String,
}

impl Publications {
    /// With this number for the first build.
    #[must_use]
    pub fn from(next: Epoch) -> Self {
        let state = State { next: next.0, ..State::default() };
        Self { state: Mutex::new(state), due: Condvar::new() }
    }

    /// An account was changed. Gives the epoch in which that is in force.
    pub fn changed(&self, account: AccountId) -> Epoch {
        let mut state = self.state();
        state.accounts.insert(account);
        let epoch = Epoch(state.next);
        drop(state);
        self.due.notify_one();
        epoch
    }

    /// The epoch in which everything that was changed so far is in force; that of the last build where nothing is
    /// due.
    #[must_use]
    pub fn settled_in(&self) -> Epoch {
        let state = self.state();
        Epoch(if state.accounts.is_empty() { state.next.saturating_sub(1) } else { state.next })
    }

    /// Waits until something is due, then a little longer for what follows closely, and takes it. `None` after
    /// `patience` without anything.
    pub fn take(&self, patience: Duration, gather: Duration) -> Option<Due> {
        let nothing = |state: &mut State| state.accounts.is_empty();
        let (state, waited) = self
            .due
            .wait_timeout_while(self.state(), patience, nothing)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        if waited.timed_out() {
            return None;
        }
        std::thread::sleep(gather);
        let mut state = self.state();
        let accounts = std::mem::take(&mut state.accounts);
        let epoch = Epoch(state.next);
        state.next += 1;
        Some(Due { accounts, epoch })
    }

    /// Lets later epochs be numbered after one that somebody else has published.
    pub fn skip_past(&self, published: Epoch) {
        let mut state = self.state();
        state.next = state.next.max(published.0 + 1);
    }

    /// Notes what came of an account's build for an epoch.
    pub fn note(&self, account: AccountId, epoch: Epoch, outcome: Result<(), Failure>) {
        let mut state = self.state();
        let Err(failure) = outcome else { return drop(state.failures.remove(&account)) };
        let first = state.failures.get(&account).map_or(epoch, |(first, _)| *first);
        state.failures.insert(account, (first, failure));
    }

    /// Why changes of an account that were told this epoch are not in force.
    #[must_use]
    pub fn failure(&self, account: AccountId, told: Epoch) -> Option<Failure> {
        let state = self.state();
        let failed = state.failures.get(&account).filter(|(first, _)| *first <= told);
        failed.map(|(_, failure)| failure.clone())
    }

    /// Accounts whose last changes are not in force.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.state().failures.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
