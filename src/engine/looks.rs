//! A turn as `explain` looks at it: the case that the gates are asked, and what became of it.
//!
//! Looks before and after the decision, and does nothing else; without a [`Trace`](super::trace::Trace), or for
//! another device, it is one comparison.

use crate::domain::campaign::RunMode;
use crate::domain::decision::Transition;
use crate::domain::fix::Fix;
use crate::domain::ids::{CampaignId, DeviceKey, TargetId};
use crate::domain::units::UtcMs;
use crate::snapshot::view::{CampaignView, SnapshotView};

use super::device::{Phase, Trigger};
use super::gates::GATES;
use super::outputs::Outputs;
use super::partition::{Common, Partition, last_known};
use super::trace::{
    CaseLook, Fate, GateLook, Look, LookBasis, Seen, StayLook, TriggerLook, UsedLook,
};
use super::turn::{Basis, Turn};

impl Partition {
    /// Looks at the traced device as it was last known, without a moment of its own; nothing where it is not known.
    /// The partition is left as it is.
    pub(crate) fn look_now(&mut self, view: SnapshotView<'_>, out: &mut Outputs) {
        let Some((device, _)) = out.trace.as_ref().map(|trace| trace.subject()) else { return };
        let Some(id) = self.table.find(device) else { return };
        let Some(account) = view.account(device.account) else { return };
        let row = self.table.row(id);
        if row.fixed_at == UtcMs::MIN {
            return;
        }
        let (at, clock) = (row.fixed_at, self.clock);
        let moment = last_known(row, at, at, clock, Basis::Fix);
        let turn = self.turn(id, account, moment, out);
        let seen = turn.begin_look();
        let Some(trace) = &mut turn.out.trace else { return };
        if let Some(seen) = seen {
            let look = Look::of(&turn.moment, seen);
            trace.push(Look { basis: LookBasis::LastKnown, ..look });
        }
    }

    /// Notes a fix that is not followed, where somebody looks.
    pub(super) fn pass_over(
        &self,
        common: &Common<'_>,
        fix: &Fix,
        now: UtcMs,
        why: Seen,
        out: &mut Outputs,
    ) {
        if let Some(trace) = &mut out.trace {
            let device = DeviceKey { account: common.account.id(), device: fix.device };
            trace.pass_over(device, fix, (common.app, now), why);
        }
    }
}

