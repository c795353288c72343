//! What the engine remembers of a device: one 64-byte row, and the lists that hang on it.
//!
//! Rows live in the [`table`](super::table); the lists of stays hang directly on the row, the rarer ones
//! (triggers, used buckets, place hints, notes for visits, nights) on an [`Annex`], which most devices never get.

use crate::domain::campaign::RunMode;
use crate::domain::decision::{Bucket, Transition, Visit, VisitEnd};
use crate::domain::ids::{AppId, CampaignId, DeviceKey, PlaceId, TargetId};
use crate::domain::lots::InstallationKey;
use crate::domain::ping::PingFlags;
use crate::domain::reasons::SuppressReason;
use crate::domain::report::{HintVerdict, Platform};
use crate::domain::units::{PointE7, UtcMs};

use super::marks::UsedMarks;
use super::slab::Run;

/// One device, one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Row {
    /// Who.
    pub(crate) key: DeviceKey,
    /// The app of the last fix, through which a timer's push goes.
    pub(crate) app: AppId,
    /// Where it was last; meaningless unless [`Row::placed`].
    pub(crate) at: PointE7,
    /// When it was there.
    pub(crate) fixed_at: UtcMs,
    /// The accuracy of the last fix, m.
    pub(crate) accuracy_m: u16,
    /// The flags of the last fix, and [`HAS_POSITION`].
    pub(crate) flags: u16,
    /// The epoch (low 32 bits) its stays and triggers were last reconciled with.
    pub(crate) epoch: u32,
    /// Where it is inside, ascending by target.
    pub(crate) stays: Run<Stay>,
    /// Its annex, if it has one.
    pub(crate) annex: Option<AnnexId>,
}

const _: () = assert!(size_of::<Row>() == 64, "a row is one cache line");

/// Set in [`Row::flags`] once a fix, not only a place hint, has been seen.
const HAS_POSITION: u16 = 1 << 15;

impl Row {
    /// A device seen for the first time.
    pub(crate) fn new(key: DeviceKey, epoch: u32) -> Self {
        Self {
            key,
            app: AppId(0),
            at: PointE7::default(),
            fixed_at: UtcMs::MIN,
            accuracy_m: 0,
            flags: 0,
            epoch,
            stays: Run::default(),
            annex: None,
        }
    }

    /// Whether [`Row::at`] means something.
    pub(crate) fn placed(&self) -> bool {
        self.flags & HAS_POSITION != 0
    }

    /// Takes over the flags of a fix.
    pub(crate) fn set_flags(&mut self, flags: PingFlags) {
        self.flags = flags.0 & PingFlags::KNOWN | HAS_POSITION;
    }

    /// The flags of the last fix.
    pub(crate) fn ping_flags(&self) -> PingFlags {
        PingFlags(self.flags & PingFlags::KNOWN)
    }
}

/// The number of an annex, never 0 so that `Option` costs nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AnnexId(pub(crate) std::num::NonZeroU32);

/// From enter to exit at one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stay {
    /// Where.
    pub(crate) target: TargetId,
    /// The epoch (low 32 bits) it began in: campaigns that started later take it as entered later.
    pub(crate) began: u32,
    /// Since when.
    pub(crate) entered_at: UtcMs,
    /// The next dwell time that comes true here, s; `u32::MAX` when no campaign waits for one.
    pub(crate) next_dwell_s: u32,
    /// Fine fixes outside in a row.
    pub(crate) outside: u8,
    /// The epoch (low 32 bits) of the last fix or hint inside: campaigns that started later have not taken it.
    pub(crate) seen_in: u32,
    /// Whole seconds from the enter to the last hint inside, negative for one that came a little behind the fix;
    /// [`NEVER`] when none told of it.
    pub(crate) hinted_s: i32,
    /// Whether the last fix was inside. A coarse fix outside is neither that nor one of those in a row.
    pub(crate) inside: bool,
}

/// No hint has told of a stay.
pub(crate) const NEVER: i32 = i32::MIN;

/// What told of a device last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeardBy {
    /// Its last fix.
    Fix,
    /// A hint on the place of the stay.
    Hint,
}

impl Stay {
    /// When the device was last heard of here: by its last fix, which tells of every stay, or by a hint on the
    /// place. It hangs on what is remembered alone, not on the snapshot: a timer once passed over stays so
    /// until the policy changes.
    pub(crate) fn last_heard(&self, row: &Row) -> (UtcMs, HeardBy) {
        let fixed_at = if row.placed() { row.fixed_at } else { UtcMs::MIN };
        let hinted_at = self.entered_at + i64::from(self.hinted_s) * 1000;
        if self.hinted_s != NEVER && hinted_at >= fixed_at {
            (hinted_at, HeardBy::Hint)
        } else {
            (fixed_at, HeardBy::Fix)
        }
    }

    /// When the next dwell time comes true, if a campaign waits for one.
    pub(crate) fn deadline(&self) -> Option<UtcMs> {
        (self.next_dwell_s != u32::MAX).then(|| self.entered_at.plus_s(self.next_dwell_s))
    }
}

