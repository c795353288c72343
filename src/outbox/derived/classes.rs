//! How long the figures keep what: classes of rows, the days of each, and from when on each is kept.
//!
//! A class is kept by whole days, by the time of what was counted: a store that nothing comes to removes nothing. From
//! when on it is kept is written down before anything of it is [removed](super::sweep), and never goes back, so who reads
//! can tell what is not whole any more.

use std::sync::atomic::{AtomicI32, Ordering};

use crate::domain::knobs::BadKnobs;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::refused::StoreError;

use super::pad::Pad;
use super::rows::Row;
use super::tables::{Sheet, Tables};

/// No class is kept for longer: ten years.
const MAX_DAYS: u16 = 3650;

/// Rows that are kept for the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Visits.
    Visits,
    /// Which device a campaign reached, and which one clicked, on which day.
    Devices,
    /// What days brought to campaigns, and, until the last of its days has gone, the first job of each device.
    Campaigns,
    /// What quarters of an hour brought to campaigns.
    Hours,
    /// When devices were seen last.
    Seen,
    /// Which jobs were made, and which outcomes of them were heard.
    Outcomes,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 6] =
        [Self::Visits, Self::Devices, Self::Campaigns, Self::Hours, Self::Seen, Self::Outcomes];

    /// What metrics call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Visits => "visits",
            Self::Devices => "devices",
            Self::Campaigns => "campaigns",
            Self::Hours => "hours",
            Self::Seen => "seen",
            Self::Outcomes => "outcomes",
        }
    }

    /// The knob that says for how many days.
    #[must_use]
    pub fn knob(self) -> &'static str {
        match self {
            Self::Visits => "retention.visits_days",
            Self::Devices => "retention.devices_days",
            Self::Campaigns => "retention.campaigns_days",
            Self::Hours => "retention.hours_days",
            Self::Seen => "retention.seen_days",
            Self::Outcomes => "retention.outcomes_days",
        }
    }

    /// Where it is written down from when on it is kept.
    fn mark(self) -> Vec<u8> {
        [b"kept:", self.label().as_bytes()].concat()
    }
}

/// How long figures are kept. Each is a number of days, by the time of what was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Visits. Default 400; 210 to 3,650: segments look back 180 days.
    pub visits_days: u16,
    /// Which device a campaign reached, and which one clicked, on which day: what distinct devices of a period are
    /// counted from. Default 400; 120 to 3,650. In the worst case no report can be had of a campaign's earlier days, and
    /// no visit report of a campaign that began before.
    pub devices_days: u16,
    /// What each day brought to a campaign; the first job of each of its devices is kept until the last of its days has
    /// gone. Default 1,100; 120 to 3,650, and no fewer than `devices_days`. In the worst case the live figures of a
    /// campaign that lasts for longer begin later than it did, and say so.
    pub campaigns_days: u16,
    /// What each quarter of an hour brought to a campaign. Default 100; 31 to 3,650.
    pub hours_days: u16,
    /// When a device was seen last. Default 40; 31 to 3,650: an audience is who was seen within 30 days.
    pub seen_days: u16,
    /// Jobs that were made, and what was heard of them: an outcome that comes later counts nothing. Default 60; 31 to
    /// 3,650, and no more than `devices_days`.
    pub outcomes_days: u16,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            visits_days: 400,
            devices_days: 400,
            campaigns_days: 1100,
            hours_days: 100,
            seen_days: 40,
            outcomes_days: 60,
        }
    }
}

impl RetentionConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("visits_days", self.visits_days, (210, MAX_DAYS), "days");
        bad.within("devices_days", self.devices_days, (120, MAX_DAYS), "days");
        // A device's first job must be known while its days are, or it would be counted as new on a later one.
        let least = self.devices_days.clamp(120, MAX_DAYS);
        bad.within("campaigns_days", self.campaigns_days, (least, MAX_DAYS), "days");
        bad.within("hours_days", self.hours_days, (31, MAX_DAYS), "days");
        bad.within("seen_days", self.seen_days, (31, MAX_DAYS), "days");
        // An outcome is counted on a day that is still there.
        bad.within("outcomes_days", self.outcomes_days, (31, least), "days");
        bad
    }

    fn days(&self, class: Class) -> u16 {
        match class {
            Class::Visits => self.visits_days,
            Class::Devices => self.devices_days,
            Class::Campaigns => self.campaigns_days,
            Class::Hours => self.hours_days,
            Class::Seen => self.seen_days,
            Class::Outcomes => self.outcomes_days,
        }
    }
}

/// From which day on each class is kept. Days are counted from 1970-01-01, by UTC where rows have an instant and local
/// where they have a local day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeptFrom([i32; Class::ALL.len()]);

impl KeptFrom {
    /// All that ever was.
    pub(super) const EVER: Self = Self([i32::MIN; Class::ALL.len()]);

    /// The first day of which all is kept.
    #[must_use]
    pub fn day(self, class: Class) -> i32 {
        self.0[class as usize]
    }

    /// When it begins.
    #[must_use]
    pub fn instant(self, class: Class) -> UtcMs {
        UtcMs(i64::from(self.day(class)) * DAY_MS)
    }

    /// With time gone on to `newest`. One day more stays than is asked for: the local day may be behind that of UTC, and
    /// the days that count are those before today.
    pub(super) fn gone_on(mut self, newest: UtcMs, config: &RetentionConfig) -> Self {
        for class in Class::ALL {
            let first = newest.utc_day() - i64::from(config.days(class)) - 1;
            let day = &mut self.0[class as usize];
            *day = (*day).max(i32::try_from(first).unwrap_or(i32::MIN));
        }
        self
    }

    /// As it is written down.
    pub(super) fn read(tables: &Tables) -> Result<Self, StoreError> {
        let (pad, mut kept) = (Pad::new(tables), Self::EVER);
        for class in Class::ALL {
            let day: Option<FirstDay> = pad.find(Sheet::Marks, &class.mark())?;
            kept.0[class as usize] = day.unwrap_or_default().0;
        }
        Ok(kept)
    }

    /// Writes down what has changed since it was `before`.
    pub(super) fn put(self, before: Self, pad: &mut Pad<'_>) {
        for class in Class::ALL.into_iter().filter(|class| self.day(*class) != before.day(*class)) {
            pad.put(Sheet::Marks, class.mark(), &FirstDay(self.day(class)));
        }
    }
}

struct FirstDay(i32);

impl Default for FirstDay {
    fn default() -> Self {
        Self(i32::MIN)
    }
}

impl Row for FirstDay {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(i32::from_le_bytes(bytes.try_into().ok()?)))
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }
}

/// The same, told by who removes to those who read.
#[derive(Debug)]
pub(super) struct Told([AtomicI32; Class::ALL.len()]);

impl Told {
    pub(super) fn new(kept: KeptFrom) -> Self {
        Self(kept.0.map(AtomicI32::new))
    }

    /// With release, before anything is removed: who has missed a row in reading, and looks here afterwards with
    /// acquire, sees the day.
    pub(super) fn tell(&self, kept: KeptFrom) {
        self.0.iter().zip(kept.0).for_each(|(told, day)| told.store(day, Ordering::Release));
    }

    pub(super) fn now(&self) -> KeptFrom {
        KeptFrom(self.0.each_ref().map(|day| day.load(Ordering::Acquire)))
    }
}
