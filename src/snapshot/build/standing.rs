//! What stands beside a manifest: epoch, and what each account carries over.

use std::collections::BTreeMap;

use crate::domain::campaign::{Condition, RunMode};
use crate::domain::ids::{AccountId, CampaignId, Epoch};
use crate::snapshot::block::BlockHash;
use crate::snapshot::blocks::{
    ArchivedStandingAccount, ManifestAccount, Standing, StandingAccount, StandingCampaign,
};
use crate::snapshot::view::{AccountView, CampaignView, SnapshotView};

/// What the standing of an account is worked out from.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) entry: ManifestAccount,
    /// Ascending by id.
    pub(super) campaigns: Vec<RunOf>,
    /// At least one more than every target id in use.
    pub(super) next_target_id: u32,
}

/// An account as it was.
pub(super) fn outline(account: AccountView<'_>) -> Outline {
    let parts = account.parts();
    let campaigns = account.campaigns().map(run_of).collect();
    let entry = parts.entry();
    Outline { entry, campaigns, next_target_id: parts.next_target_id }
}

/// What a campaign's run is: with another mode or another condition it is another run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RunOf {
    pub(super) id: CampaignId,
    pub(super) mode: RunMode,
    pub(super) condition: Condition,
}

/// The standing of a new epoch after `previous`.
pub(super) fn standing(
    epoch: Epoch,
    snapshot: BlockHash,
    outlines: &[Outline],
    previous: Option<SnapshotView<'_>>,
    dealt: &Dealt,
) -> Standing {
    let mut accounts: BTreeMap<u32, StandingAccount> = BTreeMap::new();
    if let Some(previous) = previous {
        // Those that have left are remembered for their target ids, which are never dealt again.
        let left = previous.parts().standing.get().accounts.iter().map(departed);
        accounts.extend(left.map(|account| (account.id, account)));
    }
    for (id, next) in dealt {
        let gone =
            StandingAccount { id: id.0, changed_in: 0, next_target_id: 0, campaigns: Vec::new() };
        let account = accounts.entry(id.0).or_insert(gone);
        account.next_target_id = account.next_target_id.max(*next);
    }
    for outline in outlines {
        let before = previous.and_then(|view| view.account(AccountId(outline.entry.id)));
        let dealt = accounts.get(&outline.entry.id).map_or(0, |account| account.next_target_id);
        let account = StandingAccount {
            id: outline.entry.id,
            changed_in: before
                .filter(|before| same(*before, &outline.entry))
                .map_or(epoch, AccountView::changed_in)
                .0,
            next_target_id: outline.next_target_id.max(dealt),
            campaigns: outline.campaigns.iter().map(|one| since(*one, epoch, before)).collect(),
        };
        accounts.insert(account.id, account);
    }
    Standing {
        epoch: epoch.0,
        snapshot: snapshot.0,
        rollback_of: 0,
        accounts: accounts.into_values().collect(),
    }
}

/// Per account the first target id never dealt yet, where others than the snapshot before have dealt some: epochs
/// after it that can't be read any more.
pub type Dealt = BTreeMap<AccountId, u32>;

/// Whether targets and campaigns are what they were. Schedules renewed by a later day are no change, for a
/// campaign's windows are written in its row too; nor is an audience whose members changed.
fn same(before: AccountView<'_>, now: &ManifestAccount) -> bool {
    let before = before.parts().entry();
    let content = |entry: &ManifestAccount| ManifestAccount {
        calendar: [0; 32],
        schedule: [0; 32],
        audiences: Vec::new(),
        ..entry.clone()
    };
    content(&before) == content(now)
}

fn run_of(campaign: CampaignView<'_>) -> RunOf {
    RunOf { id: campaign.id(), mode: campaign.mode(), condition: campaign.condition() }
}

fn since(run: RunOf, epoch: Epoch, before: Option<AccountView<'_>>) -> StandingCampaign {
    let before = before.and_then(|account| account.campaign(run.id));
    let unchanged = before.filter(|campaign| run_of(*campaign) == run);
    StandingCampaign {
        id: run.id.0,
        mode: run.mode as u8,
        run_since: unchanged.map_or(epoch, |campaign| campaign.run_since()).0,
    }
}

fn departed(account: &ArchivedStandingAccount) -> StandingAccount {
    StandingAccount {
        id: account.id.to_native(),
        changed_in: account.changed_in.to_native(),
        next_target_id: account.next_target_id.to_native(),
        campaigns: Vec::new(),
    }
}
