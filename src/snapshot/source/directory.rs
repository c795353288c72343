//! Target ids by key: what the snapshot before has dealt, and dealing new ones.
//!
//! A fence keeps its id over all edits as long as its key stays, so that a device inside it stays inside.
//! An id is dealt once and never again, not even after its fence is gone.

use std::collections::HashMap;

use crate::domain::ids::{AccountId, TargetId};
use crate::snapshot::build::Dealt;
use crate::snapshot::view::SnapshotView;

/// The ids of a snapshot, to be carried over.
#[derive(Debug, Default)]
pub struct TargetDirectory<'s> {
    accounts: HashMap<AccountId, Ids<'s>>,
}

#[derive(Debug)]
struct Ids<'s> {
    by_key: HashMap<&'s str, TargetId>,
    next: u32,
}

impl Default for Ids<'_> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), next: 1 }
    }
}

/// An account that has used up its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("account {account} has used up its {} target ids; start a new snapshot directory", u32::MAX - 1)]
pub struct IdsUsedUp {
    /// The account.
    pub account: AccountId,
}

impl<'s> TargetDirectory<'s> {
    /// The ids dealt up to a snapshot; of none where there is no snapshot yet.
    #[must_use]
    pub fn of(previous: Option<SnapshotView<'s>>) -> Self {
        let mut accounts: HashMap<AccountId, Ids<'s>> = HashMap::new();
        let Some(view) = previous else { return Self { accounts } };
        for account in view.parts().standing.get().accounts.iter() {
            let id = AccountId(account.id.to_native());
            let by_key = view.account(id).map(|one| one.all_keys().collect()).unwrap_or_default();
            let next = account.next_target_id.to_native().max(1);
            accounts.insert(id, Ids { by_key, next });
        }
        Self { accounts }
    }

    /// The ids of one account alone.
    #[must_use]
    pub fn of_account(previous: Option<SnapshotView<'s>>, account: AccountId) -> Self {
        let mut accounts = HashMap::new();
        if let Some(view) = previous {
            let standing = &view.parts().standing.get().accounts;
            let next = standing.iter().find(|one| one.id.to_native() == account.0);
            let next = next.map_or(1, |one| one.next_target_id.to_native().max(1));
            let by_key = view.account(account).map(|one| one.all_keys().collect());
            accounts.insert(account, Ids { by_key: by_key.unwrap_or_default(), next });
        }
        Self { accounts }
    }

    /// Those that were dealt after that snapshot are not dealt again.
    #[must_use]
    pub fn beyond(mut self, dealt: &Dealt) -> Self {
        for (account, next) in dealt {
            let ids = self.accounts.entry(*account).or_default();
            ids.next = ids.next.max(*next);
        }
        self
    }

    /// The id that the key has, or a new one.
    ///
    /// # Errors
    /// When there is no new one.
    pub fn id_of(&mut self, account: AccountId, key: &str) -> Result<TargetId, IdsUsedUp> {
        let ids = self.accounts.entry(account).or_default();
        if let Some(id) = ids.by_key.get(key) {
            return Ok(*id);
        }
        if ids.next == TargetId::NATIONWIDE.0 {
            return Err(IdsUsedUp { account });
        }
        let id = TargetId(ids.next);
        ids.next += 1;
        Ok(id)
    }
}
