//! What people ask of the figures. Each answer is of what was counted when it was asked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;

use crate::domain::campaign::Variant;
use crate::domain::ids::{AccountId, AppId, CampaignId, PlaceId};
use crate::domain::reasons::SuppressReason;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::refused::StoreError;
use crate::outbox::tallies::Quarter;

use super::rows::{
    CampaignKey, Count, DayFigures, DeviceDay, QuarterFigures, Reach, Row, Side, Visit,
    campaign_in, day_in, member_in, of_app, of_campaign, of_day, of_place, of_side, quarter_in,
    variant_of,
};
use super::store::Figures;
use super::tables::Sheet;

/// Why the figures can't be read.
pub type FiguresError = StoreError;

/// The most that `lateness_s` may be: so far back may a late fix move the enter of a visit.
const MAX_LATENESS_MS: i64 = 30 * DAY_MS;

/// Figures of the two variants; a campaign without a test has all in A.
pub type ByVariant<T> = [T; 2];

/// Distinct devices over a span of days.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Uniques {
    /// Devices that were given a job in the span.
    pub reached: u64,
    /// Of them, those that opened one in the span.
    pub responded: u64,
    /// Devices for which a job was not made in the span because they are held out.
    pub held_out: u64,
}

/// What became of one device in a span of days.
#[derive(Clone, Copy, Default)]
struct Became {
    reached: bool,
    responded: bool,
    held_out: bool,
    is_b: bool,
}

