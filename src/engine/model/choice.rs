//! From open triggers to jobs: the gates, and who wins a moment.

use crate::domain::campaign::{CampaignSpec, Frequency, RunMode};
use crate::domain::decision::Transition;
use crate::domain::reasons::SuppressReason::{
    self, Accuracy, Age, App, Arbitration, DailyCap, TestDevice, Window,
};

use super::super::testkit::NOON;
use super::places::{Brought, Device, Model, Moment, Phase, Run, Trigger, Why};

impl Model {
    pub(super) fn decide(&self, device: &mut Device, moment: &Moment, brought: &mut Brought) {
        let mut best: Option<(i32, u32)> = None;
        for campaign in device.triggers.iter().map(|trigger| trigger.campaign).collect::<Vec<_>>() {
            let place = device.triggers.iter().position(|one| one.campaign == campaign).unwrap();
            let trigger = device.triggers[place].clone();
            let run = self.runs.iter().find(|run| run.spec.id.0 == campaign).unwrap();
            let inside = device.stays.iter().any(|stay| stay.inside && stay.fence == trigger.fence);
            let exit = trigger.kind == Transition::Exit;
            let wanted = match moment.why {
                Why::Fix | Why::Hint(_) => true,
                Why::Timer => trigger.stopped.is_none(),
                Why::Silence => exit,
            } && self.concerns(device, trigger.fence, moment);
            if trigger.phase != Phase::Open || !wanted || !(inside || exit) {
                continue;
            }
            match self.gate(device, run, &trigger, moment) {
                Some(reason) if reason.leaves_open() => {
                    device.triggers[place].stopped = Some(reason);
                }
                Some(reason) => {
                    device.triggers.remove(place);
                    brought.suppressed.push(reason);
                }
                None if run.spec.mode == RunMode::Testing => {
                    self.push(device, place, run, moment, brought);
                }
                None => {
                    device.triggers[place].stopped = Some(Arbitration);
                    best = best.max(Some((run.spec.priority, campaign)));
                }
            }
        }
        if let Some((_, campaign)) = best {
            let place = device.triggers.iter().position(|one| one.campaign == campaign).unwrap();
            let run = self.runs.iter().find(|run| run.spec.id.0 == campaign).unwrap();
            self.push(device, place, run, moment, brought);
        }
        device.triggers.retain(|trigger| {
            let over = trigger.kind == Transition::Exit && trigger.phase == Phase::Open;
            if over {
                brought.suppressed.push(trigger.stopped.unwrap());
            }
            !over
        });
    }

    fn gate(
        &self,
        device: &Device,
        run: &Run,
        trigger: &Trigger,
        moment: &Moment,
    ) -> Option<SuppressReason> {
        let spec = &run.spec;
        let test = spec.mode == RunMode::Testing;
        let fence = self.fences.iter().find(|fence| fence.id == trigger.fence);
        let (seen_at, accuracy_m) = match moment.why {
            Why::Timer => self.heard_at(device, trigger.fence),
            Why::Fix | Why::Hint(_) | Why::Silence => (moment.seen_at, moment.accuracy_m),
        };
        let size_m = fence.map_or(0.0, |fence| fence.radius_m);
        let span = span(spec, moment.at, trigger);
        let mine = |used: &&(u32, RunMode, i64, i64)| used.0 == spec.id.0 && used.1 == spec.mode;
        let bucket_used = device.used.iter().filter(mine).any(|used| match spec.frequency {
            Frequency::Resend { after_s } if !test => {
                (used.2 - span).abs() < i64::from(after_s) * 1000
            }
            Frequency::Resend { .. } | Frequency::OncePerDay | Frequency::OncePerPeriod => {
                used.2 == span
            }
        });
        let pushes_today = device
            .used
            .iter()
            .filter(|used| used.1 == RunMode::Running && local_day(used.3) == local_day(moment.at))
            .count();
        let minute = (moment.at + 12 * 3_600_000).rem_euclid(86_400_000) / 60_000;
        let checks = [
            (App, spec.apps.iter().all(|app| app.0 != moment.app)),
            (Window, minute < i64::from(spec.windows[0].start_min)),
            (TestDevice, test && device.number != 1),
            (Accuracy, accuracy_m > 100 && f64::from(accuracy_m) > size_m),
            (Age, moment.now - seen_at > 300_000),
            (SuppressReason::Frequency, bucket_used),
            (DailyCap, !test && self.daily_cap.is_some_and(|cap| pushes_today >= cap.into())),
        ];
        checks.into_iter().find(|(_, stops)| *stops).map(|(reason, _)| reason)
    }

    fn push(
        &self,
        device: &mut Device,
        place: usize,
        run: &Run,
        moment: &Moment,
        brought: &mut Brought,
    ) {
        let trigger = &mut device.triggers[place];
        let spec = &run.spec;
        let span = span(spec, moment.at, trigger);
        brought.jobs.push((device.number, spec.id.0, trigger.fence, moment.at, span));
        device.used.push((spec.id.0, spec.mode, span, moment.at));
        match spec.frequency {
            Frequency::Resend { after_s }
                if spec.mode == RunMode::Running && trigger.kind != Transition::Exit =>
            {
                trigger.phase = Phase::Armed(moment.at + i64::from(after_s) * 1000);
                trigger.stopped = None;
            }
            Frequency::Resend { .. } | Frequency::OncePerDay | Frequency::OncePerPeriod => {
                device.triggers.remove(place);
            }
        }
    }
}

fn local_day(at: i64) -> i64 {
    20_781 + (at + 12 * 3_600_000).div_euclid(86_400_000)
}

/// Of a bucket; a test's names its stay, by instant and fence.
fn span(spec: &CampaignSpec, at: i64, trigger: &Trigger) -> i64 {
    match (spec.mode, spec.frequency) {
        (RunMode::Testing, _) => (trigger.since + NOON) ^ (i64::from(trigger.fence) << 32),
        (RunMode::Running, Frequency::OncePerPeriod) => 20_780,
        (RunMode::Running, Frequency::OncePerDay) => local_day(at),
        (RunMode::Running, Frequency::Resend { .. }) => at,
    }
}
