//! What the engine sees when it decides on one campaign for one device: kept where `explain` asks, and only there.
//!
//! [`Outputs`](super::outputs::Outputs) carries the trace, so nothing is passed on for it; [`looks`](super::looks)
//! fills it in at each of the device's moments. Its caller takes the looks out after each step, while the snapshot
//! that decided is at hand, and puts them into words. Looking changes nothing of what is decided.

use crate::domain::campaign::{Frequency, RunMode};
use crate::domain::decision::{Bucket, Transition};
use crate::domain::fix::Fix;
use crate::domain::ids::{AppId, CampaignId, DeviceKey, JobId, PlaceId, TargetId};
use crate::domain::reasons::{RejectReason, SuppressReason};
use crate::domain::units::{PointE7, UtcMs};

pub(crate) use super::device::Phase;
use super::device::Trigger;
use super::turn::{Basis, Moment};

/// One device and one campaign that are looked at, and what was seen of them.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    device: DeviceKey,
    campaign: CampaignId,
    /// The turn that is under way: what became of the trigger in it.
    turn: Fate,
    looks: Vec<Look>,
}

/// What became of the campaign's trigger in one turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Fate {
    /// The job that was made, or would have been but for the holdout.
    pub(crate) job: Option<(JobId, Made)>,
    /// It was closed without one, for this reason.
    pub(crate) closed: Option<SuppressReason>,
    /// It passed every gate, and this campaign won the moment.
    pub(crate) outranked_by: Option<CampaignId>,
}

/// Whether a job left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Made {
    /// It did.
    Pushed,
    /// The device is held out.
    HeldOut,
}

/// One moment of the device.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Look {
    /// What it rests on.
    pub(crate) basis: LookBasis,
    /// The instant of the fix or hint, or the deadline of the timer.
    pub(crate) at: UtcMs,
    /// What the clock of the policy said.
    pub(crate) now: UtcMs,
    /// The app that the fix came through.
    pub(crate) app: AppId,
    /// The accuracy of the fix, m.
    pub(crate) accuracy_m: u16,
    /// Where; `None` before the first fix.
    pub(crate) point: Option<PointE7>,
    /// What was made of it.
    pub(crate) seen: Seen,
}

/// What a moment rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LookBasis {
    /// A fix.
    Fix,
    /// A place hint.
    Hint(PlaceId),
    /// A deadline.
    Timer,
    /// Silence or a jump.
    Silence,
    /// Nothing new: the device as it was last known.
    LastKnown,
}

/// What was made of a moment.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Seen {
    /// The fix was refused.
    Refused(RejectReason),
    /// The fix lies before the device's last one, so it may correct visits and nothing else.
    Late,
    /// The snapshot has no such campaign that is testing or running.
    NotInForce,
    /// The campaign was looked at.
    Case(Box<CaseLook>),
}

/// A campaign and a device, at one moment.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CaseLook {
    /// Testing or running.
    pub(crate) mode: RunMode,
    /// Every gate, in order, also behind the one that stops it.
    pub(crate) gates: Vec<GateLook>,
    /// The target that the gates were asked about: the trigger's, else one that the device is at, else any.
    pub(crate) target: TargetId,
    /// The stays at the campaign's targets after the moment, ascending by target.
    pub(crate) stays: Vec<StayLook>,
    /// Targets of the campaign that contain the point without a stay there.
    pub(crate) not_taken: Vec<TargetId>,
    /// Whether a hint says that the device is not there, where the point is.
    pub(crate) overruled: bool,
    /// The trigger when the gates were to be asked.
    pub(crate) trigger: Option<TriggerLook>,
    /// Whether they were asked: only the open trigger of a device that is inside is tried.
    pub(crate) tried: bool,
    /// The trigger after the moment.
    pub(crate) then: Option<TriggerLook>,
    /// What became of it.
    pub(crate) fate: Fate,
    /// The bucket that a push at this moment uses.
    pub(crate) bucket: Bucket,
    /// The campaign's buckets that are used after the moment, with their jobs and how long they are remembered.
    pub(crate) used: Vec<UsedLook>,
    /// Whether the device is among those held out.
    pub(crate) held_out: bool,
}

