//! Accounts that come, change and go in a snapshot that is there already. They are compiled from their specs; all
//! others are taken over as they are.
//!
//! The outcome is that of a build of everything.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::account::{Basis, Compiler};
use super::built::Built;
use super::compile::Source;
use super::error::BuildError;
use super::group::group;
use super::next::{After, Next};
use super::renew::carried;
use super::standing::{Outline, outline};
use crate::domain::ids::{AccountId, DeviceId};
use crate::domain::lots::InstallationKey;
use crate::snapshot::calendar::day_number;
use crate::snapshot::view::{AccountView, CampaignView, SnapshotView};

/// Accounts that are put in or taken out.
#[derive(Debug, Clone, Copy)]
pub struct AccountsEdit<'a> {
    /// Come, or in the place of those with the same ids: each with all that is its own.
    pub put: &'a Source,
    /// Go.
    pub remove: &'a [AccountId],
}

/// The content of `current` after an edit of some accounts, with all schedules compiled from `valid_from` on. Lists of
/// devices are hashed under the key, which must be that of `current`.
///
/// # Errors
/// The first thing that is wrong with the edit, with what is allowed; or what is too large.
pub fn edit_accounts(
    current: SnapshotView<'_>,
    edit: &AccountsEdit<'_>,
    key: &InstallationKey,
    valid_from: Date,
    after: After<'_>,
) -> Result<Built, BuildError> {
    after.check()?;
    if !current.made_for(key) {
        return Err(BuildError::OtherKey { epoch: current.epoch() });
    }
    let groups = group(edit.put)?;
    let mut changes: BTreeMap<AccountId, Change> =
        groups.iter().map(|group| (group.account.id, Change::Put)).collect();
    for &account in edit.remove {
        if current.account(account).is_none() {
            return Err(BuildError::NoSuchAccount { account, of: "what is removed".to_owned() });
        }
        if changes.insert(account, Change::Remove).is_some() {
            return Err(BuildError::AccountTwice { account });
        }
    }
    let mut compiler = Compiler::new(key, valid_from);
    let mut outlines: BTreeMap<AccountId, Outline> = BTreeMap::new();
    let mut lists_devices = edit.put.lists_devices();
    for account in current.accounts() {
        match changes.get(&account.id()) {
            Some(Change::Put) => {}
            Some(Change::Remove) => compiler.leaves(account),
            None => {
                lists_devices |= has_lists(account);
                let outline = if current.valid_from() == valid_from {
                    outline(account)
                } else {
                    carried(account, &mut compiler.zones, &mut compiler.made)?
                };
                outlines.insert(account.id(), outline);
            }
        }
    }
    for group in &groups {
        let id = group.account.id;
        outlines.insert(id, compiler.account(group, Basis::edited(current.account(id)))?);
    }
    let (geometry, made) = compiler.finish(&current.parts().geometry)?;
    let next = Next {
        valid_from_day: day_number(valid_from),
        key_check: lists_devices.then(|| key.member(DeviceId::NIL)),
        geometry,
        outlines: outlines.into_values().collect(),
        made,
    };
    next.built(Some(current), 0, after)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Put,
    Remove,
}

/// As [`Source::lists_devices`], of an account that was compiled before.
fn has_lists(account: AccountView<'_>) -> bool {
    let lists = |campaign: CampaignView<'_>| {
        campaign.audience_len().is_some() || !campaign.test_devices().is_empty()
    };
    account.has_blacklist() || account.campaigns().any(lists)
}
