//! One campaign: what the gates ask it.

use jiff::civil::Date;
use rkyv::rend::unaligned::u64_ule;

use super::account::{AccountView, AppView};
use super::members;
use crate::domain::campaign::{Condition, Frequency, RunMode, Variant};
use crate::domain::ids::{AppId, CampaignId, Epoch, TargetId};
use crate::domain::units::UtcMs;
use crate::snapshot::blocks::{
    ArchivedAppUrlRow, ArchivedCampaignRow, ArchivedConditionRow, ArchivedFrequencyRow, WindowRow,
};
use crate::snapshot::calendar::day_of;

/// A campaign that is testing or running.
#[derive(Clone, Copy, Debug)]
pub struct CampaignView<'s> {
    account: AccountView<'s>,
    row: &'s ArchivedCampaignRow,
    /// The position of its row.
    place: usize,
    run_since: Epoch,
}

/// A message as the marketer wrote it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageView<'s> {
    /// The title's template.
    pub title: &'s str,
    /// The body's template.
    pub body: &'s str,
    /// An image.
    pub image_url: Option<&'s str>,
    /// Where a click leads.
    pub landing_url: Option<&'s str>,
    /// Where it leads in some apps instead.
    landing_urls: &'s [ArchivedAppUrlRow],
}

impl<'s> MessageView<'s> {
    /// Where a click leads in an app.
    #[must_use]
    pub fn landing_url_in(self, app: AppId) -> Option<&'s str> {
        let own = self.landing_urls.iter().find(|own| own.app.to_native() == app.0);
        own.map(|own| own.url.as_str()).or(self.landing_url)
    }
}

impl<'s> CampaignView<'s> {
    pub(super) fn at(account: AccountView<'s>, row: usize) -> Option<Self> {
        let run_since = *account.parts().run_since.get(row)?;
        Some(Self { account, row: account.asks().rows.get(row)?, place: row, run_since })
    }

    /// Its place among the account's campaigns.
    pub(super) fn place(self) -> usize {
        self.place
    }

    /// Its number.
    #[must_use]
    pub fn id(self) -> CampaignId {
        CampaignId(self.row.id.to_native())
    }