/// One gate.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct GateLook {
    /// Which.
    pub(crate) gate: SuppressReason,
    /// Whether the way is free.
    pub(crate) passed: bool,
    /// What it looked at.
    pub(crate) inputs: Vec<(&'static str, Value)>,
}

/// Something that a gate looked at.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// Numbers, ascending.
    Numbers(Vec<u32>),
    /// Metres.
    Metres(f64),
    /// Seconds.
    Seconds(i64),
    /// An instant.
    At(UtcMs),
    /// The bucket that a push would use.
    Bucket(Bucket, Frequency),
    /// A word.
    Word(&'static str),
}

/// A stay at one of the campaign's targets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StayLook {
    /// Where.
    pub(crate) target: TargetId,
    /// Since when.
    pub(crate) entered_at: UtcMs,
    /// Whether the last fix was inside.
    pub(crate) inside: bool,
}

/// How far the campaign's condition has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TriggerLook {
    /// At which target.
    pub(crate) target: TargetId,
    /// What comes true.
    pub(crate) transition: Transition,
    /// Open, or what it waits for.
    pub(crate) phase: Phase,
    /// When it opens, where it waits for that.
    pub(crate) due_at: Option<UtcMs>,
    /// The gate that stopped it last.
    pub(crate) stopped_by: Option<SuppressReason>,
}

/// A bucket that has had its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UsedLook {
    /// Which.
    pub(crate) bucket: Bucket,
    /// The job that it was used for.
    pub(crate) job: JobId,
    /// Remembered at least until then.
    pub(crate) keep_until: UtcMs,
}

impl From<&Trigger> for TriggerLook {
    fn from(trigger: &Trigger) -> Self {
        let Trigger { target, transition, phase, stopped_by, .. } = *trigger;
        Self { target, transition, phase, due_at: trigger.deadline(), stopped_by }
    }
}

impl Look {
    /// Of a moment.
    pub(super) fn of(moment: &Moment, seen: Seen) -> Self {
        let Moment { basis, at, now, app, accuracy_m, point, .. } = *moment;
        let basis = match basis {
            Basis::Fix => LookBasis::Fix,
            Basis::Hint(place) => LookBasis::Hint(place),
            Basis::Timer => LookBasis::Timer,
            Basis::Silence => LookBasis::Silence,
        };
        Self { basis, at, now, app, accuracy_m, point, seen }
    }
}

impl Trace {
    /// Of this device and this campaign of its account.
    pub(crate) fn new(device: DeviceKey, campaign: CampaignId) -> Self {
        Self { device, campaign, turn: Fate::default(), looks: Vec::new() }
    }

    /// What is looked at.
    pub(super) fn subject(&self) -> (DeviceKey, CampaignId) {
        (self.device, self.campaign)
    }

    /// Notes what becomes of a trigger, if it is the one that is looked at.
    pub(super) fn note(
        &mut self,
        device: DeviceKey,
        campaign: CampaignId,
        note: impl FnOnce(&mut Fate),
    ) {
        if (device, campaign) == self.subject() {
            note(&mut self.turn);
        }
    }

    /// What became of the trigger in the turn that ends.
    pub(super) fn end_turn(&mut self) -> Fate {
        std::mem::take(&mut self.turn)
    }

    pub(super) fn push(&mut self, look: Look) {
        self.looks.push(look);
    }

    /// Adds a fix of the device that was not followed.
    pub(super) fn pass_over(
        &mut self,
        device: DeviceKey,
        fix: &Fix,
        (app, now): (AppId, UtcMs),
        why: Seen,
    ) {
        if device == self.device {
            self.push(Look::of(&Moment::of_fix(fix, app, (now, now)), why));
        }
    }

    /// Takes out what was seen since the last time, in its order.
    pub(crate) fn take(&mut self) -> Vec<Look> {
        std::mem::take(&mut self.looks)
    }
}
