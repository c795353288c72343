//! The rows of the figures: named counters, each 64 bits, and the keys that they are found by.

use std::ops::RangeInclusive;

use crate::domain::campaign::Variant;
use crate::domain::ids::{AccountId, AppId, CampaignId, PlaceId};
use crate::domain::reasons::SuppressReason;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::tallies::Quarter;

/// A row as bytes: little-endian words.
pub(super) trait Row: Sized + Default {
    /// `None` for what [`to_bytes`](Self::to_bytes) never writes.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
    fn to_bytes(&self) -> Vec<u8>;
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident { $($(#[$what:meta])* $field:ident,)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $name { $($(#[$what])* pub $field: u64,)* }

        impl $name {
            /// Adds `other` to these.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }
        }

        impl Row for $name {
            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let (words, []) = bytes.as_chunks::<8>() else { return None };
                let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
                let row = Self { $($field: words.next()?,)* };
                words.next().is_none().then_some(row)
            }
            fn to_bytes(&self) -> Vec<u8> {
                [$(self.$field),*].iter().flat_map(|word| word.to_le_bytes()).collect()
            }
        }
    )* };
}

counters! {
    /// What a quarter of an hour brought to one variant of a campaign.
    QuarterFigures {
        /// Jobs made.
        jobs,
        /// Jobs that arrived.
        delivered,
        /// Jobs that were opened.
        clicked,
        /// Jobs that were wiped away.
        dismissed,
        /// Jobs that were not made because the device is held out.
        held_out,
    }

    /// What a local day brought to one variant of a campaign.
    DayFigures {
        /// Jobs made.
        jobs,
        /// Jobs that arrived, on the day they did.
        delivered,
        /// Jobs that were opened, on the day they were.
        clicked,
        /// Jobs that were wiped away.
        dismissed,
        /// Jobs that were not made because the device is held out.
        held_out,
        /// Devices that were given a job on this day.
        reached,
        /// Devices that opened one on this day.
        responded,
        /// Devices that were given their first job on this day: over days they add up.
        first_reached,
        /// Devices that opened their first on this day: over days they add up.
        first_responded,
        /// Devices whose first job on this day was not made because they are held out: over days they add up.
        first_held_out,
    }

    /// What a local day brought to one device of a campaign.
    DeviceDay {
        /// Jobs made.
        jobs,
        /// Jobs that arrived.
        delivered,
        /// Jobs that were opened.
        clicked,
        /// Jobs that were not made because it is held out.
        held_out,
        /// 1 if it gets variant B.
        is_b,
    }

    /// What a UTC day has of the footfalls of an account.
    FootfallDay {
        /// Targets with a row.
        targets,
        /// Times that a target without one had no room.
        overlooked,
    }

    /// One number.
    Count {
        /// It.
        count,
    }
}

/// The first of something, and where it was counted: the account's zone and the campaign's messages may change since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct First {
    /// When it was; the end of time where there was none yet.
    pub at: UtcMs,
    /// The local day that has it.
    pub(super) day: i32,
    /// The variant that has it.
    pub(super) variant: Variant,
}

impl Default for First {
    fn default() -> Self {
        Self { at: UtcMs::MAX, day: 0, variant: Variant::A }
    }
}

impl First {
    /// Whether it was, and on one of these local days.
    #[must_use]
    pub fn is_on(&self, days: &RangeInclusive<i32>) -> bool {
        self.at != UtcMs::MAX && days.contains(&self.day)
    }

    fn read(bytes: &[u8; 13]) -> Option<Self> {
        let (at, rest) = bytes.split_first_chunk()?;
        let (day, &[variant @ 0..=1]) = rest.split_first_chunk()? else { return None };
        Some(Self {
            at: UtcMs(i64::from_le_bytes(*at)),
            day: i32::from_le_bytes(*day),
            variant: variant_of(variant),
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.at.0.to_le_bytes());
        out.extend(self.day.to_le_bytes());
        out.push(number_of(self.variant));
    }
}

/// A device that a campaign has reached or held out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Its first job, or where it is held out the first that was not made.
    pub job: First,
    /// The first one that it opened.
    pub click: First,
}

