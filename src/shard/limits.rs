//! The limits across partitions that a snapshot asks for, and how large each is.

use crate::domain::input::LimitId;
use crate::domain::units::UtcMs;
use crate::snapshot::view::SnapshotView;

/// Every limit in force at `now` or `soon`, with its total.
pub(super) fn in_force(view: SnapshotView<'_>, now: UtcMs, soon: UtcMs) -> Vec<(LimitId, u64)> {
    let mut limits = Vec::new();
    for account in view.accounts() {
        if let Some(total) = account.monthly_limit() {
            let next =
                account.local_month(soon).filter(|month| account.local_month(now) != Some(*month));
            let months = account.local_month(now).into_iter().chain(next);
            let limit = |month| (LimitId::Month { account: account.id(), month }, total);
            limits.extend(months.map(limit));
        }
        for campaign in account.campaigns() {
            if let Some(total) = campaign.total_limit() {
                let limit = LimitId::Campaign { account: account.id(), campaign: campaign.id() };
                limits.push((limit, total));
            }
        }
    }
    limits
}

/// The total of one limit; `None` when the snapshot asks for none such.
pub(super) fn total_of(view: SnapshotView<'_>, limit: LimitId) -> Option<u64> {
    match limit {
        LimitId::Month { account, .. } => view.account(account)?.monthly_limit(),
        LimitId::Campaign { account, campaign } => {
            view.account(account)?.campaign(campaign)?.total_limit()
        }
    }
}
