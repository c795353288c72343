//! One account: its rules, its calendar, its targets and campaigns.

use rkyv::rend::unaligned::{u32_ule, u64_ule};
use rkyv::tuple::ArchivedTuple2;

use super::campaign::CampaignView;
use super::members;
use super::table::as_index;
use super::target::{self, ListedTarget, TargetView};
use crate::domain::decision::Transition;
use crate::domain::ids::{AccountId, AppId, CampaignId, Epoch, PlaceId, TargetId};
use crate::domain::units::UtcMs;
use crate::snapshot::blocks::{
    AT_HOME, ArchivedAppRow, ArchivedCalendarBlock, ArchivedCampaignsBlock, ArchivedMemberSet,
    ArchivedScheduleBlock, ArchivedVisitsRow, ArchivedWatchBlock,
};
use crate::snapshot::index::{IndexView, ShapeBook, prefetch};
use crate::snapshot::parts::AccountParts;

/// From local midnight to six.
const NIGHT_MS: i64 = 6 * 3_600_000;

/// An account of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct AccountView<'s> {
    parts: &'s AccountParts,
}

/// An app of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppView<'s> {
    /// Its number.
    pub id: AppId,
    /// Its package name or bundle id.
    pub package: &'s str,
    /// `android` or `ios`.
    pub platform: &'s str,
}

impl<'s> AccountView<'s> {
    pub(super) fn new(parts: &'s AccountParts) -> Self {
        Self { parts }
    }

    /// Its number.
    #[must_use]
    pub fn id(self) -> AccountId {
        self.parts.id
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'s str {
        &self.asks().account_name
    }

    /// The last epoch in which its targets or campaigns changed. A renewed schedule or a recomputed audience
    /// is no such change.
    #[must_use]
    pub fn changed_in(self) -> Epoch {
        self.parts.changed_in
    }

