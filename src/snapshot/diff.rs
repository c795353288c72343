//! What differs between two snapshots, by account, target and campaign.

use std::cmp::Ordering;
use std::iter::Peekable;

use super::index::shapes::ShapeView;
use super::view::{AccountView, CampaignView, NATIONWIDE_KEY, SnapshotView, TargetView};
use crate::domain::campaign::Variant;
use crate::domain::ids::{AccountId, CampaignId, TargetId};

/// What came, went and changed; each ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes<T> {
    /// In the second alone.
    pub added: Vec<T>,
    /// In the first alone.
    pub removed: Vec<T>,
    /// In both, but not the same.
    pub changed: Vec<T>,
}

/// The difference of two snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The accounts. Those that changed are taken apart in `within`.
    pub accounts: Changes<AccountId>,
    /// Each account that changed.
    pub within: Vec<AccountDiff>,
}

/// The difference within an account that both have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDiff {
    /// The account.
    pub account: AccountId,
    /// Whether its name, zone, apps, limits, rules or blacklists differ.
    pub settings: bool,
    /// The targets of its directory, by key. Where a target is not watched its shape is not kept, so nothing is
    /// said of it.
    pub targets: Changes<String>,
    /// The keys of those that both have, and that only the second watches.
    pub watched: Vec<String>,
    /// The keys of those that both have, and that only the first watches.
    pub unwatched: Vec<String>,
    /// Its campaigns.
    pub campaigns: Changes<CampaignId>,
    /// The campaigns of both that have started anew in between: what counts once a period counts again.
    pub restarted: Vec<CampaignId>,
}

impl AccountDiff {
    fn is_empty(&self) -> bool {
        let listed = self.targets.is_empty() && self.campaigns.is_empty() && !self.settings;
        listed && self.watched.is_empty() && self.unwatched.is_empty() && self.restarted.is_empty()
    }
}

impl<T> Changes<T> {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl<T: Ord + Copy> Changes<T> {
    /// Walks two ascending lists side by side.
    fn between(
        before: impl Iterator<Item = T>,
        after: impl Iterator<Item = T>,
        mut same: impl FnMut(T) -> bool,
    ) -> Self {
        let mut changes = Self { added: Vec::new(), removed: Vec::new(), changed: Vec::new() };
        let (mut before, mut after) = (before.peekable(), after.peekable());
        while let Some((id, side)) = next(&mut before, &mut after) {
            match side {
                Ordering::Less => changes.removed.push(id),
                Ordering::Greater => changes.added.push(id),
                Ordering::Equal if !same(id) => changes.changed.push(id),
                Ordering::Equal => {}
            }
        }
        changes
    }
}

/// The lower of two heads, and which list it came from: `Less` the first, `Greater` the second, `Equal` both.
fn next<T: Ord + Copy>(
    before: &mut Peekable<impl Iterator<Item = T>>,
    after: &mut Peekable<impl Iterator<Item = T>>,
) -> Option<(T, Ordering)> {
    let side = match (before.peek(), after.peek()) {
        (None, None) => return None,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(one), Some(two)) => one.cmp(two),
    };
    let from_before = if side == Ordering::Greater { None } else { before.next() };
    let from_after = if side == Ordering::Less { None } else { after.next() };
    from_before.or(from_after).map(|id| (id, side))
}

/// What differs from `before` to `after`. A renewed schedule is no difference.
#[must_use]
pub fn diff(before: SnapshotView<'_>, after: SnapshotView<'_>) -> Diff {
    let ids = |view: SnapshotView<'_>| view.accounts().map(AccountView::id).collect::<Vec<_>>();
    let mut within = Vec::new();
    let same = |id| match (before.account(id), after.account(id)) {
        (Some(one), Some(two)) => {
            let difference = account(one, two);
            let same = difference.is_empty();
            if !same {
                within.push(difference);
            }
            same
        }
        _ => false,
    };
    let accounts = Changes::between(ids(before).into_iter(), ids(after).into_iter(), same);
    Diff { accounts, within }
}

