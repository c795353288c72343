//! What the engine answers: transitions, and the jobs and events that leave for the outbox.
//!
//! Plain copies without strings: the engine allocates nothing. Messages and names are filled in afterwards
//! from the same snapshot, by [`outbox`](crate::outbox)'s encoder.

use super::campaign::{RunMode, Variant};
use super::ids::{
    AppId, CampaignId, DeviceKey, Epoch, InputPosition, JobId, PlaceId, SnapshotHash, TargetId,
    VisitId,
};
use super::report::Platform;
use super::units::UtcMs;

/// A change between a device and a target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Transition {
    /// It came in.
    Enter = 1,
    /// It has been inside for a campaign's dwell time.
    Dwell = 2,
    /// It went out.
    Exit = 3,
}

/// The span in which a device gets one job of a campaign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bucket {
    /// Tests and the real run never share a bucket.
    pub mode: RunMode,
    /// What tells buckets apart: 0 for the campaign's period, the local day as days since 1970-01-01, or for
    /// a resend the instant of its fix or timer (ms); in testing the instant the stay began.
    pub span: i64,
}

/// An order to notify one device for one campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PushJob {
    /// Derived from (campaign, device, bucket); a repeat has the same.
    pub id: JobId,
    /// Whom to notify, for which account.
    pub device: DeviceKey,
    /// For which campaign.
    pub campaign: CampaignId,
    /// Through which app: that of the fix.
    pub app: AppId,
    /// On which system.
    pub platform: Platform,
    /// Where the condition came true.
    pub target: TargetId,
    /// The store of that target, if it has one.
    pub place: Option<PlaceId>,
    /// What came true.
    pub transition: Transition,
    /// When: the instant of the fix, or the deadline of the timer.
    pub at: UtcMs,
    /// The bucket it uses.
    pub bucket: Bucket,
    /// Which message.
    pub variant: Variant,
    /// When it is too late to send.
    pub expires_at: UtcMs,
}

/// What an attribution event tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum EventKind {
    /// A campaign's condition and gates came true for a device: a job was made.
    Matched = 1,
    /// The same, but the device is held out: no job was made.
    HeldOut = 2,
    /// The SDK says the push arrived.
    Delivered = 3,
    /// The SDK says the user opened it.
    Clicked = 4,
    /// The SDK says the user wiped it away.
    Dismissed = 5,
    /// A job was too old to leave. Number 6 belongs to visits, which are outputs of their own.
    Expired = 7,
}

/// One fact for attribution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttributionEvent {
    /// What happened.
    pub kind: EventKind,
    /// To which device of which account.
    pub device: DeviceKey,
    /// In which campaign, where one is known.
    pub campaign: Option<CampaignId>,
    /// At which target, where one is known.
    pub target: Option<TargetId>,
    /// Which job it belongs to, where there is or would have been one.
    pub job: Option<JobId>,
    /// Which message, where one was chosen.
    pub variant: Variant,
    /// Whether it stems from a test.
    pub mode: RunMode,
    /// When, by the device.
    pub at: UtcMs,
    /// The H3 cell (resolution 8, about 0.7 km²) of the fix, the unit of counts; 0 where there was no fix.
    pub cell: u64,
}

/// How a visit ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum VisitEnd {
    /// A fix or a hint told that the device had left.
    Exit = 1,
    /// The device was not heard of for longer than a gap, or jumped.
    Silence = 2,
    /// The place, or the measuring of visits at it, ended under the device.
    FenceRemoved = 3,
}

impl VisitEnd {
    /// Its name in records and reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Silence => "silence",
            Self::FenceRemoved => "fence_removed",
        }
    }
}

/// One revision of a visit: a stay at a place for a while, as far as it is known. The latest revision holds.
///
/// Its time goes from the first to the last fix or hint inside, so none of it is guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Of all revisions.
    pub id: VisitId,
    /// From 1 on, without gaps.
    pub revision: u32,
    /// Who.
    pub device: DeviceKey,
    /// Which store.
    pub place: PlaceId,
    /// Whose inside was watched.
    pub target: TargetId,
    /// The first fix or hint inside as it was known when the stay began; the id is made of it.
    pub first_entered_at: UtcMs,
    /// The first fix or hint inside as it is known now: a late fix may be earlier.
    pub entered_at: UtcMs,
    /// The last fix or hint inside; `None` while the stay lasts.
    pub left_at: Option<UtcMs>,
    /// What told that it ended; `None` while the stay lasts.
    pub ended_by: Option<VisitEnd>,
    /// Whether a place hint told of it.
    pub hinted: bool,
    /// How sure it is that the device was at this place, 0 to 100: 100 where a hint told of it, else the place's size
    /// in per cent of the accuracy of the fix that made it a visit, 100 at most, rounded down.
    pub confidence_pct: u8,
    /// The H3 cell (resolution 8) of the device's position when it became a visit; 0 where none was known.
    pub cell: u64,
}

/// A job, an event, or a visit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// An order to notify.
    Job(PushJob),
    /// A fact for attribution.
    Event(AttributionEvent),
    /// A revision of a visit.
    Visit(Visit),
}

/// One output with what it was decided from and its place among the outputs of its input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The input that caused it.
    pub position: InputPosition,
    /// 0 for the input's first output, then 1 …
    pub ordinal: u32,
    /// Which record of the input caused it, from 0.
    pub record: u32,
    /// The number of the snapshot it was decided with.
    pub epoch: Epoch,
    /// That snapshot's content hash.
    pub snapshot: SnapshotHash,
    /// The output.
    pub output: Output,
}
