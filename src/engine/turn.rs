//! One device's turn within a step: its row and annex taken out, worked on, and put back.
//!
//! [`stays`](super::stays) follows where the device is, [`triggers`](super::triggers) what that means for
//! campaigns, [`gates`](super::gates) and [`decide`](super::decide) what comes of it. All of them are
//! methods on a turn, in files of their own.

use std::cell::OnceCell;

use crate::domain::campaign::Condition;
use crate::domain::decision::Transition;
use crate::domain::fix::Fix;
use crate::domain::ids::{AppId, PlaceId, TargetId};
use crate::domain::lots::InstallationKey;
use crate::domain::ping::PingFlags;
use crate::domain::policy::{ClockMode, Policy};
use crate::domain::units::{PointE7, UtcMs};
use crate::snapshot::view::AccountView;

use super::device::{Annex, HeardBy, Hint, Row, Stay};
use super::gates::Known;
use super::grants::Grants;
use super::outputs::Outputs;
use super::table::{DeviceTable, RowId};
use super::timers::Timers;
use super::triggers::low_32;

/// What holds for every device of a step.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// The engine's numbers.
    pub(crate) policy: &'a Policy,
    /// What lots are drawn with.
    pub(crate) key: &'a InstallationKey,
    /// What the partition's clock said when the snapshot was published.
    pub(crate) published_at: UtcMs,
    /// The low 32 bits of the snapshot's epoch.
    pub(crate) epoch: u32,
}

/// What a turn rests on, and with that what it may bring about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Basis {
    /// A fix: all that the device waits for.
    Fix,
    /// A hint: what hangs on the targets of its place, and nothing else.
    Hint(PlaceId),
    /// A deadline: what time brings about, at targets that the device was heard of at lately; of the open
    /// triggers those that were never tried before.
    Timer,
    /// Silence or a jump: stays end as of the last fix, so that nothing but their exits is tried.
    Silence,
}

/// The instant a turn is about, and what is known of the device then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// What it rests on.
    pub(crate) basis: Basis,
    /// The instant of the fix or hint, or the deadline of the timer.
    pub(crate) at: UtcMs,
    /// The instant of the fix or hint that it rests on. A timer rests on what was last heard at each target.
    pub(crate) seen_at: UtcMs,
    /// What the clock of the policy says.
    pub(crate) now: UtcMs,
    /// The latest instant the partition has seen: timers due by then may have come up already.
    pub(crate) clock: UtcMs,
    /// The app that the fix came through.
    pub(crate) app: AppId,
    /// The accuracy of the fix, m.
    pub(crate) accuracy_m: u16,
    /// The flags of the fix.
    pub(crate) flags: PingFlags,
    /// Where; `None` for a hint before the first fix.
    pub(crate) point: Option<PointE7>,
}

impl Moment {
    /// That of a fix that came through an app.
    pub(crate) fn of_fix(fix: &Fix, app: AppId, (now, clock): (UtcMs, UtcMs)) -> Self {
        Self {
            basis: Basis::Fix,
            at: fix.fixed_at,
            seen_at: fix.fixed_at,
            now,
            clock,
            app,
            accuracy_m: fix.accuracy_m,
            flags: fix.flags,
            point: Some(fix.at),
        }
    }
}

/// Lists that a turn fills anew, kept for their memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    /// Targets that contain the fix, ascending.
    pub(crate) contained: Vec<TargetId>,
    /// The stays as they will be.
    pub(crate) stays: Vec<Stay>,
    /// Stays that ended in this turn.
    pub(crate) ended: Vec<Stay>,
    /// Targets entered in this turn.
    pub(crate) entered: Vec<TargetId>,
    /// What was last known of the place of the turn's hint before it.
    pub(crate) last_word: Option<Hint>,
}

/// One device's turn.
pub(crate) struct Turn<'a, 's> {
    pub(crate) account: AccountView<'s>,
    pub(crate) rules: Rules<'a>,
    pub(crate) moment: Moment,
    pub(crate) id: RowId,
    pub(crate) row: Row,
    pub(crate) annex: Annex,
    pub(crate) table: &'a mut DeviceTable,
    pub(crate) timers: &'a mut Timers,
    pub(crate) grants: &'a mut Grants,
    pub(crate) out: &'a mut Outputs,
    pub(crate) scratch: &'a mut Scratch,
    /// The local day of the moment, looked up when first asked for.
    pub(crate) day: OnceCell<Option<i64>>,
    /// What the gates have found out so far.
    pub(crate) known: Known,
}