fn account(before: AccountView<'_>, after: AccountView<'_>) -> AccountDiff {
    let ids = |account: AccountView<'_>| account.all_keys().map(|(_, id)| id).collect::<Vec<_>>();
    let key = |account: AccountView<'_>, id| match account.listed(id) {
        Some(target) => target.key.to_owned(),
        None => NATIONWIDE_KEY.to_owned(),
    };
    let (listed_before, listed_after) = (ids(before).into_iter(), ids(after).into_iter());
    let same = |id| same_target(before, after, id);
    let targets = Changes::between(listed_before, listed_after, same);
    let watch =
        |account: AccountView<'_>| account.targets().map(TargetView::id).collect::<Vec<_>>();
    let watch = Changes::between(watch(before).into_iter(), watch(after).into_iter(), |_| true);
    // Of a target that came or went it goes without saying.
    let stayed = |id: &TargetId| before.listed(*id).is_some() == after.listed(*id).is_some();
    let named =
        |ids: Vec<TargetId>| ids.into_iter().filter(stayed).map(|id| key(after, id)).collect();
    let both = before.campaigns().filter_map(|one| after.campaign(one.id()).map(|two| (one, two)));
    AccountDiff {
        account: before.id(),
        settings: !same_settings(before, after),
        targets: Changes {
            added: targets.added.into_iter().map(|id| key(after, id)).collect(),
            removed: targets.removed.into_iter().map(|id| key(before, id)).collect(),
            changed: targets.changed.into_iter().map(|id| key(after, id)).collect(),
        },
        watched: named(watch.added),
        unwatched: named(watch.removed),
        campaigns: Changes::between(
            before.campaigns().map(CampaignView::id),
            after.campaigns().map(CampaignView::id),
            |id| {
                let pair = before.campaign(id).zip(after.campaign(id));
                pair.is_some_and(|(one, two)| same_campaign(one, two))
            },
        ),
        restarted: both
            .filter(|(one, two)| one.run_since() != two.run_since())
            .map(|(one, _)| one.id())
            .collect(),
    }
}

fn same_settings(one: AccountView<'_>, two: AccountView<'_>) -> bool {
    let plain = |account: AccountView<'_>| {
        (
            account.daily_cap(),
            account.monthly_limit(),
            account.measures_visits(),
            account.exports_visits(),
            account.has_night_rule(),
        )
    };
    one.name() == two.name()
        && one.tz_name() == two.tz_name()
        && plain(one) == plain(two)
        && one.apps().eq(two.apps())
        && one.blacklists() == two.blacklists()
}

fn same_target(before: AccountView<'_>, after: AccountView<'_>, id: TargetId) -> bool {
    let shapes = before.target(id).zip(after.target(id));
    before.listed(id) == after.listed(id)
        && shapes.is_none_or(|(one, two)| same_shape(one.shape(), two.shape()))
}

fn same_shape(one: Option<ShapeView<'_>>, two: Option<ShapeView<'_>>) -> bool {
    match (one, two) {
        (
            Some(ShapeView::Circle { center, radius_m }),
            Some(ShapeView::Circle { center: other, radius_m: r }),
        ) => center == other && radius_m.to_bits() == r.to_bits(),
        (Some(ShapeView::Polygon(one)), Some(ShapeView::Polygon(two))) => {
            one.edges().eq(two.edges())
        }
        (Some(ShapeView::Everywhere), Some(ShapeView::Everywhere)) | (None, None) => true,
        (Some(_) | None, Some(_)) | (Some(_), None) => false,
    }
}

fn same_campaign(one: CampaignView<'_>, two: CampaignView<'_>) -> bool {
    let plain = |campaign: CampaignView<'_>| {
        let gates =
            (campaign.mode(), campaign.condition(), campaign.frequency(), campaign.period());
        let limits = (campaign.total_limit(), campaign.max_accuracy_m(), campaign.push_ttl_s());
        (gates, limits, campaign.priority(), campaign.holdout_pct(), campaign.honours_blacklist())
    };
    let message = |variant| one.message(variant) == two.message(variant);
    plain(one) == plain(two)
        && (one.name(), one.client_code()) == (two.name(), two.client_code())
        && message(Variant::A)
        && message(Variant::B)
        && one.windows().eq(two.windows())
        && one.apps().eq(two.apps())
        && one.targets().eq(two.targets())
        && one.audience() == two.audience()
        && one.test_devices() == two.test_devices()
}
