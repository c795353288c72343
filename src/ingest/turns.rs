//! Turns of HTTP requests: so many for all, and a share of them for each account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;

use crate::domain::ids::AccountId;

/// How many requests are under way, and whose.
pub(super) struct Turns {
    most: u32,
    most_of_account: u32,
    taken: Arc<Mutex<Taken>>,
}

/// Accounts without a turn have no entry, so there are at most as many as there are turns.
#[derive(Default)]
struct Taken {
    all: u32,
    by_account: HashMap<AccountId, u32>,
}

impl Turns {
    /// `most` at a time, `most_of_account` of them for one account.
    pub(super) fn new(most: u32, most_of_account: u32) -> Self {
        Self { most, most_of_account, taken: Arc::default() }
    }

    /// A turn for a request of this account; given back when it is dropped.
    pub(super) fn take(&self, account: AccountId) -> Result<Turn, Crowd> {
        let mut taken = lock(&self.taken);
        let its = taken.by_account.get(&account).copied().unwrap_or(0);
        if its >= self.most_of_account {
            return Err(Crowd::Account(self.most_of_account));
        }
        if taken.all >= self.most {
            return Err(Crowd::All(self.most));
        }
        taken.all += 1;
        taken.by_account.insert(account, its + 1);
        Ok(Turn { account, taken: Arc::clone(&self.taken) })
    }
}

/// The counts are whole whatever happened to whoever held the lock: each change is two assignments.
fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right of one request to be read and answered.
pub(super) struct Turn {
    account: AccountId,
    taken: Arc<Mutex<Taken>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        let its = taken.by_account.get(&self.account).copied().unwrap_or(0);
        if its > 1 {
            taken.by_account.insert(self.account, its - 1);
        } else {
            taken.by_account.remove(&self.account);
        }
    }
}

/// Why there is no turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Crowd {
    /// All are taken.
    #[error("{0} requests are under way; use QUIC for streams")]
    All(u32),
    /// The account has its share.
    #[error("{0} requests of the account are under way; use QUIC for streams")]
    Account(u32),
}