    /// Where its watched targets are.
    #[inline]
    #[must_use]
    pub fn index(self) -> IndexView<'s> {
        IndexView::new(&self.parts.index, self.shapes())
    }

    /// What they are.
    #[inline]
    #[must_use]
    pub fn shapes(self) -> ShapeBook<'s> {
        ShapeBook::new(&self.parts.shapes, &self.parts.geometry)
    }

    /// Their ids, ascending.
    pub fn watched_ids(self) -> impl Iterator<Item = TargetId> {
        let ids = self.parts.shapes.iter().flat_map(|page| page.ids.iter());
        ids.map(|id| TargetId(id.to_native()))
    }

    /// A watched target.
    #[must_use]
    pub fn target(self, id: TargetId) -> Option<TargetView<'s>> {
        let (page, row) = self.parts.watch.row(id.0)?;
        Some(TargetView::of(self, id, page, row))
    }

    /// Starts loading where the campaigns of a target are listed.
    #[inline]
    pub(crate) fn prefetch_campaigns(self, id: TargetId) {
        if let Some((page, row)) = self.parts.watch.row(id.0) {
            prefetch(&page.first, row);
        }
    }

    /// Starts loading that list, once it is known where it is.
    #[inline]
    pub(crate) fn prefetch_campaign_list(self, id: TargetId) {
        if let Some((page, row)) = self.parts.watch.row(id.0) {
            let from = page.first.get(row).map_or(u32::MAX, |from| from.to_native());
            prefetch(&page.campaigns, as_index(from));
        }
    }

    /// Whether a campaign waits for a transition of this kind, at any target.
    #[inline]
    #[must_use]
    pub fn awaits(self, transition: Transition) -> bool {
        self.parts.awaited.has(transition)
    }

    /// Whether anybody is on the blacklist.
    #[must_use]
    pub fn has_blacklist(self) -> bool {
        self.blacklists().iter().any(|list| !list.is_empty())
    }

    /// Whether a watched target belongs to a store.
    #[must_use]
    pub fn has_places(self) -> bool {
        !self.parts.places.get().targets.is_empty()
    }

    /// Whether a watched target is for those at home there alone.
    #[must_use]
    pub fn has_homes(self) -> bool {
        self.parts.has_homes
    }

    /// Whether this one is.
    #[must_use]
    pub fn is_home(self, target: TargetId) -> bool {
        if !self.parts.has_homes {
            return false;
        }
        let places = &self.parts.places.get().targets;
        let place_of =
            |entry: &ArchivedTuple2<u32_ule, u32_ule>| (entry.0.to_native(), entry.1.to_native());
        places.binary_search_by_key(&(AT_HOME, target.0), place_of).is_ok()
    }

    /// All watched targets, in ascending order of id.
    pub fn targets(self) -> impl Iterator<Item = TargetView<'s>> {
        let rows =
            |page: &'s ArchivedWatchBlock| (0..page.targets.ids.len()).map(move |row| (page, row));
        let rows = self.parts.watch.iter().flat_map(rows);
        rows.filter_map(move |(page, row)| TargetView::at(self, page, row))
    }

    /// Keys and ids of all targets, watched or not, in ascending order of id.
    pub fn all_keys(self) -> impl Iterator<Item = (&'s str, TargetId)> {
        self.parts.targets.iter().flat_map(|block| {
            block.rows.iter().map(|row| (target::key_of(block, row), TargetId(row.id.to_native())))
        })
    }

    /// A target of the directory, watched or not.
    #[must_use]
    pub fn listed(self, id: TargetId) -> Option<ListedTarget<'s>> {
        let (block, row) = self.parts.targets.row(id.0)?;
        block.rows.get(row).map(|row| ListedTarget::of(block, row))
    }

    /// The key of a target of the directory.
    #[must_use]
    pub fn key(self, id: TargetId) -> Option<&'s str> {
        let (block, row) = self.parts.targets.row(id.0)?;
        block.rows.get(row).map(|row| target::key_of(block, row))
    }

    /// The watched targets that belong to a store: its signal range, its inside, or both.
    pub fn targets_of_place(self, place: PlaceId) -> impl Iterator<Item = TargetView<'s>> {
        let places = &self.parts.places.get().targets;
        let from = places.partition_point(|entry| entry.0.to_native() < place.0);
        let is_store = place.0 != AT_HOME;
        places
            .iter()
            .filter(move |_| is_store)
            .skip(from)
            .take_while(move |entry| entry.0.to_native() == place.0)
            .filter_map(move |entry| self.target(TargetId(entry.1.to_native())))
    }

    /// A campaign that is testing or running.
    #[must_use]
    pub fn campaign(self, id: CampaignId) -> Option<CampaignView<'s>> {
        self.asks().ids.row(id.0).and_then(|row| CampaignView::at(self, row))
    }

    /// All campaigns, in ascending order of id.
    pub fn campaigns(self) -> impl Iterator<Item = CampaignView<'s>> {
        (0..self.asks().rows.len()).filter_map(move |row| CampaignView::at(self, row))
    }

    /// Whether the app is the account's.
    #[must_use]
    pub fn has_app(self, id: AppId) -> bool {
        self.app_row(id).is_some()
    }

    /// An app by its number.
    #[must_use]
    pub fn app(self, id: AppId) -> Option<AppView<'s>> {
        self.app_row(id).map(app_view)
    }

    /// All apps, in ascending order of id.
    pub fn apps(self) -> impl ExactSizeIterator<Item = AppView<'s>> {
        self.asks().apps.iter().map(app_view)
    }

    /// The local day of an instant, as days since 1970-01-01; `None` outside the compiled span (two days
    /// before `valid_from` to 400 days after it).
    #[must_use]
    pub fn local_day(self, at: UtcMs) -> Option<i64> {
        self.calendar().day(at).map(|(day, _)| i64::from(day))
    }

    /// The local day whose first six hours an instant lies in, as [`local_day`](Self::local_day) has it.
    #[must_use]
    pub fn local_night(self, at: UtcMs) -> Option<i32> {
        let (day, since_ms) = self.calendar().since_midnight(at)?;
        (since_ms < NIGHT_MS).then_some(day)
    }

    /// When the local day of an instant ends.
    #[must_use]
    pub fn local_day_ends_at(self, at: UtcMs) -> Option<UtcMs> {
        self.calendar().day(at).map(|(_, ends_at)| ends_at)
    }

    /// The local month of an instant, counted from January 1970.
    #[must_use]
    pub fn local_month(self, at: UtcMs) -> Option<i32> {
        self.calendar().month(at).map(|(month, _)| month)
    }

    /// When the local month of an instant ends, at the latest at the end of the compiled span.
    #[must_use]
    pub fn local_month_ends_at(self, at: UtcMs) -> Option<UtcMs> {
        self.calendar().month(at).map(|(_, ends_at)| ends_at)
    }

    /// Whether pushes need the user's agreement to advertising at night: the account turned the rule on, and
    /// it is 21:00 to 08:00 in its zone.
    #[must_use]
    pub fn night_rule_applies(self, at: UtcMs) -> bool {
        self.asks().night_rule && self.calendar().is_night(at)
    }

    /// Pushes a device may get in a local day.
    #[must_use]
    pub fn daily_cap(self) -> Option<u16> {
        self.asks().daily_cap.as_ref().map(|cap| cap.to_native())
    }

    /// Pushes in a local month.
    #[must_use]
    pub fn monthly_limit(self) -> Option<u64> {
        self.asks().monthly_limit.as_ref().map(|limit| limit.to_native())
    }

    /// Whether every target is watched for visits, with or without a campaign.
    #[must_use]
    pub fn measures_visits(self) -> bool {
        matches!(self.asks().visits, ArchivedVisitsRow::Measured | ArchivedVisitsRow::Exported)
    }

    /// Whether it is noted where devices spend their nights.
    #[must_use]
    pub fn notes_nights(self) -> bool {
        self.asks().visits != ArchivedVisitsRow::None
    }

    /// Whether consumers get its visits.
    #[must_use]
    pub fn exports_visits(self) -> bool {
        self.asks().visits == ArchivedVisitsRow::Exported
    }

    /// Whether a device is on the blacklist, by its member hash.
    #[must_use]
    pub fn blacklist_has(self, member: u64) -> bool {
        members::has(self.members(&self.asks().blacklist), member)
    }

    /// Whether a device is on the blacklist, by its echo code's hash.
    #[must_use]
    pub fn blacklist_has_echo(self, member: u64) -> bool {
        members::has(self.members(&self.asks().blacklist_echo), member)
    }

    /// Member hashes on the blacklist: of advertising ids, and of echo codes. Each ascending.
    #[must_use]
    pub fn blacklists(self) -> [&'s [u64_ule]; 2] {
        [self.members(&self.asks().blacklist), self.members(&self.asks().blacklist_echo)]
    }

    /// Whether any list has a device, by its member hash.
    #[must_use]
    pub fn lists(self, member: u64) -> bool {
        let names_it = |campaign: CampaignView<'_>| {
            let audience = campaign.audience();
            audience.is_some_and(|audience| members::has(audience, member))
                || campaign.is_test_device(member)
        };
        self.blacklist_has(member) || self.campaigns().any(names_it)
    }

    /// Whether the account turned the rule on nights on.
    #[must_use]
    pub fn has_night_rule(self) -> bool {
        self.asks().night_rule
    }

    /// The IANA name of its time zone.
    #[must_use]
    pub fn tz_name(self) -> &'s str {
        &self.asks().time_zone
    }

    /// The pieces it reads, for building the next snapshot.
    #[must_use]
    pub fn parts(self) -> &'s AccountParts {
        self.parts
    }

    pub(super) fn asks(self) -> &'s ArchivedCampaignsBlock {
        self.parts.campaigns.get()
    }

    pub(super) fn schedule(self) -> &'s ArchivedScheduleBlock {
        self.parts.schedule.get()
    }

    pub(super) fn members(self, set: &'s ArchivedMemberSet) -> &'s [u64_ule] {
        match set {
            ArchivedMemberSet::Here(members) => members,
            ArchivedMemberSet::Block(at) => {
                let block = self.parts.audiences.get(as_index(at.to_native()));
                block.map_or(&[], |block| block.get().members.as_slice())
            }
        }
    }

    /// The end of the compiled span: from here on no window, day or night is known.
    #[must_use]
    pub fn compiled_until(self) -> UtcMs {
        UtcMs(self.calendar().ends_at.to_native())
    }

    fn calendar(self) -> &'s ArchivedCalendarBlock {
        self.parts.calendar.get()
    }

    fn app_row(self, id: AppId) -> Option<&'s ArchivedAppRow> {
        let apps = &self.asks().apps;
        let at = apps.binary_search_by_key(&id.0, |app| app.id.to_native()).ok()?;
        apps.get(at)
    }
}

fn app_view(row: &ArchivedAppRow) -> AppView<'_> {
    AppView { id: AppId(row.id.to_native()), package: &row.package, platform: &row.platform }
}
