//! What was read of accounts is kept until the next compile, for the accounts that were compiled last.

use super::records::Records;
use crate::domain::ids::AccountId;

/// Records of accounts, up to a number in all.
#[derive(Debug)]
pub struct Kept {
    most: usize,
    /// The account compiled last stands last.
    accounts: Vec<Records>,
}

impl Kept {
    /// With room for so many records.
    #[must_use]
    pub fn up_to(most: usize) -> Self {
        Self { most, accounts: Vec::new() }
    }

    /// What is kept of an account; nothing of one that is new here.
    pub fn take(&mut self, account: AccountId) -> Records {
        match self.accounts.iter().position(|records| records.account() == account) {
            Some(at) => self.accounts.remove(at),
            None => Records::of(account),
        }
    }

    /// Keeps them as the last ones; those for which there is no room besides are let go.
    pub fn put(&mut self, records: Records) {
        self.accounts.push(records);
        let mut room = self.most;
        let fits = |records: &&Records| {
            room.checked_sub(records.len()).inspect(|left| room = *left).is_some()
        };
        let fitting = self.accounts.iter().rev().take_while(fits).count();
        self.accounts.drain(..self.accounts.len() - fitting);
    }
}