/// How far a trigger has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Its campaign started after the stay began: it takes the next inside fix as the enter.
    AwaitsInside = 0,
    /// Opens at the first inside fix at or past `due_at`, or by timer.
    Armed = 1,
    /// The condition has come true; it waits for the gates.
    Open = 2,
    /// Its campaign started after the stay began and wants a dwell: opens at `due_at` if the stay lasts.
    Dwelling = 3,
}

impl Phase {
    /// The phase with this number in a stored state.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::AwaitsInside, Self::Armed, Self::Open, Self::Dwelling]
            .into_iter()
            .find(|phase| *phase as u8 == number)
    }
}

/// A campaign's condition on its way to a job, for one device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Trigger {
    /// Whose.
    pub(crate) campaign: CampaignId,
    /// At which target the condition came true, or is expected to.
    pub(crate) target: TargetId,
    /// The epoch (low 32 bits) it was made in: a campaign run anew since is another.
    pub(crate) made_in: u32,
    /// How far it has come.
    pub(crate) phase: Phase,
    /// What comes true.
    pub(crate) transition: Transition,
    /// Whether its campaign was testing when it was made.
    pub(crate) mode: RunMode,
    /// The gate that stopped it last.
    pub(crate) stopped_by: Option<SuppressReason>,
    /// For [`Phase::Armed`] and [`Phase::Dwelling`] when it opens.
    pub(crate) due_at: UtcMs,
    /// When the stay began as this campaign sees it: the bucket of a test.
    pub(crate) since: UtcMs,
}

impl Trigger {
    /// Whether its condition has not come true yet.
    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::AwaitsInside | Phase::Dwelling)
    }

    /// When it opens by timer, if it waits for that.
    pub(crate) fn deadline(&self) -> Option<UtcMs> {
        match self.phase {
            Phase::Armed | Phase::Dwelling => Some(self.due_at),
            Phase::AwaitsInside | Phase::Open => None,
        }
    }
}

/// A bucket that has had its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UsedBucket {
    /// Whose.
    pub(crate) campaign: CampaignId,
    /// Which: its mode and span stand here side by side, so that no byte is padding for want of company.
    pub(crate) mode: RunMode,
    /// See [`Bucket::span`].
    pub(crate) span: i64,
    /// Kept at least until then.
    pub(crate) keep_until: UtcMs,
}

impl UsedBucket {
    /// Which.
    pub(crate) fn bucket(&self) -> Bucket {
        Bucket { mode: self.mode, span: self.span }
    }
}

/// The last word of a device on a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hint {
    /// Which store.
    pub(crate) place: PlaceId,
    /// What it found.
    pub(crate) verdict: HintVerdict,
    /// When.
    pub(crate) fixed_at: UtcMs,
}

/// A stay inside a place whose visits are measured: what late fixes may still change of it, and what was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct VisitNote {
    /// Where.
    pub(crate) target: TargetId,
    /// Which store.
    pub(crate) place: PlaceId,
    /// The last revision that was told; 0 while it is no visit.
    pub(crate) revision: u32,
    /// When it was first known to begin, for its id.
    pub(crate) first_entered_at: UtcMs,
    /// The first fix or hint inside.
    pub(crate) entered_at: UtcMs,
    /// The last instant before that at which the device may not have been inside: that of a fix, as a rule.
    pub(crate) outside_before: UtcMs,
    /// The last fix or hint inside.
    pub(crate) inside_at: UtcMs,
    /// The first instant after that at which it is known not to have been inside; [`UtcMs::MAX`] while there is none.
    pub(crate) outside_after: UtcMs,
    /// The last hint inside; [`UtcMs::MIN`] while none told of it.
    pub(crate) hinted_at: UtcMs,
    /// How it ended, if it has.
    pub(crate) ended_by: Option<VisitEnd>,
    /// By coordinates alone; 0 while it is no visit.
    pub(crate) confidence_pct: u8,
    /// The cell of the fix that made it a visit; 0 while it is none.
    pub(crate) cell: u64,
}

impl VisitNote {
    /// What is told of it.
    pub(crate) fn told(&self, device: DeviceKey, key: &InstallationKey) -> Visit {
        let hinted = self.hinted_at != UtcMs::MIN;
        Visit {
            id: key.visit_id(device, (self.place, self.target), self.first_entered_at),
            revision: self.revision,
            device,
            place: self.place,
            target: self.target,
            first_entered_at: self.first_entered_at,
            entered_at: self.entered_at,
            left_at: self.ended_by.map(|_| self.inside_at),
            ended_by: self.ended_by,
            hinted,
            confidence_pct: if hinted { 100 } else { self.confidence_pct },
            cell: self.cell,
        }
    }

    /// Whether a late fix of this instant may change it.
    pub(crate) fn is_open_to(&self, at: UtcMs) -> bool {
        let is_known = self.entered_at <= at && at <= self.inside_at;
        self.outside_before < at && at < self.outside_after && !is_known
    }

