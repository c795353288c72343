//! The rules of the engine once more, as plainly as possible: the oracle of [`oracle_tests`](super::oracle_tests).
//!
//! Everything is a list that is searched from its start, nothing is ever forgotten, and space has one
//! dimension. It shares no code with the engine but the words of the domain.
#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::too_many_arguments,
    clippy::excessive_nesting,
    clippy::cast_precision_loss,
    reason = "an oracle is written as plainly as the rules read, not to be changed or to be fast"
)]

use crate::domain::campaign::{CampaignSpec, Condition, Frequency, RunMode};
use crate::domain::decision::Transition;
use crate::domain::reasons::SuppressReason::{self, *};

/// A fence on the line; the infinite one contains everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) id: u32,
    pub(super) center_m: f64,
    pub(super) radius_m: f64,
}

impl Line {
    fn away_m(&self, at_m: f64) -> f64 {
        ((at_m - self.center_m).abs() - self.radius_m).max(0.0)
    }
}

/// A campaign that runs, and since which epoch.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) spec: CampaignSpec,
    pub(super) since: u64,
}

/// A fix as the model needs it. Times are ms after noon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) at: i64,
    pub(super) north_m: f64,
    pub(super) accuracy_m: u16,
    pub(super) app: u32,
}

/// A job: device, campaign, fence, instant, what of the bucket.
pub(super) type Job = (u32, u32, u32, i64, i64);

/// What one step of the model came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Brought {
    pub(super) jobs: Vec<Job>,
    pub(super) enters: u64,
    pub(super) exits: u64,
    pub(super) dwells: u64,
    pub(super) triggers: u64,
    pub(super) suppressed: Vec<SuppressReason>,
    pub(super) rejected: u64,
    pub(super) late: u64,
}

#[derive(Clone, Debug)]
struct Stay {
    fence: u32,
    began: u64,
    entered_at: i64,
    /// Dwell times to come, s.
    pending: Vec<u32>,
    met: Vec<u32>,
    outside: u8,
    inside: bool,
}

impl Stay {
    fn deadline(&self) -> Option<i64> {
        self.pending.iter().min().map(|dwell_s| self.entered_at + i64::from(*dwell_s) * 1000)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    AwaitsInside,
    Dwelling(i64),
    Armed(i64),
    Open,
}

#[derive(Clone, Debug)]
struct Trigger {
    campaign: u32,
    run: u64,
    fence: u32,
    phase: Phase,
    kind: Transition,
    since: i64,
    stopped: Option<SuppressReason>,
}

#[derive(Clone, Debug)]
struct Device {
    number: u32,
    last: Option<Spot>,
    jumped: Option<Spot>,
    epoch: u64,
    stays: Vec<Stay>,
    triggers: Vec<Trigger>,
    /// Campaign, mode, span, instant of every job there ever was.
    used: Vec<(u32, RunMode, i64, i64)>,
}

/// The instant a turn is about.
#[derive(Clone, Copy)]
struct Moment {
    at: i64,
    seen_at: i64,
    now: i64,
    accuracy_m: u16,
    app: u32,
    /// Whether a fix has come; a timer tries only what was never tried.
    fix: bool,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) fences: Vec<Line>,
    pub(super) runs: Vec<Run>,
    pub(super) epoch: u64,
    /// The epoch in which campaigns last changed.
    pub(super) changed: u64,
    pub(super) daily_cap: Option<u16>,
    devices: Vec<Device>,
}

const GAP: i64 = 1_800_000;
const STALE: i64 = 300_000;

impl Model {
    pub(super) fn new(fences: Vec<Line>, runs: Vec<Run>, daily_cap: Option<u16>) -> Self {
        Self { fences, runs, epoch: 1, changed: 1, daily_cap, devices: Vec::new() }
    }

    pub(super) fn fix(&mut self, number: u32, spot: Spot, now: i64) -> Brought {
        let mut brought = Brought::default();
        let known = self.devices.iter().position(|device| device.number == number);
        let mut device = match known {
            Some(at) => self.devices.remove(at),
            None => self.fresh(number),
        };
        if let Some(last) = device.last {
            let elapsed = spot.at - last.at;
            let jumps = |from: Spot| {
                let reach_m = 1000.0 / 3.6 * (spot.at - from.at) as f64 / 1000.0
                    + f64::from(from.accuracy_m)
                    + f64::from(spot.accuracy_m);
                (spot.north_m - from.north_m).abs() > reach_m
            };
            let agrees = device.jumped.is_some_and(|old| spot.at > old.at && !jumps(old));
            if elapsed == 0 || elapsed < -86_400_000 {
                brought.rejected += 1;
            } else if elapsed < 0 {
                brought.late += 1;
            } else if elapsed <= GAP && jumps(last) && !agrees {
                device.jumped = Some(spot);
                brought.rejected += 1;
            } else {
                if elapsed > GAP || jumps(last) {
                    self.silence(&mut device, last, now, &mut brought);
                }
                self.follow(&mut device, spot, now, &mut brought);
            }
        } else {
            self.follow(&mut device, spot, now, &mut brought);
        }
        self.devices.push(device);
        self.devices.sort_by_key(|device| device.number);
        brought
    }

