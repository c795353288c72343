//! Campaigns' conditions on their way: opened by a change of stays, kept while the stay lasts, closed once.
//!
//! A trigger belongs to (device, campaign). While its stay lasts it waits for the gates; when that stay ends
//! and the device is still inside another of the campaign's targets, the trigger moves there. Each is
//! counted when it opens and again when it closes, under one reason.

use crate::domain::campaign::{Condition, Frequency, RunMode};
use crate::domain::decision::Transition;
use crate::domain::ids::TargetId;
use crate::domain::reasons::SuppressReason;
use crate::domain::units::UtcMs;
use crate::snapshot::view::CampaignView;

use super::device::{Phase, Stay, Trigger};
use super::turn::{Basis, Turn};

impl<'s> Turn<'_, 's> {
    /// Brings stays and triggers in line with a snapshot that changed since the device's last turn.
    pub(crate) fn reconcile(&mut self) {
        let seen = self.row.epoch;
        if self.rules.epoch == seen {
            return;
        }
        if low_32(self.account.changed_in().0) > seen {
            self.end_unwatched_visits();
            self.end_removed_stays();
            self.drop_outdated_triggers();
            self.await_started_campaigns(seen);
            self.renew_dwells();
        }
        self.forget_old_buckets();
        self.row.epoch = self.rules.epoch;
    }

    /// A stay began: enter triggers open.
    pub(crate) fn stay_began(&mut self, stay: &Stay) {
        if !self.account.awaits(Transition::Enter) {
            return;
        }
        self.for_each_campaign(stay.target, |turn, campaign| {
            if campaign.condition() == Condition::Enter {
                turn.open(campaign, stay.target, Transition::Enter, stay.entered_at);
            }
        });
    }

    /// A dwell time came true at a stay: triggers of the campaigns that asked for it open, but for those
    /// that started after the stay, which wait on their own.
    pub(crate) fn dwell_came_true(&mut self, stay: &Stay, dwell_s: u32) {
        self.for_each_campaign(stay.target, |turn, campaign| {
            if campaign.condition() == (Condition::Dwell { dwell_s })
                && low_32(campaign.run_since().0) <= stay.began
            {
                turn.open(campaign, stay.target, Transition::Dwell, stay.entered_at);
            }
        });
    }

    /// A stay ended: its triggers move to another stay of their campaign or close; exit triggers open, but for
    /// those of campaigns that started after the device was last seen inside.
    pub(crate) fn stay_ended(&mut self, stay: &Stay) {
        let mut at = 0;
        while at < self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[at];
            if trigger.target != stay.target || trigger.transition == Transition::Exit {
                at += 1;
            } else if let Some(moved) = self.moved(&trigger, |_| true) {
                self.table.triggers.get_mut(self.annex.triggers)[at] = moved;
                at += 1;
            } else {
                self.close(at, None);
            }
        }
        if !self.account.awaits(Transition::Exit) {
            return;
        }
        self.for_each_campaign(stay.target, |turn, campaign| {
            let is_taken = low_32(campaign.run_since().0) <= stay.seen_in;
            if campaign.condition() == Condition::Exit && is_taken {
                turn.open(campaign, stay.target, Transition::Exit, stay.entered_at);
            }
        });
    }

    /// What is due opens at the stays that the device is inside and the turn concerns. At a fix or hint,
    /// campaigns that started meanwhile take their stay as entered now; a timer is no inside fix.
    pub(crate) fn run_due_triggers(&mut self) {
        let is_timer = self.moment.basis == Basis::Timer;
        for number in 0..self.annex.triggers.len() {
            let (trigger, is_inside) = self.brought_inside(number);
            if let Some(deadline) = trigger.deadline() {
                self.renew_timer(deadline);
            }
            // One that is open already has only been moved.
            if trigger.phase == Phase::Open || !is_inside || !self.concerns(trigger.target) {
                continue;
            }
            let next = match trigger.phase {
                Phase::AwaitsInside if !is_timer => self.taken_as_entered(&trigger),
                Phase::Armed | Phase::Dwelling if trigger.due_at <= self.moment.at => {
                    Trigger { phase: Phase::Open, ..trigger }
                }
                Phase::AwaitsInside | Phase::Armed | Phase::Dwelling | Phase::Open => continue,
            };
            if next.phase == Phase::Open {
                self.out.counts.triggers += 1;
                self.out.counts.open += 1;
            }
            self.table.triggers.get_mut(self.annex.triggers)[number] = next;
        }
    }

    fn is_inside(&self, target: TargetId) -> bool {
        self.stay_at(target).is_some_and(|stay| stay.inside)
    }

    /// The trigger, moved to where the device is, and whether it is inside there: a condition holds at any of the
    /// campaign's targets. A dwell under way is counted in its stay and waits for that.
    fn brought_inside(&mut self, number: usize) -> (Trigger, bool) {
        let trigger = self.table.triggers.get(self.annex.triggers)[number];
        let is_bound = trigger.transition == Transition::Exit || trigger.phase == Phase::Dwelling;
        let is_inside = self.is_inside(trigger.target);
        if is_bound || is_inside {
            return (trigger, is_inside);
        }
        let Some(moved) = self.moved(&trigger, |stay| stay.inside) else {
            return (trigger, false);
        };
        self.table.triggers.get_mut(self.annex.triggers)[number] = moved;
        (moved, true)
    }

    /// A stay that is older than its campaign, as if it were entered now: an enter has come true, a dwell
    /// begins.
    fn taken_as_entered(&mut self, trigger: &Trigger) -> Trigger {
        let since = self.moment.at;
        let condition = self.account.campaign(trigger.campaign).map(CampaignView::condition);
        let Some(Condition::Dwell { dwell_s }) = condition else {
            return Trigger { phase: Phase::Open, since, ..*trigger };
        };
        let due_at = since.plus_s(dwell_s);
        self.set_timer(due_at);
        Trigger { phase: Phase::Dwelling, due_at, since, ..*trigger }
    }

    /// Opens a trigger unless the campaign already has one for this device that has come true.
    fn open(
        &mut self,
        campaign: &CampaignView<'s>,
        target: TargetId,
        transition: Transition,
        since: UtcMs,
    ) {
        let trigger =
            Trigger { phase: Phase::Open, ..self.fresh(campaign, target, transition, since) };
        if self.add(trigger) {
            self.out.counts.triggers += 1;
            self.out.counts.open += 1;
        }
    }

    fn fresh(
        &self,
        campaign: &CampaignView<'s>,
        target: TargetId,
        transition: Transition,
        since: UtcMs,
    ) -> Trigger {
        Trigger {
            campaign: campaign.id(),
            target,
            made_in: self.rules.epoch,
            phase: Phase::AwaitsInside,
            transition,
            mode: campaign.mode(),
            stopped_by: None,
            due_at: since,
            since,
        }
    }

    /// Inserts in the order of campaigns, or over one that only waits for its condition; `false` if the
    /// campaign has a trigger already.
    fn add(&mut self, trigger: Trigger) -> bool {
        let triggers = self.table.triggers.get(self.annex.triggers);
        match triggers.binary_search_by_key(&trigger.campaign, |other| other.campaign) {
            Ok(at) if triggers[at].is_pending() && !trigger.is_pending() => {
                self.table.triggers.get_mut(self.annex.triggers)[at] = trigger;
                true
            }
            Ok(_) => false,
            Err(at) => self.table.triggers.insert(&mut self.annex.triggers, at, trigger),
        }
    }

    /// Removes a trigger without a job; an open one is counted under `reason`, or else under the gate that
    /// stopped it last.
    pub(crate) fn close(&mut self, at: usize, reason: Option<SuppressReason>) {
        let trigger = self.table.triggers.remove(&mut self.annex.triggers, at);
        if trigger.phase == Phase::Open {
            let reason = reason.or(trigger.stopped_by).unwrap_or(SuppressReason::State);
            self.out.suppress(reason);
            let device = self.row.key;
            self.out.note_fate(device, trigger.campaign, |fate| fate.closed = Some(reason));
            if trigger.mode == RunMode::Running {
                let of = (self.row.key.account, trigger.campaign);
                self.out.withhold(of, reason, self.moment.at);
            }
        }
    }

    /// After its job or its holdout: a campaign that resends waits for the next time while the stay lasts.
    pub(crate) fn rearm_or_drop(&mut self, at: usize, campaign: &CampaignView<'s>) {
        let trigger = self.table.triggers.get(self.annex.triggers)[at];
        match campaign.frequency() {
            Frequency::Resend { after_s }
                if campaign.mode() == RunMode::Running
                    && trigger.transition != Transition::Exit =>
            {
                let due_at = self.moment.at.plus_s(after_s);
                let rearmed = Trigger { phase: Phase::Armed, due_at, stopped_by: None, ..trigger };
                self.table.triggers.get_mut(self.annex.triggers)[at] = rearmed;
                self.set_timer(due_at);
            }
            Frequency::Resend { .. } | Frequency::OncePerDay | Frequency::OncePerPeriod => {
                self.table.triggers.remove(&mut self.annex.triggers, at);
            }
        }
    }

    /// The trigger at another stay of its campaign, if there is one: an open or armed one where the condition
    /// has come true as well, a pending one where the stay is older than the campaign too.
    fn moved(&self, trigger: &Trigger, suits: impl Fn(&Stay) -> bool) -> Option<Trigger> {
        let campaign = self.account.campaign(trigger.campaign)?;
        let goes_on = |stay: &&Stay| {
            let is_older = low_32(campaign.run_since().0) > stay.began;
            let fits = match (trigger.is_pending(), campaign.condition()) {
                (true, _) => is_older,
                (false, Condition::Dwell { dwell_s }) => !is_older && stay.next_dwell_s > dwell_s,
                (false, Condition::Enter | Condition::Exit) => true,
            };
            let is_other = stay.target != trigger.target && suits(stay);
            fits && is_other && self.watches(campaign, stay.target)
        };
        let target = self.stays().iter().find(goes_on)?.target;
        let phase = if trigger.is_pending() { Phase::AwaitsInside } else { trigger.phase };
        Some(Trigger { target, phase, ..*trigger })
    }

    fn watches(&self, campaign: CampaignView<'s>, target: TargetId) -> bool {
        self.account.target(target).is_some_and(|target| target.is_watched_by(campaign))
    }

    /// Closes triggers of campaigns that are gone or have been started anew, and of targets that their
    /// campaign watches no more.
    fn drop_outdated_triggers(&mut self) {
        let mut at = 0;
        while at < self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[at];
            let goes_on = self.account.campaign(trigger.campaign).is_some_and(|campaign| {
                low_32(campaign.run_since().0) <= trigger.made_in
                    && self.watches(campaign, trigger.target)
            });
            if goes_on {
                at += 1;
            } else {
                self.close(at, Some(SuppressReason::State));
            }
        }
    }

    /// Campaigns that started since `seen` take the stays already open as entered at the next inside fix.
    fn await_started_campaigns(&mut self, seen: u32) {
        for number in 0..self.row.stays.len() {
            let stay = self.stays()[number];
            self.for_each_campaign(stay.target, |turn, campaign| {
                let transition = match campaign.condition() {
                    Condition::Enter => Transition::Enter,
                    Condition::Dwell { .. } => Transition::Dwell,
                    Condition::Exit => return,
                };
                if low_32(campaign.run_since().0) > seen {
                    let trigger = turn.fresh(campaign, stay.target, transition, stay.entered_at);
                    turn.add(trigger);
                }
            });
        }
    }

    fn for_each_campaign(
        &mut self,
        target: TargetId,
        mut act: impl FnMut(&mut Self, &CampaignView<'s>),
    ) {
        let Some(target) = self.account.target(target) else { return };
        for campaign in target.campaigns() {
            act(self, &campaign);
        }
    }
}

/// Epochs are kept in 32 bits: four billion publications.
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is kept")]
pub(crate) fn low_32(epoch: u64) -> u32 {
    epoch as u32
}
