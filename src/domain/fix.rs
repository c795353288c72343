//! The validated report, and how a ping becomes one.
//!
//! Called once per ping at intake, before the journal: what is refused here needs no state to refuse and is
//! never stored. Rules that need the device's past (jumps, lateness, repeats) are the engine's.

use super::ids::DeviceId;
use super::ping::{Ping, PingFlags};
use super::reasons::RejectReason;
use super::units::{PointE7, UtcMs};

/// A ping that passed every check that needs no state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fix {
    /// A real advertising id, never nil.
    pub device: DeviceId,
    /// Where, in range and quantised.
    pub at: PointE7,
    /// When the device was there.
    pub fixed_at: UtcMs,
    /// Radius of the 68 % circle, m.
    pub accuracy_m: u16,
    /// Consent, background and platform bits; never mock.
    pub flags: PingFlags,
}

/// What "ahead of its time" means at intake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FutureRule {
    /// A fix may lie at most `max_future_ms` after `received_at`.
    AtMost {
        /// The intake clock's reading for the batch.
        received_at: UtcMs,
        /// The tolerance, ms.
        max_future_ms: i64,
    },
    /// Data from the past or from a simulation: the fixes are the clock.
    Off,
}

impl Fix {
    /// Believes a ping, or says why not.
    ///
    /// # Errors
    /// The reason, which is also the metric label; nothing else is known about the ping.
    #[inline]
    pub fn from_ping(ping: &Ping, future: FutureRule) -> Result<Self, RejectReason> {
        if ping.device.is_nil() {
            return Err(RejectReason::NilDevice);
        }
        if ping.flags.has(!PingFlags::KNOWN) {
            return Err(RejectReason::UnknownFlags);
        }
        if ping.flags.has(PingFlags::MOCK) {
            return Err(RejectReason::Mock);
        }
        let at = PointE7::new(ping.lat_e7, ping.lon_e7).ok_or(RejectReason::BadCoordinates)?;
        if !TIME_RANGE_MS.contains(&ping.fixed_at.0) {
            return Err(RejectReason::BadTime);
        }
        if let FutureRule::AtMost { received_at, max_future_ms } = future
            && ping.fixed_at.since(received_at) > max_future_ms
        {
            return Err(RejectReason::Future);
        }
        Ok(Self {
            device: ping.device,
            at,
            fixed_at: ping.fixed_at,
            accuracy_m: ping.accuracy_m,
            flags: ping.flags,
        })
    }
}

/// The ping that is believed to be this fix.
impl From<&Fix> for Ping {
    fn from(fix: &Fix) -> Self {
        Self {
            device: fix.device,
            lat_e7: fix.at.lat,
            lon_e7: fix.at.lon,
            fixed_at: fix.fixed_at,
            accuracy_m: fix.accuracy_m,
            flags: fix.flags,
        }
    }
}

/// Instants a fix may carry: the years 1800 to 9999. Wide enough for every data set and schedule, narrow
/// enough that adding a gap, a dwell or 400 days never overflows.
pub const TIME_RANGE_MS: std::ops::RangeInclusive<i64> = -5_364_662_400_000..=253_402_300_799_999;
