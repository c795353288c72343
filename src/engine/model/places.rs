//! Where devices are: fixes, silence, time and publications, taken one after the other.

use crate::domain::campaign::{CampaignSpec, Condition, RunMode};
use crate::domain::decision::{Transition, VisitEnd};
use crate::domain::ids::TargetId;
use crate::domain::reasons::SuppressReason::{self, State};
use crate::domain::report::HintVerdict;
use crate::domain::target::PlaceArea;

use super::visits::{Heard, Visited};

/// A fence on the line; the infinite one contains everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) id: u32,
    pub(crate) center_m: f64,
    pub(crate) radius_m: f64,
    /// The store that it belongs to, and which of its areas it is.
    pub(crate) store: Option<(u32, PlaceArea)>,
}

impl Line {
    pub(super) fn away_m(&self, at_m: f64) -> f64 {
        ((at_m - self.center_m).abs() - self.radius_m).max(0.0)
    }

    pub(super) fn is_suited_by(&self, accuracy_m: u16) -> bool {
        accuracy_m <= 100 || f64::from(accuracy_m) <= self.radius_m
    }
}

/// A campaign that runs, and since which epoch.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) spec: CampaignSpec,
    pub(crate) since: u64,
}

/// A fix as the model needs it. Times are ms after noon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spot {
    pub(crate) at: i64,
    pub(crate) north_m: f64,
    pub(crate) accuracy_m: u16,
    pub(crate) app: u32,
}

/// A job: device, campaign, fence, instant, what of the bucket.
pub(crate) type Job = (u32, u32, u32, i64, i64);

/// What one step of the model came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Brought {
    pub(crate) jobs: Vec<Job>,
    pub(crate) enters: u64,
    pub(crate) exits: u64,
    pub(crate) dwells: u64,
    pub(crate) triggers: u64,
    pub(crate) suppressed: Vec<SuppressReason>,
    pub(crate) rejected: u64,
    pub(crate) late: u64,
    /// In no particular order.
    pub(crate) visits: Vec<Visited>,
}

#[derive(Clone, Debug)]
pub(super) struct Stay {
    pub(super) fence: u32,
    pub(super) began: u64,
    pub(super) entered_at: i64,
    /// Dwell times to come, s.
    pub(super) pending: Vec<u32>,
    pub(super) met: Vec<u32>,
    pub(super) outside: u8,
    pub(super) inside: bool,
    /// The epoch it was last inside in.
    pub(super) seen_in: u64,
}

impl Stay {
    pub(super) fn deadline(&self) -> Option<i64> {
        self.pending.iter().min().map(|dwell_s| self.entered_at + i64::from(*dwell_s) * 1000)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    AwaitsInside,
    Dwelling(i64),
    Armed(i64),
    Open,
}

#[derive(Clone, Debug)]
pub(super) struct Trigger {
    pub(super) campaign: u32,
    pub(super) run: u64,
    pub(super) fence: u32,
    pub(super) phase: Phase,
    pub(super) kind: Transition,
    pub(super) since: i64,
    pub(super) stopped: Option<SuppressReason>,
}

impl Trigger {
    pub(super) fn of(run: &Run, fence: u32, kind: Transition, since: i64) -> Self {
        let (campaign, phase) = (run.spec.id.0, Phase::Open);
        Self { campaign, run: 0, fence, phase, kind, since, stopped: None }
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::AwaitsInside | Phase::Dwelling(_))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) number: u32,
    pub(super) last: Option<Spot>,
    /// The last instant it was heard of as a whole: of its last fix, or of hints before the first.
    pub(super) heard: Option<i64>,
    /// Of each store the last hint, and when it was made.
    pub(super) hints: Vec<(u32, HintVerdict, i64)>,
    /// All that was ever heard of it at places, in the order in which it came.
    pub(super) story: Vec<(u32, Heard)>,
    pub(super) jumped: Option<Spot>,
    pub(super) epoch: u64,
    pub(super) stays: Vec<Stay>,
    pub(super) triggers: Vec<Trigger>,
    /// Campaign, mode, span, instant of every job there ever was.
    pub(super) used: Vec<(u32, RunMode, i64, i64)>,
}

/// What brought a turn about.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Why {
    Fix,
    Hint(u32),
    Timer,
    Silence,
}

/// The instant a turn is about.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: i64,
    pub(super) seen_at: i64,
    pub(super) now: i64,
    pub(super) accuracy_m: u16,
    pub(super) app: u32,
    pub(super) why: Why,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) fences: Vec<Line>,
    pub(crate) runs: Vec<Run>,
    pub(crate) epoch: u64,
    /// The epoch in which campaigns last changed.
    pub(crate) changed: u64,
    pub(crate) daily_cap: Option<u16>,
    /// Whether the account measures visits.
    pub(crate) measures: bool,
    pub(super) devices: Vec<Device>,
}

