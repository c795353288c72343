//! What the engine answers: transitions, and the jobs and events that leave for the outbox.
//!
//! Plain copies without strings: the engine allocates nothing. Messages and names are filled in afterwards
//! from the same snapshot, by [`outbox`](crate::outbox)'s encoder.

use super::campaign::{RunMode, Variant};
use super::ids::{
    AppId, CampaignId, DeviceKey, Epoch, InputPosition, JobId, PlaceId, SnapshotHash, TargetId,
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
    /// A stay at a place became a visit.
    Visited = 6,
    /// A job was too old to leave.
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

/// A job or an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// An order to notify.
    Job(PushJob),
    /// A fact for attribution.
    Event(AttributionEvent),
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