impl Row for Reach {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (job, click) = bytes.split_first_chunk()?;
        Some(Self { job: First::read(job)?, click: First::read(click.try_into().ok()?)? })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(26);
        self.job.put(&mut out);
        self.click.put(&mut out);
        out
    }
}

/// A visit, as its latest revision has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Visit {
    /// The first fix or hint inside, as it is known now.
    pub entered_at: UtcMs,
    /// The last one; `None` while the stay lasts.
    pub left_at: Option<UtcMs>,
    /// Of the latest one that was told, from 1.
    pub revision: u32,
    /// How sure it is, 0 to 100.
    pub confidence_pct: u8,
}

impl Row for Visit {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (entered_at, rest) = bytes.split_first_chunk()?;
        let (left_at, rest) = rest.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let &[confidence_pct @ 0..=100] = rest else { return None };
        let left_at = UtcMs(i64::from_le_bytes(*left_at));
        Some(Self {
            entered_at: UtcMs(i64::from_le_bytes(*entered_at)),
            left_at: (left_at != UtcMs::MAX).then_some(left_at),
            revision: u32::from_le_bytes(*revision),
            confidence_pct,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(21);
        out.extend(self.entered_at.0.to_le_bytes());
        out.extend(self.left_at.unwrap_or(UtcMs::MAX).0.to_le_bytes());
        out.extend(self.revision.to_le_bytes());
        out.push(self.confidence_pct);
        out
    }
}

/// Which outcomes of a job were heard, one bit a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Heard {
    pub(super) kinds: u8,
}

impl Row for Heard {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let &[kinds] = bytes else { return None };
        Some(Self { kinds })
    }

    fn to_bytes(&self) -> Vec<u8> {
        vec![self.kinds]
    }
}

/// A campaign of an account.
pub type CampaignKey = (AccountId, CampaignId);

/// What all rows of a campaign begin with.
pub(super) fn of_campaign((account, campaign): CampaignKey) -> Vec<u8> {
    [account.0.to_be_bytes(), campaign.0.to_be_bytes()].concat()
}

/// What a campaign did with a device, or did not. Where the share held out is changed, one may be both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// It was given a job.
    Reached = 0,
    /// A job for it was not made.
    HeldOut = 1,
}

/// The rows of a campaign's devices on one side.
pub(super) fn of_side(campaign: CampaignKey, side: Side) -> Vec<u8> {
    [&of_campaign(campaign)[..], &[side as u8]].concat()
}

/// The row of a campaign's device on one side.
pub(super) fn of_member(campaign: CampaignKey, side: Side, member: u64) -> Vec<u8> {
    [&of_side(campaign, side)[..], &member.to_be_bytes()].concat()
}

/// The rows of a campaign's local day.
pub(super) fn of_day(campaign: CampaignKey, day: i32) -> Vec<u8> {
    [&of_campaign(campaign)[..], &ordered(day)].concat()
}

/// The row of a campaign's device on a local day.
pub(super) fn of_member_day(campaign: CampaignKey, day: i32, member: u64) -> Vec<u8> {
    [&of_day(campaign, day)[..], &member.to_be_bytes()].concat()
}

/// The row of a campaign's variant on a local day.
pub(super) fn of_variant_day(campaign: CampaignKey, day: i32, variant: Variant) -> Vec<u8> {
    [&of_day(campaign, day)[..], &[number_of(variant)]].concat()
}

/// The row of a campaign's variant in a quarter of an hour.
pub(super) fn of_quarter(campaign: CampaignKey, quarter: Quarter, variant: Variant) -> Vec<u8> {
    [&of_campaign(campaign)[..], &quarter.0.to_be_bytes(), &[number_of(variant)]].concat()
}