    /// Whether the hint that told of it was in force at an instant after it was last inside.
    pub(crate) fn is_hinted_at(&self, at: UtcMs, gap_ms: i64) -> bool {
        self.hinted_at != UtcMs::MIN && at > self.inside_at && at.since(self.hinted_at) <= gap_ms
    }

    /// The same with its bounds no wider than an instant at which the device was elsewhere.
    pub(crate) fn bounded_by(self, at: UtcMs) -> Self {
        if at < self.entered_at {
            Self { outside_before: self.outside_before.max(at), ..self }
        } else if at > self.inside_at {
            Self { outside_after: self.outside_after.min(at), ..self }
        } else {
            self
        }
    }
}

/// A cell that a device spent nights in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Night {
    /// The H3 cell.
    pub(crate) cell: u64,
    /// The local day of the last night there.
    pub(crate) last: i32,
    /// A bit for each night, that of the last one lowest, that of the night before it next.
    pub(crate) nights: u32,
}

/// A rejected jump, which a second one may confirm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Anchor {
    /// Where it jumped to.
    pub(crate) at: PointE7,
    /// When.
    pub(crate) fixed_at: UtcMs,
    /// How well known, m.
    pub(crate) accuracy_m: u16,
}

/// What only some devices need.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Annex {
    /// Campaigns on their way, ascending by campaign; at most one a campaign.
    pub(crate) triggers: Run<Trigger>,
    /// Buckets that had their job.
    pub(crate) buckets: Run<UsedBucket>,
    /// What those come to.
    pub(crate) used: UsedMarks,
    /// Place hints in force, at most one a place.
    pub(crate) hints: Run<Hint>,
    /// Stays at places that visits are or may be made of, in the order in which they began.
    pub(crate) visits: Run<VisitNote>,
    /// Where it spent its nights, in no particular order.
    pub(crate) nights: Run<Night>,
    /// The last rejected jump.
    pub(crate) anchor: Option<Anchor>,
    /// What the device said it is.
    pub(crate) profile: Option<ProfileNote>,
    /// Jobs of the last two local days that had any: around midnight fixes and hints of both may come in turn.
    pub(crate) pushes: [DayPushes; 2],
    /// Until when those counts may matter: the device is not evicted before.
    pub(crate) pushes_until: UtcMs,
}

/// Jobs of one local day, from all campaigns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DayPushes {
    /// The day; meaningless while there are none.
    pub(crate) day: i64,
    /// How many.
    pub(crate) count: u16,
}

/// Longer than any local day (25 h at a change of the clocks), so that what lasts a day outlives it.
pub(crate) const LONGEST_DAY_MS: i64 = 25 * 3_600_000;

impl Annex {
    /// Whether nothing hangs on it any more.
    pub(crate) fn is_blank(&self) -> bool {
        self.triggers.is_empty()
            && self.buckets.is_empty()
            && self.hints.is_empty()
            && self.visits.is_empty()
            && self.nights.is_empty()
            && self.anchor.is_none()
            && self.profile.is_none()
            && !self.has_pushes()
    }

    /// Whether a day's jobs are counted.
    pub(crate) fn has_pushes(&self) -> bool {
        self.pushes.iter().any(|of_day| of_day.count > 0)
    }

    /// Jobs of a local day.
    pub(crate) fn pushes_on(&self, day: i64) -> u16 {
        let of_day = self.pushes.iter().find(|of_day| of_day.count > 0 && of_day.day == day);
        of_day.map_or(0, |of_day| of_day.count)
    }

    /// Counts a job; of three days the earliest is forgotten.
    pub(crate) fn count_push(&mut self, day: i64) {
        let count = self.pushes_on(day).saturating_add(1);
        let [one, other] = &mut self.pushes;
        let is_of_day = |of_day: &DayPushes| of_day.count > 0 && of_day.day == day;
        let goes = |of_day: &DayPushes| (of_day.count > 0).then_some(of_day.day);
        let slot = if is_of_day(one) || (!is_of_day(other) && goes(one) <= goes(other)) {
            one
        } else {
            other
        };
        *slot = DayPushes { day, count };
    }

    /// Forgets counts of days that no fix or timer can be of any more.
    pub(crate) fn forget_old_pushes(&mut self, clock: UtcMs) {
        if self.has_pushes() && clock.since(self.pushes_until) > LONGEST_DAY_MS {
            self.pushes = Default::default();
        }
    }
}

/// A device profile as the gates need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ProfileNote {
    /// Hash of the echo code, as blacklists hold it; `None` without an echo code.
    pub(crate) echo: Option<u64>,
    /// Which system.
    pub(crate) platform: Platform,
    /// Agreed to advertising.
    pub(crate) ads_consent: bool,
    /// Agreed to advertising at night.
    pub(crate) night_consent: bool,
    /// What the partition's clock said when it came.
    pub(crate) heard_at: UtcMs,
}
