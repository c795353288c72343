//! Specs sorted by account and id, whose numbers are found to be unique.

use std::collections::BTreeMap;

use super::compile::Source;
use super::error::BuildError;
use crate::domain::campaign::{AccountSpec, CampaignSpec};
use crate::domain::ids::{AccountId, TargetId};
use crate::domain::target::TargetSpec;

/// One account with its own.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) account: &'a AccountSpec,
    /// In ascending order of id.
    pub(super) targets: Vec<&'a TargetSpec>,
    /// Their ids once more, side by side: a search among a million specs would miss the cache at every step.
    ids: Vec<TargetId>,
    /// In ascending order of id.
    pub(super) campaigns: Vec<&'a CampaignSpec>,
}

impl<'a> Group<'a> {
    fn of(account: &'a AccountSpec) -> Self {
        Self { account, targets: Vec::new(), ids: Vec::new(), campaigns: Vec::new() }
    }

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
        // Most often no id is missing, and then the place follows from the first.
        let dense = id.0.checked_sub(self.ids.first()?.0)? as usize;
        if self.ids.get(dense) == Some(&id) {
            return Some(dense);
        }
        self.ids.binary_search(&id).ok()
    }

    /// The targets that are not among these, which ascend.
    pub(super) fn others(
        &self,
        ids: impl Iterator<Item = TargetId>,
    ) -> impl Iterator<Item = &'a TargetSpec> {
        let mut ids = ids.peekable();
        let is_other = move |(id, _): &(&TargetId, &&'a TargetSpec)| {
            while ids.next_if(|one| one < *id).is_some() {}
            ids.next_if_eq(*id).is_none()
        };
        self.ids.iter().zip(&self.targets).filter(is_other).map(|(_, target)| *target)
    }

    /// How many targets have an id below this one.
    pub(super) fn below(&self, id: TargetId) -> usize {
        self.ids.partition_point(|one| *one < id)
    }

    /// One more than every id in use.
    pub(super) fn next_target_id(&self) -> u32 {
        self.ids.last().map_or(1, |last| last.0 + 1)
    }
}

/// Sorts all specs.
///
/// # Errors
/// What is there twice but for keys, or belongs to no account.
pub(super) fn group(source: &Source) -> Result<Vec<Group<'_>>, BuildError> {
    let mut groups: BTreeMap<AccountId, Group<'_>> = BTreeMap::new();
    for account in &source.accounts {
        if groups.insert(account.id, Group::of(account)).is_some() {
            return Err(BuildError::AccountTwice { account: account.id });
        }
    }
    for targets in source.targets.chunk_by(|one, next| one.account == next.account) {
        let Some(first) = targets.first() else { continue };
        let orphan = || BuildError::NoSuchAccount {
            account: first.account,
            of: format!("target {:?}", first.key),
        };
        groups.get_mut(&first.account).ok_or_else(orphan)?.targets.extend(targets);
    }
    for campaign in &source.campaigns {
        let orphan = || BuildError::NoSuchAccount {
            account: campaign.account,
            of: format!("campaign {}", campaign.id),
        };
        groups.get_mut(&campaign.account).ok_or_else(orphan)?.campaigns.push(campaign);
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.iter_mut().try_for_each(sort)?;
    Ok(groups)
}

/// A million specs are looked at as seldom as can be: in memory they lie far apart.
fn sort(group: &mut Group<'_>) -> Result<(), BuildError> {
    let account = group.account.id;
    group.ids = group.targets.iter().map(|target| target.id).collect();
    if !group.ids.is_sorted_by(|one, next| one < next) {
        group.targets.sort_by_key(|target| target.id);
        group.ids.sort_unstable();
    }
    let twice = group.ids.windows(2).position(|pair| pair[0] == pair[1]);
    if let Some(twice) = twice.and_then(|at| group.targets.get(at + 1)) {
        return Err(BuildError::TargetTwice { account, key: twice.key.clone() });
    }
    if let Some(last) = group.targets.last().filter(|last| last.id == TargetId::NATIONWIDE) {
        return Err(BuildError::ReservedTarget { account, key: last.key.clone() });
    }
    group.campaigns.sort_by_key(|campaign| campaign.id);
    if let Some(twice) = group.campaigns.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(BuildError::CampaignTwice { account, campaign: twice[0].id });
    }
    Ok(())
}