    /// Everything due by `now`, the earliest first.
    pub(super) fn tick(&mut self, now: i64) -> Brought {
        let mut brought = Brought::default();
        let mut done = (i64::MIN, 0);
        loop {
            let due = self.devices.iter().flat_map(|device| {
                let last = device.last.map_or(i64::MIN, |last| last.at);
                let fresh = move |deadline: &i64| *deadline <= now && deadline - last < STALE;
                deadlines(device).into_iter().filter(fresh).map(|at| (at, device.number))
            });
            let Some(next) = due.filter(|due| *due > done).min() else { return brought };
            done = next;
            let at = self.devices.iter().position(|device| device.number == next.1).unwrap();
            let mut device = self.devices.remove(at);
            let last = device.last.unwrap();
            let moment = Moment {
                at: next.0,
                seen_at: last.at,
                now,
                accuracy_m: last.accuracy_m,
                app: last.app,
                fix: false,
            };
            self.reconcile(&mut device, &moment, &mut brought);
            self.come_true(&mut device, &moment, &mut brought);
            self.decide(&mut device, &moment, &mut brought);
            self.devices.insert(at, device);
        }
    }

    /// How many triggers are open.
    pub(super) fn open_triggers(&self) -> u64 {
        let triggers = self.devices.iter().flat_map(|device| &device.triggers);
        triggers.filter(|trigger| trigger.phase == Phase::Open).count() as u64
    }

    fn fresh(&self, number: u32) -> Device {
        Device {
            number,
            last: None,
            jumped: None,
            epoch: self.epoch,
            stays: Vec::new(),
            triggers: Vec::new(),
            used: Vec::new(),
        }
    }

    fn silence(&self, device: &mut Device, last: Spot, now: i64, brought: &mut Brought) {
        if device.stays.is_empty() {
            return;
        }
        let moment = Moment {
            at: last.at,
            seen_at: last.at,
            now,
            accuracy_m: last.accuracy_m,
            app: last.app,
            fix: true,
        };
        self.reconcile(device, &moment, brought);
        let ended = std::mem::take(&mut device.stays);
        for stay in ended {
            self.ended(device, &stay, brought);
        }
        self.decide(device, &moment, brought);
    }

    fn follow(&self, device: &mut Device, spot: Spot, now: i64, brought: &mut Brought) {
        let Spot { at, accuracy_m, app, .. } = spot;
        let moment = Moment { at, seen_at: at, now, accuracy_m, app, fix: true };
        self.reconcile(device, &moment, brought);
        device.jumped = None;
        device.last = Some(spot);
        let (mut ended, mut entered) = (Vec::new(), Vec::new());
        for fence in self.fences.iter().filter(|fence| self.is_watched(fence.id)) {
            let place = device.stays.iter().position(|stay| stay.fence == fence.id);
            let away_m = fence.away_m(spot.north_m);
            let fine = accuracy_m <= 100 || f64::from(accuracy_m) <= fence.radius_m;
            match (place, away_m == 0.0) {
                (None, true) if fine => entered.push(fence.id),
                (None, _) => {}
                (Some(place), true) => {
                    device.stays[place].outside = 0;
                    device.stays[place].inside = true;
                }
                (Some(place), false) => {
                    let stay = &mut device.stays[place];
                    stay.inside = false;
                    stay.outside += u8::from(fine);
                    let left =
                        fine && (away_m > f64::from(accuracy_m.max(25)) || stay.outside == 2);
                    if left || away_m > 1000.0 + f64::from(accuracy_m) {
                        ended.push(device.stays.remove(place));
                    }
                }
            }
        }
        for fence in &entered {
            device.stays.push(Stay {
                fence: *fence,
                began: self.epoch,
                entered_at: at,
                pending: self.dwells_at(*fence, self.epoch),
                met: Vec::new(),
                outside: 0,
                inside: true,
            });
        }
        device.stays.sort_by_key(|stay| stay.fence);
        for stay in ended {
            self.ended(device, &stay, brought);
        }
        brought.enters += entered.len() as u64;
        for fence in entered {
            for run in self.watchers(fence) {
                if run.spec.condition == Condition::Enter {
                    self.open(device, run, fence, Transition::Enter, at, brought);
                }
            }
        }
        self.come_true(device, &moment, brought);
        self.decide(device, &moment, brought);
    }

