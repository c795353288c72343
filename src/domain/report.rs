//! What is told of a device besides where it is: outcomes of pushes, its profile, place hints, and that it is to be
//! forgotten.

use super::ids::{DeviceId, JobId, PlaceId};
use super::units::UtcMs;

/// What became of a push, as the SDK saw it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum OutcomeKind {
    /// It reached the device.
    Delivered = 1,
    /// The user opened it.
    Clicked = 2,
    /// The user wiped it away.
    Dismissed = 3,
}

/// A device's word on one of its jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The device that got the push.
    pub device: DeviceId,
    /// The job it belongs to.
    pub job: JobId,
    /// When it happened, by the device's clock.
    pub happened_at: UtcMs,
    /// What happened.
    pub kind: OutcomeKind,
}

/// Which system a device runs; what a sender needs to pick a push service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Platform {
    /// Not said.
    #[default]
    Unknown = 0,
    /// Android.
    Android = 1,
    /// iOS.
    Ios = 2,
}

/// Ties an advertising id to the SDK's own device code, a platform and the user's consents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The advertising id.
    pub device: DeviceId,
    /// The SDK's own device code (echo code), 16 bytes; all zero when there is none.
    pub echo: [u8; 16],
    /// The system it runs.
    pub platform: Platform,
    /// Whether the user agreed to advertising.
    pub ads_consent: bool,
    /// Whether the user agreed to advertising at night.
    pub night_consent: bool,
}

/// What the device found out about a place by itself (Wi-Fi, beacon).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum HintVerdict {
    /// It went in.
    Enter = 1,
    /// It went out.
    Leave = 2,
    /// It is within signal range, not inside.
    Nearby = 3,
}

/// A verdict made on the device, which coordinates alone can't give: they don't tell floors apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlaceHint {
    /// The device.
    pub device: DeviceId,
    /// The store it speaks of.
    pub place: PlaceId,
    /// When, by the device's clock.
    pub fixed_at: UtcMs,
    /// What it found.
    pub verdict: HintVerdict,
}

/// That nothing is to be known of a device any more. It comes from the device's user, through the account; no device
/// sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// Whose traces go.
    pub device: DeviceId,
}
