//! From open triggers to jobs: every gate, then arbitration, then the holdout; only the winner is charged.

use h3o::{LatLng, Resolution};

use crate::domain::campaign::{Frequency, RunMode, Variant};
use crate::domain::decision::{AttributionEvent, Bucket, EventKind, Output, PushJob, Transition};
use crate::domain::ids::{CampaignId, JobId};
use crate::domain::ping::PingFlags;
use crate::domain::policy::Policy;
use crate::domain::reasons::SuppressReason;
use crate::domain::report::Platform;
use crate::domain::units::UtcMs;
use crate::snapshot::view::CampaignView;

use super::device::{LONGEST_DAY_MS, Phase, Trigger, UsedBucket};
use super::gates::{Case, bucket, limits};
use super::marks::UsedMarks;
use super::trace::Made;
use super::turn::{Basis, Turn};

impl<'s> Turn<'_, 's> {
    /// Tries the open triggers. Tests push at once; of the others one wins the moment.
    pub(crate) fn decide(&mut self) {
        let look = self.begin_look();
        let mut winner: Option<(i32, Trigger)> = None;
        let mut at = 0;
        while at < self.annex.triggers.len() {
            let trigger = self.table.triggers.get(self.annex.triggers)[at];
            if !self.may_try(&trigger) {
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
        self.end_look(look, winner.map(|(_, trigger)| trigger.campaign));
    }

    /// Which gate stops the trigger now, if one does.
    fn gate(&mut self, campaign: &CampaignView<'s>, trigger: &Trigger) -> Option<SuppressReason> {
        let case = self.case(campaign, trigger);
        let stopped = case.stopped_by();
        if stopped == Some(SuppressReason::Quota) {
            let mut missing = case.missing_grants();
            let wanted = [missing.next(), missing.next()];
            drop(missing);
            wanted.into_iter().flatten().for_each(|limit| self.out.want(limit));
        }
        stopped
    }

    /// What the gates are asked.
    pub(super) fn case<'c>(
        &'c self,
        campaign: &CampaignView<'s>,
        trigger: &Trigger,
    ) -> Case<'c, 's> {
        let (seen_at, accuracy_m) = self.rests_on(trigger.target);
        Case {
            account: self.account,
            campaign: *campaign,
            target: trigger.target,
            device: self.row.key,
            moment: &self.moment,
            seen_at,
            accuracy_m,
            bucket: bucket(self.day(), campaign, self.moment.at, trigger),
            day: self.day(),
            annex: &self.annex,
            used: self.table.buckets.get(self.annex.buckets),
            grants: self.grants,
            policy: self.rules.policy,
            key: self.rules.key,
            known: &self.known,
        }
    }

    /// A trigger is tried while the device is inside its stay; an exit is tried once, on the spot.
    pub(super) fn may_try(&self, trigger: &Trigger) -> bool {
        let is_exit = trigger.transition == Transition::Exit;
        let wanted = match self.moment.basis {
            Basis::Fix | Basis::Hint(_) => true,
            Basis::Timer => trigger.stopped_by.is_none(),
            Basis::Silence => is_exit,
        };
        trigger.phase == Phase::Open
            && wanted
            && (is_exit || self.stay_at(trigger.target).is_some_and(|stay| stay.inside))
            && self.concerns(trigger.target)
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
        let used = bucket(self.day(), campaign, self.moment.at, &trigger);
        let job = self.rules.key.job_id(campaign.id(), device, used);
        self.remember_bucket(campaign, used);
        let held_out =
            !test && self.rules.key.held_out(campaign.id(), device, campaign.holdout_pct());
        if !test {
            self.charge_cap();
        }
        if held_out {
            self.out.suppress(SuppressReason::HeldOut);
            self.note_made(campaign.id(), job, Made::HeldOut);
            self.emit_event(EventKind::HeldOut, &trigger, campaign, job);
        } else {
            if !test {
                self.charge_grants(campaign);
            }
            self.note_made(campaign.id(), job, Made::Pushed);
            self.out.counts.jobs += 1;
            self.out.counts.open -= 1;
            self.emit_job(&trigger, campaign, job);
            self.emit_event(EventKind::Matched, &trigger, campaign, job);
        }
        self.rearm_or_drop(at, campaign);
    }

    fn note_made(&mut self, campaign: CampaignId, job: JobId, made: Made) {
        self.out.note_fate(self.row.key, campaign, |fate| fate.job = Some((job, made)));
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
            bucket: bucket(self.day(), campaign, self.moment.at, trigger),
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

    pub(super) fn cell(&self) -> u64 {
        self.moment
            .point
            .and_then(|point| LatLng::new(point.lat_deg(), point.lon_deg()).ok())
            .map_or(0, |point| u64::from(point.to_cell(Resolution::Eight)))
    }

    fn charge_cap(&mut self) {
        let Some(today) = self.day() else { return };
        self.annex.count_push(today);
        let until = match self.account.daily_cap() {
            Some(_) => outlived(self.moment.at + LONGEST_DAY_MS, self.rules.policy),
            None => self.moment.at,
        };
        self.annex.pushes_until = self.annex.pushes_until.max(until);
    }

    fn charge_grants(&mut self, campaign: &CampaignView<'s>) {
        for limit in limits(self.account, campaign, self.moment.at).into_iter().flatten() {
            // The next piece is asked for before anybody misses it: an exit would not wait for it.
            if self.grants.take(limit, self.moment.clock) == 0 {
                self.out.want(limit);
            }
        }
    }

    /// Keeps the bucket for its span and for as long as a fix or timer of that span may still come.
    fn remember_bucket(&mut self, campaign: &CampaignView<'s>, bucket: Bucket) {
        let at = self.moment.at;
        let span_ends = match (campaign.mode(), campaign.frequency()) {
            (RunMode::Running, Frequency::OncePerPeriod) => campaign.period().1,
            (RunMode::Running, Frequency::Resend { after_s }) => at.plus_s(after_s),
            (RunMode::Running, Frequency::OncePerDay) | (RunMode::Testing, _) => {
                at + LONGEST_DAY_MS
            }
        };
        let keep_until = outlived(span_ends, self.rules.policy);
        self.forget_old_buckets();
        let Bucket { mode, span } = bucket;
        let used = UsedBucket { campaign: campaign.id(), mode, span, keep_until };
        if self.table.buckets.push(&mut self.annex.buckets, used) {
            self.annex.used.add(&used);
        }
    }

    /// Drops the buckets that no fix or timer can be of any more.
    pub(crate) fn forget_old_buckets(&mut self) {
        let (account, policy) = (self.account, self.rules.policy);
        let now = self.moment.now.max(self.moment.at);
        if self.annex.used.all_last(now) {
            return;
        }
        self.table.buckets.retain(&mut self.annex.buckets, |used| {
            used.keep_until >= now
                || is_prolonged(account.campaign(used.campaign), used, policy, now)
        });
        self.annex.used = UsedMarks::of(self.table.buckets.get(self.annex.buckets));
    }
}

/// The end of a span, and as long again as a fix or a timer of it may still come.
fn outlived(span_ends: UtcMs, policy: &Policy) -> UtcMs {
    span_ends.plus_s(policy.max_push_age_s.max(policy.stale_after_s))
}

/// A campaign's period or pause may have been prolonged after its bucket was used: the bucket then lasts as long.
pub(super) fn is_prolonged(
    campaign: Option<CampaignView<'_>>,
    used: &UsedBucket,
    policy: &Policy,
    now: UtcMs,
) -> bool {
    let Bucket { mode, span } = used.bucket();
    let Some(campaign) = campaign.filter(|_| mode == RunMode::Running) else { return false };
    let ends_at = match campaign.frequency() {
        Frequency::OncePerPeriod if span == campaign.start_day() => campaign.period().1,
        Frequency::Resend { after_s } => UtcMs(span).plus_s(after_s),
        Frequency::OncePerPeriod | Frequency::OncePerDay => return false,
    };
    now <= outlived(ends_at, policy)
}

/// Priority first; then the newest campaign, which has the highest id.
fn outranks(one: &(i32, Trigger), other: &(i32, Trigger)) -> bool {
    (one.0, one.1.campaign) > (other.0, other.1.campaign)
}