pub(super) const GAP: i64 = 1_800_000;
pub(super) const STALE: i64 = 300_000;

impl Model {
    pub(crate) fn new(fences: Vec<Line>, runs: Vec<Run>, daily_cap: Option<u16>) -> Self {
        Self { fences, runs, epoch: 1, changed: 1, daily_cap, measures: false, devices: Vec::new() }
    }

    pub(crate) fn fix(&mut self, number: u32, spot: Spot, now: i64) -> Brought {
        let mut brought = Brought::default();
        let known = self.devices.iter().position(|device| device.number == number);
        let mut device = match known {
            Some(at) => self.devices.remove(at),
            None => self.fresh(number),
        };
        let told = self.told(&device);
        if device.last.is_none() && device.heard.is_none_or(|heard| (spot.at - heard).abs() <= GAP)
        {
            self.follow(&mut device, spot, now, &mut brought);
        } else {
            let heard = device.heard.unwrap();
            let last = device.last.unwrap_or(Spot { at: heard, ..spot });
            let elapsed = spot.at - last.at;
            let jumps = |from: Spot| {
                let elapsed_s = f64::from(u32::try_from((spot.at - from.at) / 1000).unwrap());
                let reach_m = 1000.0 / 3.6 * elapsed_s
                    + f64::from(from.accuracy_m)
                    + f64::from(spot.accuracy_m);
                (spot.north_m - from.north_m).abs() > reach_m
            };
            let agrees = device.jumped.is_some_and(|old| spot.at > old.at && !jumps(old));
            if elapsed == 0 || elapsed < -86_400_000 {
                brought.rejected += 1;
            } else if elapsed < 0 {
                brought.late += 1;
                self.hear_late(&mut device, spot);
            } else if elapsed <= GAP && jumps(last) && !agrees {
                device.jumped = Some(spot);
                brought.rejected += 1;
            } else {
                if elapsed > GAP || jumps(last) {
                    self.silence(&mut device, spot.at, now, &mut brought);
                }
                self.follow(&mut device, spot, now, &mut brought);
            }
        }
        brought.visits = self.told_since(&device, &told);
        self.devices.push(device);
        self.devices.sort_by_key(|device| device.number);
        brought
    }

    /// Everything due by `now`, the earliest first.
    pub(crate) fn tick(&mut self, now: i64) -> Brought {
        let mut brought = Brought::default();
        let mut done = (i64::MIN, 0);
        loop {
            let model = &*self;
            let due = model.devices.iter().flat_map(|device| {
                let fresh = move |(deadline, fence): &(i64, u32)| {
                    *deadline <= now && deadline - model.heard_at(device, *fence).0 < STALE
                };
                deadlines(device).into_iter().filter(fresh).map(|(at, _)| (at, device.number))
            });
            let Some(next) = due.filter(|due| *due > done).min() else { return brought };
            done = next;
            let at = self.devices.iter().position(|device| device.number == next.1).unwrap();
            let mut device = self.devices.remove(at);
            let moment = Moment { at: next.0, ..known(&device, now, Why::Timer) };
            let told = self.told(&device);
            self.reconcile(&mut device, &moment, &mut brought);
            self.come_true(&mut device, &moment, &mut brought);
            self.decide(&mut device, &moment, &mut brought);
            brought.visits.extend(self.told_since(&device, &told));
            self.devices.insert(at, device);
        }
    }

    /// How many triggers are open.
    pub(crate) fn open_triggers(&self) -> u64 {
        let triggers = self.devices.iter().flat_map(|device| &device.triggers);
        triggers.filter(|trigger| trigger.phase == Phase::Open).count() as u64
    }

    pub(super) fn fresh(&self, number: u32) -> Device {
        Device {
            number,
            last: None,
            heard: None,
            hints: Vec::new(),
            story: Vec::new(),
            jumped: None,
            epoch: self.epoch,
            stays: Vec::new(),
            triggers: Vec::new(),
            used: Vec::new(),
        }
    }

    pub(super) fn silence(&self, device: &mut Device, until: i64, now: i64, brought: &mut Brought) {
        if device.stays.is_empty() {
            return;
        }
        let moment = known(device, now, Why::Silence);
        self.reconcile(device, &moment, brought);
        let stays = std::mem::take(&mut device.stays);
        let (kept, ended): (Vec<_>, Vec<_>) = stays
            .into_iter()
            .partition(|stay| self.hinted(device, stay.fence, until) == Some(true));
        device.stays = kept;
        for stay in ended {
            device.story.push((stay.fence, Heard::End { at: until, how: VisitEnd::Silence }));
            self.ended(device, &stay, brought);
        }
        self.decide(device, &moment, brought);
    }

