//! From open triggers to jobs: every gate, then arbitration, then the holdout; only the winner is charged.

use std::cell::OnceCell;

use h3o::{LatLng, Resolution};

use crate::domain::campaign::{Frequency, RunMode, Variant};
use crate::domain::decision::{AttributionEvent, Bucket, EventKind, Output, PushJob, Transition};
use crate::domain::ids::JobId;
use crate::domain::ping::PingFlags;
use crate::domain::reasons::SuppressReason;
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;
use crate::snapshot::view::CampaignView;

use super::device::{Phase, Trigger, UsedBucket};
use super::gates::{Case, bucket, limits};
use super::turn::Turn;

/// Which open triggers a turn tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    /// All of them: a fix or a hint has come.
    Every,
    /// Those never tried before: a timer made them.
    Fresh,
}

impl<'s> Turn<'_, 's> {
    /// Tries the open triggers. Tests push at once; of the others one wins the moment.
    pub(crate) fn decide(&mut self, attempt: Attempt) {
        let mut winner: Option<(i32, Trigger)> = None;
        let mut at = 0;
        while at < self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[at];
            if !self.may_try(&trigger, attempt) {
                at += 1;
                continue;
            }
            let before = self.annex.triggers.len();
            let Some(campaign) = self.account.campaign(trigger.campaign) else {
                self.close(at, Some(SuppressReason::State));
                continue;
            };
            if let Some(reason) = self.gate(&campaign, &trigger) {
                self.stop(at, reason);
            } else if campaign.mode() == RunMode::Testing {
                self.push(at, &campaign);
            } else {
                // Until a better one comes, or for good, this is what stops it.
                self.note(at, SuppressReason::Arbitration);
                let rank = (campaign.priority(), trigger);
                if winner.is_none_or(|best| outranks(&rank, &best)) {
                    winner = Some(rank);
                }
            }
            at += usize::from(self.annex.triggers.len() == before);
        }
        if let Some((_, trigger)) = winner {
            self.award(&trigger);
        }
        self.close_exits();
    }

    /// Which gate stops the trigger now, if one does.
    fn gate(&mut self, campaign: &CampaignView<'s>, trigger: &Trigger) -> Option<SuppressReason> {
        let case = Case {
            account: self.account,
            campaign: *campaign,
            target: trigger.target,
            device: self.row.key,
            moment: &self.moment,
            bucket: bucket(self.account, campaign, self.moment.at, trigger.since),
            annex: &self.annex,
            used: self.table.buckets.get(self.annex.buckets),
            grants: self.grants,
            policy: self.rules.policy,
            key: self.rules.key,
            member: OnceCell::new(),
        };
        let stopped = case.stopped_by();
        if stopped == Some(SuppressReason::Quota)
            && let Some(limit) = case.missing_grant()
        {
            self.out.want(limit);
        }
        stopped
    }

    /// A trigger is tried while the device is inside its stay; an exit is tried once, on the spot.
    fn may_try(&self, trigger: &Trigger, attempt: Attempt) -> bool {
        let wanted = attempt == Attempt::Every || trigger.stopped_by.is_none();
        let inside = trigger.transition == Transition::Exit
            || self.stay_at(trigger.target).is_some_and(|stay| stay.inside);
        trigger.phase == Phase::Open && wanted && inside
    }

    fn stop(&mut self, at: usize, reason: SuppressReason) {
        if reason.leaves_open() {
            self.note(at, reason);
        } else {
            self.close(at, Some(reason));
        }
    }

    fn note(&mut self, at: usize, reason: SuppressReason) {
        self.table.triggers.get_mut(self.annex.triggers)[at].stopped_by = Some(reason);
    }

    fn award(&mut self, winner: &Trigger) {
        let triggers = self.table.triggers.get(self.annex.triggers);
        let Ok(at) = triggers.binary_search_by_key(&winner.campaign, |trigger| trigger.campaign)
        else {
            return;
        };
        if let Some(campaign) = self.account.campaign(winner.campaign) {
            self.push(at, &campaign);
        }
    }

    fn close_exits(&mut self) {
        let mut at = 0;
        while at < self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[at];
            if trigger.transition == Transition::Exit && trigger.phase == Phase::Open {
                self.close(at, None);
            } else {
                at += 1;
            }
        }
    }

    /// Charges bucket and cap and makes the job, or the `held_out` event in its place.
    fn push(&mut self, at: usize, campaign: &CampaignView<'s>) {
        let trigger = self.table.triggers.get(self.annex.triggers)[at];
        let test = campaign.mode() == RunMode::Testing;
        let device = self.row.key;
        let used = bucket(self.account, campaign, self.moment.at, trigger.since);
        let job = self.rules.key.job_id(campaign.id(), device, used);
        self.remember_bucket(campaign, used);
        let held_out =
            !test && self.rules.key.held_out(campaign.id(), device, campaign.holdout_pct());
        if !test {
            self.charge_cap();
        }
        if held_out {
            self.out.suppress(SuppressReason::HeldOut);
            self.emit_event(EventKind::HeldOut, &trigger, campaign, job);
        } else {
            if !test {
                self.charge_grants(campaign);
            }
            self.out.counts.jobs += 1;
            self.out.counts.open -= 1;
            self.emit_job(&trigger, campaign, job);
            self.emit_event(EventKind::Matched, &trigger, campaign, job);
        }
        self.rearm_or_drop(at, campaign);
    }

    fn emit_job(&mut self, trigger: &Trigger, campaign: &CampaignView<'s>, id: JobId) {
        let job = PushJob {
            id,
            device: self.row.key,
            campaign: campaign.id(),
            app: self.moment.app,
            platform: self.platform(),
            target: trigger.target,
            place: self
                .account
                .target(trigger.target)
                .and_then(|target| target.place())
                .map(|(place, _)| place),
            transition: trigger.transition,
            at: self.moment.at,
            bucket: bucket(self.account, campaign, self.moment.at, trigger.since),
            variant: self.variant(campaign),
            expires_at: self.moment.at.plus_s(campaign.push_ttl_s()),
        };
        self.out.emit(Output::Job(job));
    }

    fn emit_event(
        &mut self,
        kind: EventKind,
        trigger: &Trigger,
        campaign: &CampaignView<'s>,
        job: JobId,
    ) {
        let event = AttributionEvent {
            kind,
            device: self.row.key,
            campaign: Some(campaign.id()),
            target: Some(trigger.target),
            job: Some(job),
            variant: self.variant(campaign),
            mode: campaign.mode(),
            at: self.moment.at,
            cell: self.cell(),
        };
        self.out.emit(Output::Event(event));
    }

    fn variant(&self, campaign: &CampaignView<'s>) -> Variant {
        if campaign.has_ab() {
            self.rules.key.variant(campaign.id(), self.row.key)
        } else {
            Variant::A
        }
    }

    fn platform(&self) -> Platform {
        let flags = self.moment.flags;
        if flags.has(PingFlags::ANDROID) {
            Platform::Android
        } else if flags.has(PingFlags::IOS) {
            Platform::Ios
        } else {
            self.annex.profile.map_or(Platform::Unknown, |profile| profile.platform)
        }
    }

    fn cell(&self) -> u64 {
        self.moment
            .point
            .and_then(|point| LatLng::new(point.lat_deg(), point.lon_deg()).ok())
            .map_or(0, |point| u64::from(point.to_cell(Resolution::Eight)))
    }

    fn charge_cap(&mut self) {
        let Some(today) = self.account.local_day(self.moment.at) else { return };
        if self.annex.pushes_day != today {
            self.annex.pushes_day = today;
            self.annex.pushes = 0;
        }
        self.annex.pushes = self.annex.pushes.saturating_add(1);
        self.annex.pushes_until = match self.account.daily_cap() {
            Some(_) => self.outlived(self.moment.at + DAY_MS),
            None => self.moment.at,
        };
    }

    fn charge_grants(&mut self, campaign: &CampaignView<'s>) {
        for limit in limits(self.account, campaign, self.moment.at).into_iter().flatten() {
            self.grants.take(limit);
        }
    }

    /// Keeps the bucket for its span and for as long as a fix or timer of that span may still come.
    fn remember_bucket(&mut self, campaign: &CampaignView<'s>, bucket: Bucket) {
        let at = self.moment.at;
        let span_ends = match (campaign.mode(), campaign.frequency()) {
            (RunMode::Running, Frequency::OncePerPeriod) => campaign.period().1,
            (RunMode::Running, Frequency::Resend { after_s }) => at.plus_s(after_s),
            (RunMode::Running, Frequency::OncePerDay) | (RunMode::Testing, _) => at + DAY_MS,
        };
        let keep_until = self.outlived(span_ends);
        let (account, now) = (self.account, self.moment.now.max(at));
        self.table.buckets.retain(&mut self.annex.buckets, |used| {
            used.keep_until >= now || is_prolonged(account.campaign(used.campaign), used, now)
        });
        let used = UsedBucket { campaign: campaign.id(), bucket, keep_until };
        self.table.buckets.push(&mut self.annex.buckets, used);
    }

    /// The end of a span, and as long again as a fix or a timer of it may still come.
    fn outlived(&self, span_ends: UtcMs) -> UtcMs {
        let policy = self.rules.policy;
        span_ends.plus_s(policy.max_push_age_s.max(policy.stale_after_s))
    }
}

/// Longer than any local day (25 h at a change of the clocks), so that a day's bucket outlives its day.
const DAY_MS: i64 = 25 * 3_600_000;

/// A campaign's period may be prolonged after its bucket was used: the bucket then lasts as long.
pub(super) fn is_prolonged(
    campaign: Option<CampaignView<'_>>,
    used: &UsedBucket,
    now: UtcMs,
) -> bool {
    used.bucket.mode == RunMode::Running
        && campaign.is_some_and(|campaign| {
            campaign.frequency() == Frequency::OncePerPeriod && now <= campaign.period().1
        })
}

/// Priority first; then the newest campaign, which has the highest id.
fn outranks(one: &(i32, Trigger), other: &(i32, Trigger)) -> bool {
    (one.0, one.1.campaign) > (other.0, other.1.campaign)
}
