//! Specs sorted by account and id, with what must be unique found to be so.

use std::collections::{BTreeMap, HashSet};

use super::compile::{BuildError, Source};
use crate::domain::campaign::{AccountSpec, CampaignSpec};
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::target::TargetSpec;

/// One account with its own.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) account: &'a AccountSpec,
    /// In ascending order of id.
    pub(super) targets: Vec<&'a TargetSpec>,
    /// In ascending order of id.
    pub(super) campaigns: Vec<&'a CampaignSpec>,
}

impl<'a> Group<'a> {
    /// Whether the account has this target.
    pub(super) fn knows(&self, id: TargetId) -> bool {
        id == TargetId::NATIONWIDE || self.row(id).is_some()
    }

    /// A target; none for the one that contains every fix.
    pub(super) fn target(&self, id: TargetId) -> Option<&'a TargetSpec> {
        self.targets.get(self.row(id)?).copied()
    }

    /// Where a target is among `targets`.
    pub(super) fn row(&self, id: TargetId) -> Option<usize> {
        self.targets.binary_search_by_key(&id, |target| target.id).ok()
    }
}

/// Sorts all specs.
///
/// # Errors
/// What is there twice, or belongs to no account.
pub(super) fn group(source: &Source) -> Result<Vec<Group<'_>>, BuildError> {
    let mut groups: BTreeMap<AccountId, Group<'_>> = BTreeMap::new();
    for account in &source.accounts {
        let group = Group { account, targets: Vec::new(), campaigns: Vec::new() };
        if groups.insert(account.id, group).is_some() {
            return Err(BuildError::AccountTwice { account: account.id });
        }
    }
    for target in &source.targets {
        let orphan = BuildError::NoSuchAccount {
            account: target.account,
            of: format!("target {}", target.id),
        };
        groups.get_mut(&target.account).ok_or(orphan)?.targets.push(target);
    }
    for campaign in &source.campaigns {
        let orphan = BuildError::NoSuchAccount {
            account: campaign.account,
            of: format!("campaign {}", campaign.id),
        };
        groups.get_mut(&campaign.account).ok_or(orphan)?.campaigns.push(campaign);
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.iter_mut().try_for_each(sort)?;
    Ok(groups)
}

fn sort(group: &mut Group<'_>) -> Result<(), BuildError> {
    let account = group.account.id;
    group.targets.sort_by_key(|target| target.id);
    group.campaigns.sort_by_key(|campaign| campaign.id);
    if let Some(twice) = group.targets.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(BuildError::TargetTwice { account, target: twice[0].id });
    }
    if let Some(twice) = group.campaigns.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(BuildError::CampaignTwice { account, campaign: twice[0].id });
    }
    if let Some(last) = group.targets.last().filter(|last| last.id == TargetId::NATIONWIDE) {
        return Err(BuildError::ReservedTarget { account, key: last.key.clone() });
    }
    let mut keys = HashSet::with_capacity(group.targets.len());
    match group.targets.iter().find(|target| !keys.insert(target.key.as_str())) {
        Some(twice) => Err(BuildError::KeyTwice { account, key: twice.key.clone() }),
        None => Ok(()),
    }
}