    fn follow(&self, device: &mut Device, spot: Spot, now: i64, brought: &mut Brought) {
        let Spot { at, accuracy_m, app, .. } = spot;
        let moment = Moment { at, seen_at: at, now, accuracy_m, app, why: Why::Fix };
        self.reconcile(device, &moment, brought);
        let known = device.heard;
        device.jumped = None;
        device.last = Some(spot);
        device.heard = Some(at);
        let (mut ended, mut entered) = (Vec::new(), Vec::new());
        for fence in self.fences.iter().filter(|fence| self.is_watched(fence.id)) {
            let place = device.stays.iter().position(|stay| stay.fence == fence.id);
            let away_m = fence.away_m(spot.north_m);
            let fine = fence.is_suited_by(accuracy_m);
            let hinted = self.hinted(device, fence.id, at);
            match (place, hinted.unwrap_or(away_m == 0.0)) {
                (Some(place), false) if hinted.is_some() => ended.push(device.stays.remove(place)),
                (None, true) if fine => entered.push(fence.id),
                (None, _) => {}
                (Some(place), true) => {
                    device.stays[place].outside = 0;
                    device.stays[place].inside = true;
                    device.stays[place].seen_in = self.epoch;
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
        self.hear(device, &moment, (known, None), (&ended, &entered));
        self.changed(device, ended, entered, &moment, brought);
    }

    /// Stays that ended and fences that were entered, and what comes of it.
    pub(super) fn changed(
        &self,
        device: &mut Device,
        ended: Vec<Stay>,
        entered: Vec<u32>,
        moment: &Moment,
        brought: &mut Brought,
    ) {
        for fence in &entered {
            device.stays.push(Stay {
                fence: *fence,
                began: self.epoch,
                entered_at: moment.at,
                pending: self.dwells_at(*fence, self.epoch),
                met: Vec::new(),
                outside: 0,
                inside: true,
                seen_in: self.epoch,
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
                    let enter = Trigger::of(run, fence, Transition::Enter, moment.at);
                    self.open(device, enter, brought);
                }
            }
        }
        self.come_true(device, moment, brought);
        self.decide(device, moment, brought);
    }

    /// Publications since the device's last turn.
    pub(super) fn reconcile(&self, device: &mut Device, _moment: &Moment, brought: &mut Brought) {
        let seen = std::mem::replace(&mut device.epoch, self.epoch);
        if self.changed <= seen {
            return;
        }
        if !self.measures {
            let over = self.fences.iter().map(|fence| (fence.id, Heard::Over));
            device.story.extend(over);
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
                let phase = Phase::AwaitsInside;
                self.add(device, Trigger { phase, ..Trigger::of(run, fence, kind, 0) });
            }
            let stay = &mut device.stays[place];
            stay.pending = self.dwells_at(fence, stay.began);
            stay.pending.retain(|dwell_s| !stay.met.contains(dwell_s));
        }
    }

    pub(super) fn watchers(&self, fence: u32) -> Vec<&Run> {
        let watches = |run: &&Run| run.spec.targets.iter().any(|target| target.0 == fence);
        self.runs.iter().filter(watches).collect()
    }

    pub(super) fn is_watched(&self, fence: u32) -> bool {
        let is_all = fence == TargetId::NATIONWIDE.0;
        (self.measures && !is_all) || !self.watchers(fence).is_empty()
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

/// A moment that brings no news of the device itself.
pub(super) fn known(device: &Device, now: i64, why: Why) -> Moment {
    let at = device.heard.unwrap();
    let (accuracy_m, app) = device.last.map_or((0, 1), |last| (last.accuracy_m, last.app));
    Moment { at, seen_at: at, now, accuracy_m, app, why }
}

/// The next instants at which something of a device may come true, and where.
fn deadlines(device: &Device) -> Vec<(i64, u32)> {
    let inside = |fence| device.stays.iter().any(|stay| stay.inside && stay.fence == fence);
    let of_stay = |stay: &Stay| Some((stay.deadline()?, stay.fence));
    let stays = device.stays.iter().filter(|stay| stay.inside).filter_map(of_stay);
    let triggers = device.triggers.iter().filter_map(|trigger| match trigger.phase {
        Phase::Dwelling(due) | Phase::Armed(due) if inside(trigger.fence) => {
            Some((due, trigger.fence))
        }
        Phase::Dwelling(_) | Phase::Armed(_) | Phase::AwaitsInside | Phase::Open => None,
    });
    stays.chain(triggers).collect()
}