/// The row of what a campaign withheld for one reason in a quarter of an hour.
pub(super) fn of_withheld(
    campaign: CampaignKey,
    quarter: Quarter,
    reason: SuppressReason,
) -> Vec<u8> {
    [&of_campaign(campaign)[..], &quarter.0.to_be_bytes(), &[reason.number()]].concat()
}

/// The row of what a campaign withheld for one reason in all.
pub(super) fn of_withheld_in_all(campaign: CampaignKey, reason: SuppressReason) -> Vec<u8> {
    [&of_campaign(campaign)[..], &[reason.number()]].concat()
}

/// The rows of devices seen through an app.
pub(super) fn of_app(account: AccountId, app: AppId) -> Vec<u8> {
    [account.0.to_be_bytes(), app.0.to_be_bytes()].concat()
}

/// The row of a device seen through an app.
pub(super) fn of_seen(account: AccountId, app: AppId, member: u64) -> Vec<u8> {
    [&of_app(account, app)[..], &member.to_be_bytes()].concat()
}

/// Visits of a place whose enter was first known at an instant or later. Instants before 1970 are none of ours.
pub(super) fn of_place(account: AccountId, place: PlaceId, from: UtcMs) -> Vec<u8> {
    let from = from.0.max(0).cast_unsigned().to_be_bytes();
    [&account.0.to_be_bytes()[..], &place.0.to_be_bytes(), &from].concat()
}

/// The row of a visit.
pub(super) fn of_visit(account: AccountId, place: PlaceId, first: UtcMs, member: u64) -> Vec<u8> {
    [&of_place(account, place, first)[..], &member.to_be_bytes()].concat()
}

/// What keys of a campaign's local days have behind the campaign, from a day on.
pub(super) fn from_day(day: i32) -> Vec<u8> {
    ordered(day).to_vec()
}

/// What keys of a campaign's quarters have behind the campaign, from a day (UTC) on.
pub(super) fn from_quarter_of_day(day: i32) -> Vec<u8> {
    Quarter::of(UtcMs(i64::from(day) * DAY_MS)).0.to_be_bytes().to_vec()
}

/// What keys of visits have behind the place, from a day (UTC) on.
pub(super) fn from_first_instant(day: i32) -> Vec<u8> {
    (i64::from(day) * DAY_MS).max(0).to_be_bytes().to_vec()
}

/// The campaign that a row is of.
pub(super) fn campaign_in(key: &[u8]) -> Option<CampaignId> {
    let (campaign, _) = key.get(4..)?.split_first_chunk()?;
    Some(CampaignId(u32::from_be_bytes(*campaign)))
}

/// Behind the campaign: the local day, and what follows it.
pub(super) fn day_in(key: &[u8]) -> Option<(i32, &[u8])> {
    let (day, rest) = key.get(8..)?.split_first_chunk()?;
    Some(((u32::from_be_bytes(*day) ^ SIGN).cast_signed(), rest))
}

/// Behind the campaign: the quarter, and what follows it.
pub(super) fn quarter_in(key: &[u8]) -> Option<(Quarter, &[u8])> {
    let (quarter, rest) = key.get(8..)?.split_first_chunk()?;
    Some((Quarter(u32::from_be_bytes(*quarter)), rest))
}

/// The member at a key's end.
pub(super) fn member_in(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|member| u64::from_be_bytes(*member))
}

/// The variant that a number stands for.
pub(super) fn variant_of(number: u8) -> Variant {
    if number == 0 { Variant::A } else { Variant::B }
}

fn number_of(variant: Variant) -> u8 {
    u8::from(variant == Variant::B)
}

const SIGN: u32 = 1 << 31;

/// Days before 1970 come first.
fn ordered(day: i32) -> [u8; 4] {
    (day.cast_unsigned() ^ SIGN).to_be_bytes()
}
