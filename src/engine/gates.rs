//! Reasons not to push, in order: a table of gates that look and charge nothing.
//!
//! `explain` prints this table; [`decide`](super::decide) walks it for every open trigger.

use std::cell::{Cell, OnceCell};

use crate::domain::campaign::{Frequency, RunMode};
use crate::domain::decision::Bucket;
use crate::domain::ids::{DeviceKey, TargetId};
use crate::domain::input::LimitId;
use crate::domain::lots::InstallationKey;
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::reasons::SuppressReason;
use crate::domain::units::UtcMs;
use crate::snapshot::view::{AccountView, CampaignView};

use super::device::{Annex, Trigger, UsedBucket};
use super::grants::Grants;
use super::inputs::{self, Inputs};
use super::turn::Moment;

/// Everything a gate may look at.
pub(crate) struct Case<'a, 's> {
    pub(crate) account: AccountView<'s>,
    pub(crate) campaign: CampaignView<'s>,
    pub(crate) target: TargetId,
    pub(crate) device: DeviceKey,
    pub(crate) moment: &'a Moment,
    /// The instant of the fix or hint that a push would rest on.
    pub(crate) seen_at: UtcMs,
    /// How exact that is, m.
    pub(crate) accuracy_m: u16,
    pub(crate) bucket: Bucket,
    /// The local day of the moment.
    pub(crate) day: Option<i64>,
    pub(crate) annex: &'a Annex,
    pub(crate) used: &'a [UsedBucket],
    pub(crate) grants: &'a Grants,
    pub(crate) policy: &'a Policy,
    pub(crate) key: &'a InstallationKey,
    pub(crate) known: &'a Known,
}

/// What the gates have found out that holds for all campaigns of a turn.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The device's hash in audiences, made when first asked for.
    member: OnceCell<u64>,
    /// The last set of windows that was asked, and whether the moment lies in it: most campaigns share a few.
    window: Cell<Option<(u32, bool)>>,
}

/// One reason not to push, how to tell whether the way is free, and what that looks at.
pub(crate) type Gate = (SuppressReason, fn(&Case<'_, '_>) -> bool, fn(&Case<'_, '_>) -> Inputs);

/// The gates of one device and campaign, in order. Arbitration and holdout follow: they compare campaigns.
pub(crate) const GATES: &[Gate] = &[
    (SuppressReason::App, |case| case.campaign.apps_has(case.moment.app), inputs::app),
    (SuppressReason::Period, |case| case.is_in_period(), inputs::period),
    (SuppressReason::Window, |case| case.is_in_window(), inputs::window),
    (
        SuppressReason::Audience,
        |case| {
            case.is_test()
                || case.campaign.audience_len().is_none()
                || case.campaign.audience_has(case.member())
        },
        inputs::audience,
    ),
    (SuppressReason::Blacklist, |case| case.is_test() || !case.is_blacklisted(), inputs::blacklist),
    (SuppressReason::Consent, |case| case.has_ads_consent(), inputs::consent),
    (
        SuppressReason::Night,
        |case| !case.account.night_rule_applies(case.moment.at) || case.has_night_consent(),
        inputs::night,
    ),
    (
        SuppressReason::TestDevice,
        |case| !case.is_test() || case.campaign.is_test_device(case.member()),
        inputs::test_device,
    ),
    (SuppressReason::Accuracy, |case| case.is_accurate(), inputs::accuracy),
    (SuppressReason::Age, |case| case.is_young(), inputs::age),
    (SuppressReason::Frequency, |case| !case.is_bucket_used(), inputs::frequency),
    (
        SuppressReason::DailyCap,
        |case| case.is_test() || case.is_below_daily_cap(),
        inputs::daily_cap,
    ),
    (
        SuppressReason::Quota,
        |case| case.is_test() || case.missing_grants().next().is_none(),
        inputs::quota,
    ),
];

impl Case<'_, '_> {
    /// The first gate that stops it, if one does.
    pub(crate) fn stopped_by(&self) -> Option<SuppressReason> {
        GATES.iter().find(|(_, passes, _)| !passes(self)).map(|(reason, ..)| *reason)
    }

    pub(super) fn is_test(&self) -> bool {
        self.campaign.mode() == RunMode::Testing
    }

    /// A test may precede the start, but not outlast the end.
    fn is_in_period(&self) -> bool {
        let at = self.moment.at;
        self.campaign.in_period(at) || (self.is_test() && at < self.campaign.period().1)
    }

