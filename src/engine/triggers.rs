//! Campaigns' conditions on their way: opened by a change of stays, kept while the stay lasts, closed once.
//!
//! A trigger belongs to (device, campaign). While its stay lasts it waits for the gates; when that stay ends
//! and the device is still inside another of the campaign's targets, the trigger moves there. Each is
//! counted when it opens and again when it closes, under one reason.

use crate::domain::campaign::{Condition, Frequency, RunMode};
use crate::domain::decision::Transition;
use crate::domain::ids::{CampaignId, TargetId};
use crate::domain::reasons::SuppressReason;
use crate::domain::units::UtcMs;
use crate::snapshot::view::CampaignView;

use super::device::{Phase, Stay, Trigger};
use super::turn::Turn;

impl<'s> Turn<'_, 's> {
    /// Brings stays and triggers in line with a snapshot that changed since the device's last turn.
    pub(crate) fn reconcile(&mut self) {
        let seen = self.row.epoch;
        if self.rules.epoch == seen {
            return;
        }
        if low_32(self.account.changed_in().0) > seen {
            self.end_removed_stays();
            self.drop_outdated_triggers();
            self.await_started_campaigns(seen);
        }
        self.row.epoch = self.rules.epoch;
    }

    /// A stay began: enter triggers open.
    pub(crate) fn stay_began(&mut self, stay: &Stay) {
        self.for_each_campaign(stay.target, |turn, campaign| {
            if campaign.condition() == Condition::Enter {
                turn.open(campaign, stay.target, Transition::Enter, stay.entered_at);
            }
        });
    }

    /// A dwell time came true at a stay: triggers of the campaigns that asked for it open, but for those
    /// that started after the stay: they wait on their own.
    pub(crate) fn dwell_came_true(&mut self, stay: &Stay, dwell_s: u32) {
        self.for_each_campaign(stay.target, |turn, campaign| {
            if campaign.condition() == (Condition::Dwell { dwell_s })
                && low_32(campaign.run_since().0) <= stay.began
            {
                turn.open(campaign, stay.target, Transition::Dwell, stay.entered_at);
            }
        });
    }

    /// A stay ended: its triggers move to another stay of their campaign or close; exit triggers open.
    pub(crate) fn stay_ended(&mut self, stay: &Stay) {
        let mut at = 0;
        while at < self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[at];
            if trigger.target != stay.target || trigger.transition == Transition::Exit {
                at += 1;
            } else if let Some(other) = self.other_stay_for(&trigger) {
                let moved = &mut self.table.triggers.get_mut(self.annex.triggers)[at];
                moved.target = other.target;
                at += 1;
            } else {
                self.close(at, None);
            }
        }
        self.for_each_campaign(stay.target, |turn, campaign| {
            if campaign.condition() == Condition::Exit {
                turn.open(campaign, stay.target, Transition::Exit, stay.entered_at);
            }
        });
    }

    /// At an inside fix: campaigns that started meanwhile take their stay as entered now, and what is armed
    /// and due opens.
    pub(crate) fn run_due_triggers(&mut self, at: UtcMs) {
        for number in 0..self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[number];
            if trigger.phase == Phase::Open
                || !self.stay_at(trigger.target).is_some_and(|stay| stay.inside())
            {
                continue;
            }
            let Some(campaign) = self.account.campaign(trigger.campaign) else { continue };
            let next = match (trigger.phase, campaign.condition()) {
                (Phase::AwaitsInside, Condition::Dwell { dwell_s }) => {
                    let due_at = at.plus_s(dwell_s);
                    self.set_timer(due_at);
                    Trigger { phase: Phase::Armed, due_at, since: at, ..trigger }
                }
                (Phase::AwaitsInside, Condition::Enter | Condition::Exit) => {
                    self.out.counts.triggers += 1;
                    self.out.counts.open += 1;
                    Trigger { phase: Phase::Open, since: at, ..trigger }
                }
                (Phase::Armed, _) if trigger.due_at <= at => {
                    self.out.counts.triggers += 1;
                    self.out.counts.open += 1;
                    Trigger { phase: Phase::Open, ..trigger }
                }
                (Phase::Armed | Phase::Open, _) => continue,
            };
            self.table.triggers.get_mut(self.annex.triggers)[number] = next;
        }
    }

    /// Opens a trigger unless the campaign already has one for this device.
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
            stopped_by: None,
            due_at: since,
            since,
        }
    }

    /// Inserts in the order of campaigns; `false` if the campaign has a trigger already.
    fn add(&mut self, trigger: Trigger) -> bool {
        let triggers = self.table.triggers.get(self.annex.triggers);
        match triggers.binary_search_by_key(&trigger.campaign, |other| other.campaign) {
            Ok(_) => false,
            Err(at) => self.table.triggers.insert(&mut self.annex.triggers, at, trigger),
        }
    }

    /// Removes a trigger without a job; an open one is counted under `reason`, or else under the gate that
    /// stopped it last.
    pub(crate) fn close(&mut self, at: usize, reason: Option<SuppressReason>) {
        let trigger = self.table.triggers.remove(&mut self.annex.triggers, at);
        if trigger.phase == Phase::Open {
            self.out.suppress(reason.or(trigger.stopped_by).unwrap_or(SuppressReason::State));
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

    /// Another stay at one of the trigger's campaign's targets where its condition has come true as well.
    fn other_stay_for(&self, trigger: &Trigger) -> Option<Stay> {
        let campaign = self.account.campaign(trigger.campaign)?;
        self.stays()
            .iter()
            .find(|stay| self.keeps_alive(stay, trigger, campaign.condition()))
            .copied()
    }

    fn keeps_alive(&self, stay: &Stay, trigger: &Trigger, condition: Condition) -> bool {
        let came_true = match condition {
            Condition::Dwell { dwell_s } => {
                trigger.phase != Phase::Open || stay.next_dwell_s > dwell_s
            }
            Condition::Enter | Condition::Exit => true,
        };
        stay.target != trigger.target && came_true && self.watches(trigger.campaign, stay.target)
    }

    fn watches(&self, campaign: CampaignId, target: TargetId) -> bool {
        self.account
            .target(target)
            .is_some_and(|target| target.campaigns().any(|other| other.id() == campaign))
    }

    /// Closes triggers of campaigns that are gone or have been started anew, and of targets that their
    /// campaign watches no more.
    fn drop_outdated_triggers(&mut self) {
        let mut at = 0;
        while at < self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[at];
            let same_run = self
                .account
                .campaign(trigger.campaign)
                .is_some_and(|campaign| low_32(campaign.run_since().0) <= trigger.made_in);
            if same_run && self.watches(trigger.campaign, trigger.target) {
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
