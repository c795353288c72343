//! Looks at the fences of an account: within bounds, some accounts at a time, and not again for a moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fences::{Fence, FenceName, Running, fences};
use super::findings::{Finding, Known};
use super::overlaps::overlaps;
use crate::control::compiler::targets::TargetKey;
use crate::control::refusal::Refusal;
use crate::control::reports::subject::day_of;
use crate::control::room::Room;
use crate::domain::footfall::Footfall;
use crate::domain::ids::{AccountId, Epoch, TargetId};
use crate::domain::turns::Turn;
use crate::domain::units::{DAY_MS, UtcMs};
use crate::outbox::derived::{Figures, FiguresError};
use crate::snapshot::slot::Slot;
use crate::snapshot::view::AccountView;

/// Accounts that are looked at at a time: each takes a processor for some seconds, and up to 200 MB.
const AT_ONCE: u32 = 2;

/// Of one account, so that others find room.
const AT_ONCE_OF_ONE: u32 = 1;

/// How long what was found is told again: about as long as it takes for shards to tell more.
const FRESH_MS: i64 = 20_000;

/// Accounts whose findings are kept.
const MOST_KEPT: usize = 16;

/// Findings of an account that are told; some 500 bytes each.
pub(super) const MOST_FINDINGS: usize = 10_000;

/// Campaigns of a fence that are named.
pub(super) const MOST_CAMPAIGNS: usize = 100;

/// Finds what is wrong with fences. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FenceHealth {
    figures: Figures,
    slot: Arc<Slot>,
    looking: Arc<Room>,
    /// The one looked at last stands last.
    kept: Arc<Mutex<Kept>>,
}

/// What was found, by account.
type Kept = Vec<(AccountId, Arc<Looked>)>;

/// What was found of an account's fences.
#[derive(Clone, PartialEq, Debug)]
pub struct Looked {
    /// When.
    at: UtcMs,
    /// What its targets and campaigns were then.
    changed_in: Epoch,
    /// By fence and finding.
    pub(super) found: Vec<(TargetKey, FoundFence)>,
    /// Days that were counted, as dates of UTC, today's among them.
    pub(super) counted_days: Vec<String>,
    /// What keeps the list from being whole.
    pub(super) cut_short: Vec<CutShort>,
}

/// One finding.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FoundFence {
    /// The geofence or store.
    #[serde(flatten)]
    pub fence: FenceName,
    /// The numbers of the running campaigns that use it, ascending; the first hundred.
    pub campaigns: Vec<u32>,
    /// What is wrong with it.
    pub finding: Finding,
    /// What to do, in one sentence.
    pub advice: String,
    /// The first day that the counts are of, UTC, as 2026-11-23: on which it began to be watched, or the first one kept.
    pub since: String,
    /// What it rests on.
    #[serde(flatten)]
    pub figures: FenceFigures,
}

/// What a finding rests on.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct FenceFigures {
    /// Its radius, or √(area/π) of a polygon, m.
    pub size_m: u32,
    /// Times that a device entered it.
    pub enters: u32,
    /// Times that a device left it and was remembered for ten minutes; under load not all are.
    pub exits: u32,
    /// Of these exits, those after which the device was back within ten minutes.
    pub returns: u32,
    /// The same per cent, rounded down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns_pct: Option<u64>,
    /// Devices that were inside with a position too coarse to count.
    pub too_coarse: u32,
    /// At least half of the fixes that entered it, or were too coarse to, are coarser than this, m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_accuracy_m: Option<u16>,
    /// At least one in ten of them is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenth_accuracy_m: Option<u16>,
    /// The other fence that has most of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlaps: Option<OverlapFigures>,
}

/// What of a fence lies in another.
#[derive(Clone, PartialEq, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct OverlapFigures {
    /// The other.
    pub with: FenceName,
    /// Per cent of the fence's own area, measured on a grid of points: where a border passes through, off by a few.
    pub share_pct: u8,
}

/// What keeps a list from being whole.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CutShort {
    /// The running campaigns watch more than 100,000 fences; the others were not looked at.
    Fences,
    /// It would take too long to find all overlaps; some may be missing.
    Overlaps,
    /// On some of the days there was not room to count all that happened; these do not count towards a fence that never
    /// matches.
    Counts,
    /// There are more than 10,000 findings; the others are missing.
    Findings,
}

impl FenceHealth {
    /// By what was counted, for the snapshot in the slot.
    #[must_use]
    pub fn new(figures: Figures, slot: Arc<Slot>) -> Self {
        let looking = Arc::new(Room::of("looks at fences", AT_ONCE, AT_ONCE_OF_ONE));
        Self { figures, slot, looking, kept: Arc::default() }
    }

    /// What was found a moment ago, if nothing has changed since.
    #[must_use]
    pub fn known(&self, account: AccountId, now: UtcMs) -> Option<Arc<Looked>> {
        let pinned = self.slot.pin();
        let changed_in = pinned.as_ref()?.view().account(account)?.changed_in();
        let kept = self.kept();
        let (_, looked) = kept.iter().find(|(of, _)| *of == account)?;
        let is_fresh = (0..FRESH_MS).contains(&now.since(looked.at));
        (is_fresh && looked.changed_in == changed_in).then(|| Arc::clone(looked))
    }