impl Figures {
    /// Local days of a campaign that brought anything, ascending.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn days(
        &self,
        campaign: CampaignKey,
        span: RangeInclusive<i32>,
    ) -> Result<BTreeMap<i32, ByVariant<DayFigures>>, FiguresError> {
        let mut days: BTreeMap<i32, ByVariant<DayFigures>> = BTreeMap::new();
        let (from, until) = (of_day(campaign, *span.start()), after(campaign, *span.end()));
        for pair in self.tables.range(Sheet::Days, from, until) {
            let (key, row) = pair?;
            let row: DayFigures = self.row(&row)?;
            let (day, rest) = day_in(&key).ok_or_else(|| self.malformed())?;
            let &[variant] = rest else { return Err(self.malformed()) };
            days.entry(day).or_default()[index(variant)].add(&row);
        }
        Ok(days)
    }

    /// The first campaign of an account, from one on, that has brought anything.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn campaign_from(
        &self,
        (account, from): CampaignKey,
    ) -> Result<Option<CampaignId>, FiguresError> {
        let until = of_campaign((AccountId(account.0.saturating_add(1)), CampaignId(0)));
        let first = self.tables.range(Sheet::Days, of_campaign((account, from)), until).next();
        let Some(pair) = first else { return Ok(None) };
        campaign_in(&pair?.0).ok_or_else(|| self.malformed()).map(Some)
    }

    /// Quarters of an hour of a campaign that brought anything, ascending, from the first up to, not with, the second.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn quarters(
        &self,
        campaign: CampaignKey,
        (from, until): (Quarter, Quarter),
    ) -> Result<BTreeMap<Quarter, ByVariant<QuarterFigures>>, FiguresError> {
        let mut quarters: BTreeMap<Quarter, ByVariant<QuarterFigures>> = BTreeMap::new();
        let bound =
            |quarter: Quarter| [&of_campaign(campaign)[..], &quarter.0.to_be_bytes()].concat();
        for pair in self.tables.range(Sheet::Quarters, bound(from), bound(until)) {
            let (key, row) = pair?;
            let row: QuarterFigures = self.row(&row)?;
            let (quarter, rest) = quarter_in(&key).ok_or_else(|| self.malformed())?;
            let &[variant] = rest else { return Err(self.malformed()) };
            quarters.entry(quarter).or_default()[index(variant)].add(&row);
        }
        Ok(quarters)
    }

    /// Triggers that closed without a job, by reason.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn withheld(
        &self,
        campaign: CampaignKey,
    ) -> Result<BTreeMap<SuppressReason, u64>, FiguresError> {
        let mut withheld = BTreeMap::new();
        for pair in self.tables.prefix(Sheet::WithheldInAll, &of_campaign(campaign)) {
            let (key, row) = pair?;
            let row: Count = self.row(&row)?;
            let reason = key.last().copied().and_then(SuppressReason::from_number);
            withheld.insert(reason.ok_or_else(|| self.malformed())?, row.count);
        }
        Ok(withheld)
    }

    /// The same by quarter of an hour, from the first up to, not with, the second.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn withheld_in(
        &self,
        campaign: CampaignKey,
        (from, until): (Quarter, Quarter),
    ) -> Result<Vec<(Quarter, SuppressReason, u64)>, FiguresError> {
        let bound =
            |quarter: Quarter| [&of_campaign(campaign)[..], &quarter.0.to_be_bytes()].concat();
        let pairs = self.tables.range(Sheet::Withheld, bound(from), bound(until));
        pairs
            .map(|pair| {
                let (key, row) = pair?;
                let row: Count = self.row(&row)?;
                let (quarter, rest) = quarter_in(&key).ok_or_else(|| self.malformed())?;
                let reason = rest.first().copied().and_then(SuppressReason::from_number);
                Ok((quarter, reason.ok_or_else(|| self.malformed())?, row.count))
            })
            .collect()
    }

    /// Distinct devices over a span of local days, by variant: they do not add up over days. Takes a look at every
    /// device of every day.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn uniques(
        &self,
        campaign: CampaignKey,
        span: RangeInclusive<i32>,
    ) -> Result<ByVariant<Uniques>, FiguresError> {
        let mut devices: HashMap<u64, Became> = HashMap::new();
        let (from, until) = (of_day(campaign, *span.start()), after(campaign, *span.end()));
        for pair in self.tables.range(Sheet::DeviceDays, from, until) {
            let (key, row) = pair?;
            let row: DeviceDay = self.row(&row)?;
            let member = member_in(&key).ok_or_else(|| self.malformed())?;
            let became = devices.entry(member).or_default();
            became.reached |= row.jobs > 0;
            became.responded |= row.clicked > 0;
            became.held_out |= row.held_out > 0;
            became.is_b = row.is_b == 1;
        }
        let mut uniques = ByVariant::<Uniques>::default();
        for Became { reached, responded, held_out, is_b } in devices.into_values() {
            let of_variant = &mut uniques[usize::from(is_b)];
            of_variant.reached += u64::from(reached);
            of_variant.responded += u64::from(reached && responded);
            of_variant.held_out += u64::from(held_out);
        }
        Ok(uniques)
    }

    /// Distinct devices seen through any of the apps on a day (UTC, counted from 1970) or later. Takes a look at every
    /// device of the apps.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn seen_since(
        &self,
        account: AccountId,
        apps: &[AppId],
        day: u32,
    ) -> Result<u64, FiguresError> {
        let mut seen = HashSet::new();
        let mut only = 0;
        for app in apps {
            for pair in self.tables.prefix(Sheet::Seen, &of_app(account, *app)) {
                let (key, row) = pair?;
                let last: Count = self.row(&row)?;
                if last.count < u64::from(day) {
                    continue;
                }
                // Of one app each device has one row.
                if apps.len() == 1 {
                    only += 1;
                } else {
                    seen.insert(member_in(&key).ok_or_else(|| self.malformed())?);
                }
            }
        }
        Ok(only + seen.len() as u64)
    }

    /// Calls `each` with every device that a campaign has reached, or held out, by its keyed hash, ascending.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn devices(
        &self,
        campaign: CampaignKey,
        side: Side,
        mut each: impl FnMut(u64, Reach),
    ) -> Result<(), FiguresError> {
        for pair in self.tables.prefix(Sheet::Reach, &of_side(campaign, side)) {
            let (key, row) = pair?;
            each(member_in(&key).ok_or_else(|| self.malformed())?, self.row(&row)?);
        }
        Ok(())
    }

    /// Calls `each` with the device, by its keyed hash, and the visit, for those at a place that began from the first
    /// instant up to, not with, the second.
    ///
    /// # Errors
    /// [`FiguresError`] if the store can't be read.
    pub fn visits(
        &self,
        (account, place): (AccountId, PlaceId),
        (from, until): (UtcMs, UtcMs),
        mut each: impl FnMut(u64, &Visit),
    ) -> Result<(), FiguresError> {
        // Rows stand where the enter was first known; a late fix moves it only back.
        let behind = UtcMs(until.0.saturating_add(MAX_LATENESS_MS));
        let bounds = (of_place(account, place, from), of_place(account, place, behind));
        for pair in self.tables.range(Sheet::Visits, bounds.0, bounds.1) {
            let (key, row) = pair?;
            let visit: Visit = self.row(&row)?;
            if (from..until).contains(&visit.entered_at) {
                each(member_in(&key).ok_or_else(|| self.malformed())?, &visit);
            }
        }
        Ok(())
    }

    pub(super) fn row<R: Row>(&self, bytes: &[u8]) -> Result<R, FiguresError> {
        R::from_bytes(bytes).ok_or_else(|| self.malformed())
    }

    pub(super) fn malformed(&self) -> FiguresError {
        self.tables.damaged("a row of the figures is malformed")
    }
}

/// Behind the last row of a day.
fn after(campaign: CampaignKey, day: i32) -> Vec<u8> {
    match day.checked_add(1) {
        Some(next) => of_day(campaign, next),
        None => [&of_day(campaign, day)[..], &[u8::MAX; 16]].concat(),
    }
}

fn index(variant: u8) -> usize {
    usize::from(variant_of(variant) == Variant::B)
}