    fn come_true(&self, device: &mut Device, moment: &Moment, brought: &mut Brought) {
        for place in 0..device.stays.len() {
            while let Some(deadline) = device.stays[place].deadline()
                && device.stays[place].inside
                && deadline <= moment.at
            {
                let stay = &mut device.stays[place];
                let dwell_s = *stay.pending.iter().min().unwrap();
                stay.pending.retain(|other| *other != dwell_s);
                stay.met.push(dwell_s);
                brought.dwells += 1;
                let stay = stay.clone();
                for run in self.watchers(stay.fence) {
                    if run.spec.condition == (Condition::Dwell { dwell_s })
                        && run.since <= stay.began
                    {
                        let kind = Transition::Dwell;
                        self.open(device, run, stay.fence, kind, stay.entered_at, brought);
                    }
                }
            }
        }
        let inside: Vec<u32> =
            device.stays.iter().filter(|stay| stay.inside).map(|stay| stay.fence).collect();
        for trigger in device.triggers.iter_mut().filter(|one| inside.contains(&one.fence)) {
            let run = self.runs.iter().find(|run| run.spec.id.0 == trigger.campaign).unwrap();
            trigger.phase = match trigger.phase {
                Phase::AwaitsInside if moment.fix => {
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
                waiting => waiting,
            };
            brought.triggers += u64::from(trigger.phase == Phase::Open);
        }
    }

    fn decide(&self, device: &mut Device, moment: &Moment, brought: &mut Brought) {
        let mut best: Option<(i32, u32)> = None;
        for campaign in device.triggers.iter().map(|trigger| trigger.campaign).collect::<Vec<_>>() {
            let place = device.triggers.iter().position(|one| one.campaign == campaign).unwrap();
            let trigger = device.triggers[place].clone();
            let run = self.runs.iter().find(|run| run.spec.id.0 == campaign).unwrap();
            let inside = device.stays.iter().any(|stay| stay.inside && stay.fence == trigger.fence);
            let wanted = moment.fix || trigger.stopped.is_none();
            let exit = trigger.kind == Transition::Exit;
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
        let size_m = fence.map_or(0.0, |fence| fence.radius_m);
        let span = span(spec, moment.at, trigger.since);
        let mine = |used: &&(u32, RunMode, i64, i64)| used.0 == spec.id.0 && used.1 == spec.mode;
        let bucket_used = device.used.iter().filter(mine).any(|used| match spec.frequency {
            Frequency::Resend { after_s } if !test => {
                (used.2 - span).abs() < i64::from(after_s) * 1000
            }
            _ => used.2 == span,
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
            (Accuracy, moment.accuracy_m > 100 && f64::from(moment.accuracy_m) > size_m),
            (Age, moment.now - moment.seen_at > 300_000),
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
        let span = span(spec, moment.at, trigger.since);
        brought.jobs.push((device.number, spec.id.0, trigger.fence, moment.at, span));
        device.used.push((spec.id.0, spec.mode, span, moment.at));
        match spec.frequency {
            Frequency::Resend { after_s }
                if spec.mode == RunMode::Running && trigger.kind != Transition::Exit =>
            {
                trigger.phase = Phase::Armed(moment.at + i64::from(after_s) * 1000);
                trigger.stopped = None;
            }
            _ => {
                device.triggers.remove(place);
            }
        }
    }

    /// Publications since the device's last turn.
    fn reconcile(&self, device: &mut Device, _moment: &Moment, brought: &mut Brought) {
        let seen = std::mem::replace(&mut device.epoch, self.epoch);
        if self.changed <= seen {
            return;
        }
        let (kept, ended): (Vec<_>, Vec<_>) =
            device.stays.drain(..).partition(|stay| self.is_watched(stay.fence));
        device.stays = kept;
        for stay in ended {
            self.ended(device, &stay, brought);
        }
        device.triggers.retain(|trigger| {
            let lives = self
                .watchers(trigger.fence)
                .iter()
                .any(|run| run.spec.id.0 == trigger.campaign && run.since <= trigger.run);
            if !lives && trigger.phase == Phase::Open {
                brought.suppressed.push(State);
            }
            lives
        });
        for place in 0..device.stays.len() {
            let fence = device.stays[place].fence;
            for run in self.watchers(fence).into_iter().filter(|run| run.since > seen) {
                let kind = match run.spec.condition {
                    Condition::Enter => Transition::Enter,
                    Condition::Dwell { .. } => Transition::Dwell,
                    Condition::Exit => continue,
                };
                self.add(device, run, fence, Phase::AwaitsInside, kind, 0);
            }
            let stay = &mut device.stays[place];
            stay.pending = self.dwells_at(fence, stay.began);
            stay.pending.retain(|dwell_s| !stay.met.contains(dwell_s));
        }
    }

    fn ended(&self, device: &mut Device, stay: &Stay, brought: &mut Brought) {
        brought.exits += 1;
        for trigger in std::mem::take(&mut device.triggers) {
            if trigger.fence != stay.fence || trigger.kind == Transition::Exit {
                device.triggers.push(trigger);
            } else if let Some(moved) = self.moved(device, &trigger) {
                device.triggers.push(moved);
            } else if trigger.phase == Phase::Open {
                brought.suppressed.push(trigger.stopped.unwrap_or(State));
            }
        }
        for run in self.watchers(stay.fence) {
            if run.spec.condition == Condition::Exit {
                let kind = Transition::Exit;
                self.open(device, run, stay.fence, kind, stay.entered_at, brought);
            }
        }
    }

    fn moved(&self, device: &Device, trigger: &Trigger) -> Option<Trigger> {
        let run = self.runs.iter().find(|run| run.spec.id.0 == trigger.campaign)?;
        let pending = matches!(trigger.phase, Phase::AwaitsInside | Phase::Dwelling(_));
        let other = device.stays.iter().find(|stay| {
            let older = stay.began < run.since;
            let fits = match run.spec.condition {
                _ if pending => older,
                Condition::Dwell { dwell_s } => !older && stay.met.contains(&dwell_s),
                Condition::Enter | Condition::Exit => true,
            };
            fits && run.spec.targets.iter().any(|target| target.0 == stay.fence)
        })?;
        let phase = if pending { Phase::AwaitsInside } else { trigger.phase };
        Some(Trigger { fence: other.fence, phase, ..trigger.clone() })
    }

    fn open(
        &self,
        device: &mut Device,
        run: &Run,
        fence: u32,
        kind: Transition,
        since: i64,
        brought: &mut Brought,
    ) {
        device.triggers.retain(|trigger| {
            let pending = matches!(trigger.phase, Phase::AwaitsInside | Phase::Dwelling(_));
            trigger.campaign != run.spec.id.0 || !pending
        });
        brought.triggers += u64::from(self.add(device, run, fence, Phase::Open, kind, since));
    }

    fn add(
        &self,
        device: &mut Device,
        run: &Run,
        fence: u32,
        phase: Phase,
        kind: Transition,
        since: i64,
    ) -> bool {
        let campaign = run.spec.id.0;
        if device.triggers.iter().any(|trigger| trigger.campaign == campaign) {
            return false;
        }
        let run = self.epoch;
        device.triggers.push(Trigger { campaign, run, fence, phase, kind, since, stopped: None });
        device.triggers.sort_by_key(|trigger| trigger.campaign);
        true
    }

    fn watchers(&self, fence: u32) -> Vec<&Run> {
        let watches = |run: &&Run| run.spec.targets.iter().any(|target| target.0 == fence);
        self.runs.iter().filter(watches).collect()
    }

    fn is_watched(&self, fence: u32) -> bool {
        !self.watchers(fence).is_empty()
    }

    fn dwells_at(&self, fence: u32, began: u64) -> Vec<u32> {
        let mut dwells = Vec::new();
        for run in self.watchers(fence) {
            if let Condition::Dwell { dwell_s } = run.spec.condition
                && run.since <= began
                && !dwells.contains(&dwell_s)
            {
                dwells.push(dwell_s);
            }
        }
        dwells
    }
}

/// The next instants at which something of a device may come true.
fn deadlines(device: &Device) -> Vec<i64> {
    let inside = |fence| device.stays.iter().any(|stay| stay.inside && stay.fence == fence);
    let stays = device.stays.iter().filter(|stay| stay.inside).filter_map(Stay::deadline);
    let triggers = device.triggers.iter().filter_map(|trigger| match trigger.phase {
        Phase::Dwelling(due) | Phase::Armed(due) if inside(trigger.fence) => Some(due),
        _ => None,
    });
    stays.chain(triggers).collect()
}

fn local_day(at: i64) -> i64 {
    20_781 + (at + 12 * 3_600_000).div_euclid(86_400_000)
}

fn span(spec: &CampaignSpec, at: i64, since: i64) -> i64 {
    match (spec.mode, spec.frequency) {
        (RunMode::Testing, _) => since,
        (RunMode::Running, Frequency::OncePerPeriod) => 0,
        (RunMode::Running, Frequency::OncePerDay) => local_day(at),
        (RunMode::Running, Frequency::Resend { .. }) => at,
    }
}