    fn is_in_window(&self) -> bool {
        let set = self.campaign.window_set();
        match self.known.window.get() {
            Some((known, is_in)) if known == set => is_in,
            Some(_) | None => {
                let is_in = self.campaign.in_window(self.moment.at);
                self.known.window.set(Some((set, is_in)));
                is_in
            }
        }
    }

    fn is_young(&self) -> bool {
        self.moment.now.since(self.seen_at) <= i64::from(self.policy.max_push_age_s) * 1000
    }

    pub(super) fn member(&self) -> u64 {
        *self.known.member.get_or_init(|| self.key.member(self.device.device))
    }

    pub(super) fn is_blacklisted(&self) -> bool {
        self.campaign.honours_blacklist()
            && self.account.has_blacklist()
            && (self.account.blacklist_has(self.member())
                || self
                    .annex
                    .profile
                    .and_then(|profile| profile.echo)
                    .is_some_and(|echo| self.account.blacklist_has_echo(echo)))
    }

    pub(super) fn has_ads_consent(&self) -> bool {
        !self.moment.flags.has(PingFlags::NO_ADS_CONSENT)
            && self.annex.profile.is_none_or(|profile| profile.ads_consent)
    }

    pub(super) fn has_night_consent(&self) -> bool {
        self.moment.flags.has(PingFlags::NIGHT_CONSENT)
            || self.annex.profile.is_some_and(|profile| profile.night_consent)
    }

    fn is_accurate(&self) -> bool {
        let limit_m = self.campaign.max_accuracy_m().unwrap_or(self.policy.max_accuracy_m);
        let accuracy_m = self.accuracy_m;
        accuracy_m <= limit_m
            || self
                .account
                .target(self.target)
                .is_some_and(|target| f64::from(accuracy_m) <= f64::from(target.size_m()))
    }

    pub(super) fn is_bucket_used(&self) -> bool {
        if !self.annex.used.may_have(self.campaign.id()) {
            return false;
        }
        let pause_ms = match self.campaign.frequency() {
            Frequency::Resend { after_s } if !self.is_test() => i64::from(after_s) * 1000,
            Frequency::Resend { .. } | Frequency::OncePerDay | Frequency::OncePerPeriod => 0,
        };
        self.used.iter().filter(|used| used.campaign == self.campaign.id()).any(|used| {
            used.bucket() == self.bucket
                || (pause_ms > 0
                    && used.mode == self.bucket.mode
                    && UtcMs(self.bucket.span).since(UtcMs(used.span)).abs() < pause_ms)
        })
    }

    fn is_below_daily_cap(&self) -> bool {
        let Some(cap) = self.account.daily_cap() else { return true };
        self.day.is_none_or(|today| self.annex.pushes_on(today) < cap)
    }

    /// The limits this push would need a grant of and has none.
    pub(crate) fn missing_grants(&self) -> impl Iterator<Item = LimitId> {
        let limits = limits(self.account, &self.campaign, self.moment.at);
        limits.into_iter().flatten().filter(|limit| !self.grants.has(*limit))
    }
}

/// The limits across partitions that a push of `campaign` at `at` counts against.
pub(crate) fn limits(
    account: AccountView<'_>,
    campaign: &CampaignView<'_>,
    at: UtcMs,
) -> [Option<LimitId>; 2] {
    let month = account
        .monthly_limit()
        .and_then(|_| account.local_month(at))
        .map(|month| LimitId::Month { account: account.id(), month });
    let total = campaign
        .total_limit()
        .map(|_| LimitId::Campaign { account: account.id(), campaign: campaign.id() });
    [month, total]
}

/// The bucket that a push at `at`, on that local day, would use. A period is named by its first day, so that one
/// that starts anew is another and one that ends later is the same; a test's stay by its target and by when it began
/// as the campaign sees it.
pub(crate) fn bucket(
    day: Option<i64>,
    campaign: &CampaignView<'_>,
    at: UtcMs,
    trigger: &Trigger,
) -> Bucket {
    let mode = campaign.mode();
    let span = match (mode, campaign.frequency()) {
        (RunMode::Testing, _) => trigger.since.0 ^ (i64::from(trigger.target.0) << 32),
        (RunMode::Running, Frequency::OncePerPeriod) => campaign.start_day(),
        // Outside the calendar of the snapshot no period holds, so no push uses this bucket.
        (RunMode::Running, Frequency::OncePerDay) => day.unwrap_or(i64::MIN),
        (RunMode::Running, Frequency::Resend { .. }) => at.0,
    };
    Bucket { mode, span }
}
