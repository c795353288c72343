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

    /// Keeps them as the last ones; of the others those that were compiled longest ago are let go for them. What has no
    /// room by itself is not kept.
    pub fn put(&mut self, records: Records) {
        let Some(mut room) = self.most.checked_sub(records.weight()) else { return };
        let fits = |records: &&Records| {
            room.checked_sub(records.weight()).inspect(|left| room = *left).is_some()
        };
        let fitting = self.accounts.iter().rev().take_while(fits).count();
        self.accounts.drain(..self.accounts.len() - fitting);
        self.accounts.push(records);
    }
}
