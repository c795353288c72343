//! Turns of what takes room or time: so many for all accounts, and a share of them for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ids::AccountId;

/// How many are taken, and whose.
#[derive(Debug)]
pub struct Turns {
    most: u32,
    most_of_account: u32,
    taken: Arc<Mutex<Taken>>,
}

/// Accounts without a turn have no entry, so there are at most as many as there are turns.
#[derive(Debug, Default)]
struct Taken {
    all: u32,
    by_account: HashMap<AccountId, u32>,
}

impl Turns {
    /// `most` at a time, `most_of_account` of them for one account.
    #[must_use]
    pub fn new(most: u32, most_of_account: u32) -> Self {
        Self { most, most_of_account, taken: Arc::default() }
    }

    /// A turn of this account; given back when it is dropped.
    ///
    /// # Errors
    /// [`Crowd`]
    pub fn take(&self, account: AccountId) -> Result<Turn, Crowd> {
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

/// The right to one of them.
#[derive(Debug)]
pub struct Turn {
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crowd {
    /// All are taken, so many.
    All(u32),
    /// The account has its share, so many.
    Account(u32),
}