impl<'s> Turn<'_, 's> {
    /// The campaign that is looked at, if this is the device.
    fn looked_at(&self) -> Option<CampaignId> {
        let (device, campaign) = self.out.trace.as_ref()?.subject();
        (device == self.row.key).then_some(campaign)
    }

    /// What the gates are about to be asked; `None` where nobody looks.
    #[inline]
    pub(super) fn begin_look(&self) -> Option<Seen> {
        self.out.trace.as_ref()?;
        let id = self.looked_at()?;
        Some(self.account.campaign(id).map_or(Seen::NotInForce, |campaign| {
            let mut look = self.case_look(&campaign);
            self.add_standing(&campaign, &mut look);
            Seen::Case(Box::new(look))
        }))
    }

    /// Adds what became of it; `winner` is the campaign that won the moment.
    pub(super) fn end_look(&mut self, seen: Option<Seen>, winner: Option<CampaignId>) {
        let Some(mut seen) = seen else { return };
        let fate = self.out.trace.as_mut().map(|trace| trace.end_turn()).unwrap_or_default();
        let campaign = self.looked_at().and_then(|id| self.account.campaign(id));
        if let (Seen::Case(look), Some(campaign)) = (&mut seen, campaign) {
            let passed = look.tried && look.mode == RunMode::Running && look.stopped_by().is_none();
            let outranked_by = winner.filter(|winner| passed && *winner != campaign.id());
            look.fate = Fate { outranked_by, ..fate };
            self.add_standing(&campaign, look);
        }
        let look = Look::of(&self.moment, seen);
        if let Some(trace) = &mut self.out.trace {
            trace.push(look);
        }
    }

    /// What there is of a campaign when its trigger is to be tried, or if it were.
    fn case_look(&self, campaign: &CampaignView<'s>) -> CaseLook {
        let trigger = self.trigger_of(campaign.id());
        let contained = self.contained_by(campaign);
        let target = self.target_in_question(campaign, trigger.as_ref(), &contained);
        let supposed = trigger.unwrap_or(self.supposed(campaign, target));
        let case = self.case(campaign, &supposed);
        let gate = |(gate, passes, inputs): &super::gates::Gate| GateLook {
            gate: *gate,
            passed: passes(&case),
            inputs: inputs(&case),
        };
        let (key, device) = (self.rules.key, self.row.key);
        let not_taken: Vec<TargetId> =
            contained.into_iter().filter(|target| self.stay_at(*target).is_none()).collect();
        let overruled = not_taken.iter().any(|target| {
            let target = self.account.target(*target);
            target.is_some_and(|target| self.hint_for(&target, self.moment.at) == Some(false))
        });
        CaseLook {
            mode: campaign.mode(),
            gates: GATES.iter().map(gate).collect(),
            target,
            stays: Vec::new(),
            not_taken,
            overruled,
            trigger: trigger.as_ref().map(TriggerLook::from),
            tried: trigger.is_some_and(|trigger| self.may_try(&trigger)),
            then: None,
            fate: Fate::default(),
            bucket: case.bucket,
            used: Vec::new(),
            held_out: key.held_out(campaign.id(), device, campaign.holdout_pct()),
        }
    }

    /// Puts in what holds now of stays, trigger and buckets.
    fn add_standing(&self, campaign: &CampaignView<'s>, look: &mut CaseLook) {
        let watched = |target: TargetId| {
            self.account.target(target).is_some_and(|target| target.is_watched_by(*campaign))
        };
        look.stays = self
            .stays()
            .iter()
            .filter(|stay| watched(stay.target))
            .map(|stay| StayLook {
                target: stay.target,
                entered_at: stay.entered_at,
                inside: stay.inside,
            })
            .collect();
        look.then = self.trigger_of(campaign.id()).as_ref().map(TriggerLook::from);
        let (key, device, id) = (self.rules.key, self.row.key, campaign.id());
        let buckets = self.table.buckets.get(self.annex.buckets).iter();
        look.used = buckets
            .filter(|used| used.campaign == id)
            .map(|used| UsedLook {
                bucket: used.bucket(),
                job: key.job_id(id, device, used.bucket()),
                keep_until: used.keep_until,
            })
            .collect();
    }

    fn trigger_of(&self, campaign: CampaignId) -> Option<Trigger> {
        let triggers = self.table.triggers.get(self.annex.triggers);
        let at = triggers.binary_search_by_key(&campaign, |trigger| trigger.campaign).ok()?;
        Some(triggers[at])
    }

    /// The campaign's targets that contain the moment's point, ascending.
    fn contained_by(&self, campaign: &CampaignView<'s>) -> Vec<TargetId> {
        let Some(point) = self.moment.point else { return Vec::new() };
        let (index, mut contained) = (self.account.index(), Vec::new());
        index.targets(index.locate(point), &mut contained);
        contained.retain(|target| {
            self.account.target(*target).is_some_and(|target| target.is_watched_by(*campaign))
        });
        contained
    }

    /// The one that a push would be about.
    fn target_in_question(
        &self,
        campaign: &CampaignView<'s>,
        trigger: Option<&Trigger>,
        contained: &[TargetId],
    ) -> TargetId {
        let of_trigger = trigger.map(|trigger| trigger.target);
        let any = || campaign.targets().next().unwrap_or(TargetId::NATIONWIDE);
        of_trigger.or(contained.first().copied()).unwrap_or_else(any)
    }

    /// The trigger that there would be, had the condition come true now.
    fn supposed(&self, campaign: &CampaignView<'s>, target: TargetId) -> Trigger {
        Trigger {
            campaign: campaign.id(),
            target,
            made_in: self.rules.epoch,
            phase: Phase::Open,
            transition: Transition::Enter,
            mode: campaign.mode(),
            stopped_by: None,
            due_at: self.moment.at,
            since: self.stay_at(target).map_or(self.moment.at, |stay| stay.entered_at),
        }
    }
}

impl CaseLook {
    /// The first gate that is in the way.
    pub(crate) fn stopped_by(&self) -> Option<&GateLook> {
        self.gates.iter().find(|gate| !gate.passed)
    }
}