    /// The account it belongs to.
    #[must_use]
    pub fn account(self) -> AccountView<'s> {
        self.account
    }

    /// Testing or running.
    #[must_use]
    pub fn mode(self) -> RunMode {
        if self.row.mode == RunMode::Testing as u8 { RunMode::Testing } else { RunMode::Running }
    }

    /// The epoch in which it entered that mode with that condition.
    #[must_use]
    pub fn run_since(self) -> Epoch {
        self.run_since
    }

    /// What must happen at one of its targets.
    #[must_use]
    pub fn condition(self) -> Condition {
        match &self.row.condition {
            ArchivedConditionRow::Enter => Condition::Enter,
            ArchivedConditionRow::Dwell(dwell_s) => {
                Condition::Dwell { dwell_s: dwell_s.to_native() }
            }
            ArchivedConditionRow::Exit => Condition::Exit,
        }
    }

    /// How often a device may get its push.
    #[must_use]
    pub fn frequency(self) -> Frequency {
        match &self.row.frequency {
            ArchivedFrequencyRow::OncePerPeriod => Frequency::OncePerPeriod,
            ArchivedFrequencyRow::OncePerDay => Frequency::OncePerDay,
            ArchivedFrequencyRow::Resend(after_s) => {
                Frequency::Resend { after_s: after_s.to_native() }
            }
        }
    }

    /// The higher wins a moment; ties go to the highest id.
    #[must_use]
    pub fn priority(self) -> i32 {
        self.row.priority.to_native()
    }

    /// Whether pings of this app count.
    #[must_use]
    pub fn apps_has(self, app: AppId) -> bool {
        self.row.apps.iter().any(|one| one.to_native() == app.0)
    }

    /// The apps whose pings count, ascending.
    pub fn apps(self) -> impl ExactSizeIterator<Item = AppId> {
        self.row.apps.iter().map(|app| AppId(app.to_native()))
    }

    /// Whether an instant lies between its first and its last local day, both inclusive.
    #[must_use]
    pub fn in_period(self, at: UtcMs) -> bool {
        let (starts_at, ends_at) = self.period();
        starts_at <= at && at < ends_at
    }

    /// The first instant of its first local day and the first after its last.
    #[must_use]
    pub fn period(self) -> (UtcMs, UtcMs) {
        (UtcMs(self.row.starts_at.to_native()), UtcMs(self.row.ends_at.to_native()))
    }

    /// Whether an instant lies in its weekday windows; never outside the compiled span.
    #[must_use]
    pub fn in_window(self, at: UtcMs) -> bool {
        self.account.schedule().contains(self.row.window_set.to_native(), at)
    }

    /// Which set of windows it has: campaigns with equal windows share one.
    #[must_use]
    pub fn window_set(self) -> u32 {
        self.row.window_set.to_native()
    }

    /// When its windows next open: the start of the first that begins after `at`.
    #[must_use]
    pub fn window_opens_after(self, at: UtcMs) -> Option<UtcMs> {
        self.account.schedule().opens_after(self.row.window_set.to_native(), at)
    }

    /// Whether it addresses a device, by its member hash.
    #[must_use]
    pub fn audience_has(self, member: u64) -> bool {
        match self.row.audience.as_ref() {
            None => true,
            Some(set) => members::has(self.account.members(set), member),
        }
    }

    /// How many devices it addresses; `None` for everyone.
    #[must_use]
    pub fn audience_len(self) -> Option<usize> {
        self.audience().map(<[_]>::len)
    }

    /// Member hashes of whom it addresses, ascending; `None` for everyone.
    #[must_use]
    pub fn audience(self) -> Option<&'s [u64_ule]> {
        self.row.audience.as_ref().map(|set| self.account.members(set))
    }

    /// Member hashes of the devices it is tried on, ascending.
    #[must_use]
    pub fn test_devices(self) -> &'s [u64_ule] {
        &self.row.test_devices
    }

    /// Its first and its last local day, both inclusive.
    #[must_use]
    pub fn days(self) -> (Date, Date) {
        (day_of(self.row.start_day.to_native()), day_of(self.row.end_day.to_native()))
    }

    /// Its first local day, as days since 1970-01-01: the name of its period.
    #[must_use]
    pub fn start_day(self) -> i64 {
        i64::from(self.row.start_day.to_native())
    }

    /// Its weekly windows as they were written, for people.
    pub fn windows(self) -> impl ExactSizeIterator<Item = WindowRow> {
        self.row.windows.iter().map(|row| WindowRow {
            weekdays: row.weekdays,
            start_min: row.start_min.to_native(),
            end_min: row.end_min.to_native(),
        })
    }

    /// Whether it is tried on a device, by its member hash.
    #[must_use]
    pub fn is_test_device(self, member: u64) -> bool {
        self.row.test_devices.iter().any(|one| one.to_native() == member)
    }

    /// Whether the account's blacklist is honoured.
    #[must_use]
    pub fn honours_blacklist(self) -> bool {
        self.row.honours_blacklist
    }

    /// Per cent of devices held out, 0 to 50.
    #[must_use]
    pub fn holdout_pct(self) -> u8 {
        self.row.holdout_pct
    }

    /// Whether devices are dealt two messages.
    #[must_use]
    pub fn has_ab(self) -> bool {
        self.row.messages.len() > 1
    }

    /// Pushes in all.
    #[must_use]
    pub fn total_limit(self) -> Option<u64> {
        self.row.total_limit.as_ref().map(|limit| limit.to_native())
    }

    /// Overrides the policy's accuracy limit, m.
    #[must_use]
    pub fn max_accuracy_m(self) -> Option<u16> {
        self.row.max_accuracy_m.as_ref().map(|limit| limit.to_native())
    }

    /// How long a job is worth sending, s.
    #[must_use]
    pub fn push_ttl_s(self) -> u32 {
        self.row.push_ttl_s.to_native()
    }

    /// What it watches, ascending.
    pub fn targets(self) -> impl ExactSizeIterator<Item = TargetId> {
        self.row.targets.iter().map(|target| TargetId(target.to_native()))
    }

    /// For people.
    #[must_use]
    pub fn name(self) -> &'s str {
        &self.row.name
    }

    /// The owner's own code, may be empty.
    #[must_use]
    pub fn client_code(self) -> &'s str {
        &self.row.client_code
    }

    /// The message of a variant; `None` where the consumer brings its own.
    #[must_use]
    pub fn message(self, variant: Variant) -> Option<MessageView<'s>> {
        let row = self.row.messages.get(usize::from(variant as u8))?;
        Some(MessageView {
            title: &row.title,
            body: &row.body,
            image_url: row.image_url.as_ref().map(|url| url.as_str()),
            landing_url: row.landing_url.as_ref().map(|url| url.as_str()),
            landing_urls: &row.landing_urls,
        })
    }

    /// The package or bundle id of an app of its account.
    #[must_use]
    pub fn app_package(self, app: AppId) -> Option<&'s str> {
        self.account.app(app).map(|app: AppView<'s>| app.package)
    }

    /// `android` or `ios`, for an app of its account.
    #[must_use]
    pub fn app_platform(self, app: AppId) -> Option<&'s str> {
        self.account.app(app).map(|app: AppView<'s>| app.platform)
    }
}
