//! The rules by which a fence is found not to do what it was drawn for. They read counts and geometry, and nothing else.

use super::fences::{Fence, FenceName};
use crate::domain::footfall::{Footfall, RETURN_S};

/// A fence that nobody has entered for so many whole days never matches: a week has every kind of day.
pub const NEVER_DAYS: u32 = 7;

/// A border flaps where so many per cent of those who leave are back within [`RETURN_S`]. Somebody who fetches what was
/// forgotten is one in ten.
pub const FLAP_SHARE_PCT: u64 = 20;

/// Exits below which their share says little.
pub const FLAP_FEWEST_EXITS: u32 = 30;

/// A fence overlaps where so many per cent of its area, or more, lie in one other.
pub const OVERLAP_SHARE_PCT: u8 = 50;

/// Fixes below which their accuracy says little.
pub const ACCURACY_FEWEST_FIXES: u64 = 30;

/// What is wrong with a fence. A closed list; one fence may have several.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// No device has entered it in seven whole days or more.
    NeverMatches,
    /// One in five of those who leave it, or more, are back within ten minutes.
    Flaps,
    /// Half of it, or more, lies in another fence.
    Overlaps,
    /// Half of the fixes that met it, or more, are coarser than it is large.
    SmallForAccuracy,
}

impl Finding {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] =
        [Self::NeverMatches, Self::Flaps, Self::Overlaps, Self::SmallForAccuracy];

    /// Its name in answers.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NeverMatches => "never_matches",
            Self::Flaps => "flaps",
            Self::Overlaps => "overlaps",
            Self::SmallForAccuracy => "small_for_accuracy",
        }
    }

    /// The finding of this name.
    #[must_use]
    pub fn named(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.label() == label)
    }
}

/// What is known of a fence.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Known<'f> {
    /// It.
    pub(super) fence: &'f Fence,
    /// What devices did there since it is watched, on the days that are kept.
    pub(super) footfall: Footfall,
    /// Whole days, before today, on which it was watched and all that happened was counted.
    pub(super) whole_days: u32,
    /// The other fence that has most of it, and whole per cent of its area.
    pub(super) overlap: Option<(&'f FenceName, u8)>,
}

impl Known<'_> {
    /// What is wrong with it, each with one sentence of what to do.
    pub(super) fn findings(&self) -> Vec<(Finding, String)> {
        let found = [
            (Finding::NeverMatches, self.never_matches()),
            (Finding::Flaps, self.flaps()),
            (Finding::Overlaps, self.overlaps()),
            (Finding::SmallForAccuracy, self.small_for_accuracy()),
        ];
        found.into_iter().filter_map(|(finding, advice)| Some((finding, advice?))).collect()
    }

    fn never_matches(&self) -> Option<String> {
        let is_never = self.footfall.enters == 0 && self.whole_days >= NEVER_DAYS;
        is_never.then(|| {
            format!(
                "No device has entered it in {} whole days: see whether it is drawn where people go and whether the campaign's apps send positions from there, or make it larger.",
                self.whole_days
            )
        })
    }

    fn flaps(&self) -> Option<String> {
        let Footfall { exits, returns, .. } = self.footfall;
        let share_pct = self.returns_pct()?;
        let flaps = exits >= FLAP_FEWEST_EXITS
            && u64::from(returns) * 100 >= u64::from(exits) * FLAP_SHARE_PCT;
        flaps.then(|| {
            format!(
                "{share_pct} % of those who leave are back within {} minutes: its border runs through where people stay; make it larger, or let the campaign wait for a dwell.",
                RETURN_S / 60
            )
        })
    }

    /// Per cent of those who leave that are back soon, rounded down.
    pub(super) fn returns_pct(&self) -> Option<u64> {
        let Footfall { exits, returns, .. } = self.footfall;
        (u64::from(returns) * 100).checked_div(exits.into())
    }

    fn overlaps(&self) -> Option<String> {
        let (other, share_pct) = self.overlap.filter(|(_, pct)| *pct >= OVERLAP_SHARE_PCT)?;
        let FenceName { kind, id, name, .. } = other;
        Some(format!(
            "{share_pct} % of it lies in {} {id}, {name:?}: who is here is there too; draw them apart, or leave one of the two to the campaigns.",
            kind.noun()
        ))
    }

    fn small_for_accuracy(&self) -> Option<String> {
        let coarser_m = self.footfall.coarser_than_m(50)?;
        let is_small = self.footfall.fixes() >= ACCURACY_FEWEST_FIXES
            && self.fence.size_m <= f32::from(coarser_m);
        is_small.then(|| {
            format!(
                "Half of the fixes that met it are coarser than {coarser_m} m, and it is {:.0} m in size: make it larger than that, or use place hints (Wi-Fi, beacon) if it is a store.",
                self.fence.size_m
            )
        })
    }
}