    /// Leave for an account to have its fences looked at, if not too many have.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub fn leave(&self, account: AccountId) -> Result<Turn, Refusal> {
        self.looking.enter(account)
    }

    /// Looks at the fences of an account whose campaigns run. Blocks on the disk, and for some seconds where there are
    /// many.
    ///
    /// # Errors
    /// [`FiguresError`] if what was counted can't be read.
    pub fn look(
        &self,
        account: AccountId,
        running: &Running,
        now: UtcMs,
        _leave: &Turn,
    ) -> Result<Arc<Looked>, FiguresError> {
        let current = self.slot.current();
        let view = current.as_ref().and_then(|loaded| loaded.view().account(account));
        let counts = Counts::of(&self.figures, account, now)?;
        let looked = match view {
            Some(view) => counts.looked_at(&self.figures, view, running)?,
            None => counts.nothing(Epoch(0)),
        };
        let looked = Arc::new(looked);
        let mut kept = self.kept();
        kept.retain(|(of, _)| *of != account);
        if kept.len() >= MOST_KEPT {
            kept.remove(0);
        }
        kept.push((account, Arc::clone(&looked)));
        Ok(looked)
    }

    /// Held for moments; its content is whole between statements, so a poisoned lock is as good as any.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was counted of an account, by day.
struct Counts {
    account: AccountId,
    now: UtcMs,
    /// Days that were counted, and whether in full.
    days: BTreeMap<i32, bool>,
}

impl Counts {
    fn of(figures: &Figures, account: AccountId, now: UtcMs) -> Result<Self, FiguresError> {
        Ok(Self { account, now, days: figures.footfall_days(account)? })
    }

    fn nothing(&self, changed_in: Epoch) -> Looked {
        let counted_days = self.days.keys().map(|day| day_of(*day).to_string()).collect();
        Looked { at: self.now, changed_in, found: Vec::new(), counted_days, cut_short: Vec::new() }
    }

    fn looked_at(
        &self,
        figures: &Figures,
        view: AccountView<'_>,
        running: &Running,
    ) -> Result<Looked, FiguresError> {
        let mut looked = self.nothing(view.changed_in());
        let (fences, is_all) = fences(view, running);
        looked.cut_short.extend((!is_all).then_some(CutShort::Fences));
        let shapes = fences.iter().map_while(|fence| fence.shape(view));
        let (overlaps, is_all) = overlaps(&fences, shapes);
        looked.cut_short.extend((!is_all).then_some(CutShort::Overlaps));
        let is_counted = self.days.values().all(|is_all| *is_all);
        looked.cut_short.extend((!is_counted).then_some(CutShort::Counts));
        let footfalls = self.footfalls(figures, &fences)?;
        for ((fence, footfall), overlap) in fences.iter().zip(footfalls).zip(overlaps) {
            let overlap = overlap.map(|one| (&fences[one.other].name, one.share_pct));
            let days = self.days_of(fence);
            let known = Known { fence, footfall, whole_days: days.whole, overlap };
            for (finding, advice) in known.findings() {
                if looked.found.len() >= MOST_FINDINGS {
                    looked.cut_short.push(CutShort::Findings);
                    return Ok(looked);
                }
                let told = known.told(finding, advice, day_of(days.first).to_string());
                looked.found.push((fence.key, told));
            }
        }
        Ok(looked)
    }

    /// What devices did at each fence since it is watched.
    fn footfalls(
        &self,
        figures: &Figures,
        fences: &[Fence],
    ) -> Result<Vec<Footfall>, FiguresError> {
        let places: HashMap<TargetId, usize> =
            fences.iter().enumerate().map(|(at, fence)| (fence.target, at)).collect();
        let mut footfalls = vec![Footfall::default(); fences.len()];
        for &day in self.days.keys() {
            figures.footfalls(day, self.account, |target, more| {
                let watched = places.get(&target).filter(|at| first_day(&fences[**at]) <= day);
                if let Some(&at) = watched {
                    footfalls[at].add(more);
                }
            })?;
        }
        Ok(footfalls)
    }

    fn days_of(&self, fence: &Fence) -> DaysOf {
        let (first, today) = (first_day(fence), self.now.utc_day());
        let counted = || self.days.range(first..);
        let is_whole = |(day, is_all): &(&i32, &bool)| {
            let is_over = i64::from(**day) < today;
            **is_all && is_over && UtcMs(i64::from(**day) * DAY_MS) >= fence.since
        };
        DaysOf {
            first: counted().next().map_or(first, |(day, _)| *day),
            whole: u32::try_from(counted().filter(is_whole).count()).unwrap_or(u32::MAX),
        }
    }
}

/// The days on which a fence was watched and counted.
struct DaysOf {
    /// The first of them.
    first: i32,
    /// Whole ones, before today, with all that happened.
    whole: u32,
}

/// The UTC day on which a fence began to be watched.
fn first_day(fence: &Fence) -> i32 {
    i32::try_from(fence.since.utc_day()).unwrap_or(i32::MAX)
}

impl Known<'_> {
    /// One of its findings, as callers get it.
    fn told(&self, finding: Finding, advice: String, since: String) -> FoundFence {
        let Footfall { enters, exits, returns, too_coarse, .. } = self.footfall;
        let overlaps =
            self.overlap.map(|(with, share_pct)| OverlapFigures { with: with.clone(), share_pct });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size is no less than 0 and no more than the earth's"
        )]
        let size_m = self.fence.size_m.round() as u32;
        FoundFence {
            fence: self.fence.name.clone(),
            campaigns: self.fence.campaigns.iter().copied().take(MOST_CAMPAIGNS).collect(),
            finding,
            advice,
            since,
            figures: FenceFigures {
                size_m,
                enters,
                exits,
                returns,
                returns_pct: self.returns_pct(),
                too_coarse,
                median_accuracy_m: self.footfall.coarser_than_m(50),
                tenth_accuracy_m: self.footfall.coarser_than_m(10),
                overlaps,
            },
        }
    }
}
