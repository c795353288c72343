//! Conditions that come true, and the triggers they open, move and close.

use crate::domain::campaign::Condition;
use crate::domain::decision::Transition;
use crate::domain::reasons::SuppressReason::State;

use super::places::{Brought, Device, Model, Moment, Phase, Stay, Trigger, Why};

impl Model {
    pub(super) fn come_true(&self, device: &mut Device, moment: &Moment, brought: &mut Brought) {
        for place in 0..device.stays.len() {
            while let Some(deadline) = device.stays[place].deadline()
                && device.stays[place].inside
                && self.concerns(device, device.stays[place].fence, moment)
                && deadline <= moment.at
            {
                self.dwelt(device, place, brought);
            }
        }
        let inside: Vec<u32> =
            device.stays.iter().filter(|stay| stay.inside).map(|stay| stay.fence).collect();
        for place in 0..device.triggers.len() {
            let trigger = &device.triggers[place];
            let bound =
                matches!(trigger.phase, Phase::Dwelling(_)) || trigger.kind == Transition::Exit;
            if !bound
                && !inside.contains(&trigger.fence)
                && let Some(moved) = self.moved(device, trigger, |stay| stay.inside)
            {
                device.triggers[place] = moved;
            }
        }
        for place in 0..device.triggers.len() {
            let fence = device.triggers[place].fence;
            if !inside.contains(&fence) || !self.concerns(device, fence, moment) {
                continue;
            }
            let trigger = &mut device.triggers[place];
            let run = self.runs.iter().find(|run| run.spec.id.0 == trigger.campaign).unwrap();
            trigger.phase = match trigger.phase {
                Phase::AwaitsInside if moment.why != Why::Timer => {
                    trigger.since = moment.at;
                    match run.spec.condition {
                        Condition::Dwell { dwell_s } => {
                            Phase::Dwelling(moment.at + i64::from(dwell_s) * 1000)
                        }
                        Condition::Enter | Condition::Exit => Phase::Open,
                    }
                }
                Phase::Dwelling(due) | Phase::Armed(due) if due <= moment.at => Phase::Open,
                Phase::Open => continue,
                Phase::AwaitsInside | Phase::Dwelling(_) | Phase::Armed(_) => trigger.phase,
            };
            brought.triggers += u64::from(trigger.phase == Phase::Open);
        }
    }

    fn dwelt(&self, device: &mut Device, place: usize, brought: &mut Brought) {
        let stay = &mut device.stays[place];
        let dwell_s = *stay.pending.iter().min().unwrap();
        stay.pending.retain(|other| *other != dwell_s);
        stay.met.push(dwell_s);
        brought.dwells += 1;
        let Stay { fence, began, entered_at, .. } = *stay;
        for run in self.watchers(fence) {
            if run.spec.condition == (Condition::Dwell { dwell_s }) && run.since <= began {
                self.open(device, Trigger::of(run, fence, Transition::Dwell, entered_at), brought);
            }
        }
    }

    pub(super) fn ended(&self, device: &mut Device, stay: &Stay, brought: &mut Brought) {
        brought.exits += 1;
        for trigger in std::mem::take(&mut device.triggers) {
            if trigger.fence != stay.fence || trigger.kind == Transition::Exit {
                device.triggers.push(trigger);
            } else if let Some(moved) = self.moved(device, &trigger, |_| true) {
                device.triggers.push(moved);
            } else if trigger.phase == Phase::Open {
                brought.suppressed.push(trigger.stopped.unwrap_or(State));
            }
        }
        for run in self.watchers(stay.fence) {
            if run.spec.condition == Condition::Exit && run.since <= stay.seen_in {
                let exit = Trigger::of(run, stay.fence, Transition::Exit, stay.entered_at);
                self.open(device, exit, brought);
            }
        }
    }

    fn moved(
        &self,
        device: &Device,
        trigger: &Trigger,
        suits: impl Fn(&Stay) -> bool,
    ) -> Option<Trigger> {
        let run = self.runs.iter().find(|run| run.spec.id.0 == trigger.campaign)?;
        let pending = trigger.is_pending();
        let other = device.stays.iter().find(|stay| {
            let older = stay.began < run.since;
            let fits = match run.spec.condition {
                _ if pending => older,
                Condition::Dwell { dwell_s } => !older && stay.met.contains(&dwell_s),
                Condition::Enter | Condition::Exit => true,
            };
            let other = stay.fence != trigger.fence && suits(stay);
            fits && other && run.spec.targets.iter().any(|target| target.0 == stay.fence)
        })?;
        let phase = if pending { Phase::AwaitsInside } else { trigger.phase };
        Some(Trigger { fence: other.fence, phase, ..trigger.clone() })
    }

    pub(super) fn open(&self, device: &mut Device, trigger: Trigger, brought: &mut Brought) {
        device.triggers.retain(|other| other.campaign != trigger.campaign || !other.is_pending());
        brought.triggers += u64::from(self.add(device, trigger));
    }

    pub(super) fn add(&self, device: &mut Device, trigger: Trigger) -> bool {
        if device.triggers.iter().any(|other| other.campaign == trigger.campaign) {
            return false;
        }
        device.triggers.push(Trigger { run: self.epoch, ..trigger });
        device.triggers.sort_by_key(|trigger| trigger.campaign);
        true
    }
}