impl Turn<'_, '_> {
    /// The local day of the moment; `None` outside the snapshot's calendar.
    pub(crate) fn day(&self) -> Option<i64> {
        *self.day.get_or_init(|| self.account.local_day(self.moment.at))
    }

    /// Puts row and annex back, without what has lost its meaning.
    pub(crate) fn finish(mut self) {
        self.annex.forget_old_pushes(self.moment.clock);
        self.forget_old_visits();
        *self.table.row_mut(self.id) = self.row;
        self.table.set_annex(self.id, self.annex);
    }

    /// The device's open stays, ascending by target.
    pub(crate) fn stays(&self) -> &[Stay] {
        self.table.stays.get(self.row.stays)
    }

    /// The device's stay at a target, if one is open.
    pub(crate) fn stay_at(&self, target: TargetId) -> Option<Stay> {
        let stays = self.stays();
        stays.binary_search_by_key(&target, |stay| stay.target).ok().map(|at| stays[at])
    }

    /// Whether something may come true at a target in this turn.
    pub(crate) fn concerns(&self, target: TargetId) -> bool {
        match self.moment.basis {
            Basis::Fix | Basis::Silence => true,
            Basis::Hint(place) => self
                .account
                .target(target)
                .and_then(|target| target.place())
                .is_some_and(|(other, _)| other == place),
            Basis::Timer => {
                let unheard_ms = self.moment.at.since(self.last_heard_at(target).0);
                unheard_ms < i64::from(self.rules.policy.stale_after_s) * 1000
            }
        }
    }

    /// When the fix or hint came that a push at `target` would rest on, and how exact it is, m. A hint needs no
    /// coordinates to decide its place.
    pub(crate) fn rests_on(&self, target: TargetId) -> (UtcMs, u16) {
        if self.moment.basis != Basis::Timer {
            return (self.moment.seen_at, self.moment.accuracy_m);
        }
        match self.last_heard_at(target) {
            (at, HeardBy::Fix) => (at, self.moment.accuracy_m),
            (at, HeardBy::Hint) => (at, 0),
        }
    }

    fn last_heard_at(&self, target: TargetId) -> (UtcMs, HeardBy) {
        let stay = self.stay_at(target);
        stay.map_or((self.row.fixed_at, HeardBy::Fix), |stay| stay.last_heard(&self.row))
    }

    /// The least dwell time above `than_s` that a campaign of `target` asks for in stays that began in epoch
    /// `began`; `u32::MAX` if none does. Campaigns that started later count for themselves.
    pub(crate) fn next_dwell_s(&self, target: TargetId, began: u32, than_s: u32) -> u32 {
        if !self.account.awaits(Transition::Dwell) {
            return u32::MAX;
        }
        let Some(target) = self.account.target(target) else { return u32::MAX };
        target
            .campaigns()
            .filter(|campaign| low_32(campaign.run_since().0) <= began)
            .filter_map(|campaign| match campaign.condition() {
                Condition::Dwell { dwell_s } if dwell_s > than_s => Some(dwell_s),
                Condition::Dwell { .. } | Condition::Enter | Condition::Exit => None,
            })
            .min()
            .unwrap_or(u32::MAX)
    }

    /// Asks again for a deadline that is to come for the device, but was passed by the partition's clock: a
    /// tick may have found the device too long unseen, before this fix arrived.
    pub(crate) fn renew_timer(&mut self, deadline: UtcMs) {
        if deadline > self.moment.at && deadline <= self.moment.clock {
            self.set_timer(deadline);
        }
    }

    /// Asks for a look at this device at `deadline`, where there are ticks to bring it up.
    pub(crate) fn set_timer(&mut self, deadline: UtcMs) {
        if self.rules.policy.clock == ClockMode::System {
            self.timers.add(deadline, self.row.key);
        }
    }
}
