//! The untrusted report: what an SDK said, decoded from a frame and not yet believed.
//!
//! Pings come from [`wire`](crate::wire) or from JSON over HTTP and end in [`fix`](super::fix).

use super::ids::DeviceId;
use super::units::UtcMs;

/// What a device claimed about itself, bit by bit. The values are those of the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PingFlags(pub u16);

impl PingFlags {
    /// The position comes from a mock provider.
    pub const MOCK: u16 = 1 << 0;
    /// The app was in the background.
    pub const BACKGROUND: u16 = 1 << 1;
    /// The user has not agreed to advertising.
    pub const NO_ADS_CONSENT: u16 = 1 << 2;
    /// The user has agreed to advertising at night.
    pub const NIGHT_CONSENT: u16 = 1 << 3;
    /// The device runs Android.
    pub const ANDROID: u16 = 1 << 4;
    /// The device runs iOS.
    pub const IOS: u16 = 1 << 5;
    /// Every bit with a meaning; the others must be 0.
    pub const KNOWN: u16 = (1 << 6) - 1;

    /// Whether any of `bits` is set.
    #[must_use]
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }
}

/// One location report as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ping {
    /// The advertising id; may be nil.
    pub device: DeviceId,
    /// Latitude, 1e-7 degrees; any value.
    pub lat_e7: i32,
    /// Longitude, 1e-7 degrees; any value.
    pub lon_e7: i32,
    /// When the device says it was there.
    pub fixed_at: UtcMs,
    /// Radius of the 68 % circle, m; 0 means unknown-but-good, as platforms use it.
    pub accuracy_m: u16,
    /// What else it says.
    pub flags: PingFlags,
}
