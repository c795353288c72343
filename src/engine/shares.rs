//! Who holds how many rows of a partition's table, so that no account fills it for the others.
//!
//! An account's fair share is the table divided by the accounts of the snapshot. Below it, an account may use any row
//! that is free. Beyond it, accounts share what is left of the table less a reserve; so whoever sends devices without
//! end meets refusals while there is still room for everybody else. All of it follows from the rows, the capacity and
//! the snapshot: none of it is written into the state.

use hashbrown::HashMap;

use crate::domain::ids::AccountId;

/// One part in so many of the table is kept for accounts below their fair share.
const RESERVE_SHARE: u32 = 8;

/// Rows by account.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    rows: HashMap<AccountId, u32, foldhash::fast::FixedState>,
    capacity: u32,
    /// The fair share of each.
    fair: u32,
    /// Rows of the accounts that have more than that.
    crowd: u32,
}

impl Shares {
    /// No rows yet; `seed` keys the table of accounts.
    pub(crate) fn new(capacity: u32, seed: u64) -> Self {
        let rows = HashMap::with_hasher(foldhash::fast::FixedState::with_seed(seed));
        Self { rows, capacity, fair: capacity, crowd: 0 }
    }

    /// Takes note of how much there is to share, and among how many accounts. Costs nothing while neither changes.
    pub(crate) fn divide(&mut self, capacity: u32, accounts: usize) {
        let among = u32::try_from(accounts).unwrap_or(u32::MAX).max(1);
        let fair = (capacity / among).max(1);
        self.capacity = capacity;
        if fair != self.fair {
            self.fair = fair;
            self.crowd = self.rows.values().filter(|&&its| its > fair).sum();
        }
    }

    /// Whether one more row of this account is one beyond its fair share.
    pub(crate) fn would_crowd(&self, account: AccountId) -> bool {
        self.of(account) >= self.fair
    }

    /// Whether the account has more than its fair share.
    pub(crate) fn crowds(&self, account: AccountId) -> bool {
        self.of(account) > self.fair
    }

    /// Whether a free row may go to this account.
    pub(crate) fn has_room_for(&self, account: AccountId) -> bool {
        if !self.would_crowd(account) {
            return true;
        }
        let joining = if self.crowds(account) { 0 } else { self.of(account) };
        // Alone, an account has the whole table for its fair share, and nobody to keep a reserve for.
        self.crowd + joining < self.capacity - self.capacity / RESERVE_SHARE
    }

    /// The account has one row more.
    pub(crate) fn add(&mut self, account: AccountId) {
        let its = self.rows.entry(account).or_insert(0);
        *its += 1;
        let its = *its;
        if its > self.fair {
            // The first one beyond the share brings all those before it along.
            self.crowd += if its == self.fair + 1 { its } else { 1 };
        }
    }

    /// The account has one row less; one without any is forgotten.
    pub(crate) fn remove(&mut self, account: AccountId) {
        let Some(its) = self.rows.get_mut(&account) else { return };
        if *its > self.fair {
            self.crowd -= if *its == self.fair + 1 { *its } else { 1 };
        }
        *its -= 1;
        if *its == 0 {
            self.rows.remove(&account);
        }
    }

    fn of(&self, account: AccountId) -> u32 {
        self.rows.get(&account).copied().unwrap_or(0)
    }
}
