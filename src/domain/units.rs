//! Where and when: coordinates in 1e-7 degrees and instants in UTC milliseconds.
//!
//! Both are integers, so containment, ordering and schedules are exact and the same on every processor.

use std::fmt;
use std::ops::{Add, Sub};

/// How many coordinate units make a degree.
pub const E7: f64 = 1e7;

/// 180° in coordinate units.
pub const HALF_TURN_E7: i32 = 1_800_000_000;

/// 90° in coordinate units.
pub const QUARTER_TURN_E7: i32 = 900_000_000;

/// The mean radius of the earth, m (IUGG R1, rounded to 0.1 m); circles are measured on this sphere.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// A day of UTC, ms. A local day may be an hour shorter or longer.
pub const DAY_MS: i64 = 86_400_000;

/// A point on earth, quantised to 1e-7 degrees (about 11 mm). Longitude is in −180° ≤ lon < 180°.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PointE7 {
    /// Latitude, 1e-7 degrees, −900,000,000 ..= 900,000,000.
    pub lat: i32,
    /// Longitude, 1e-7 degrees, −1,800,000,000 ..< 1,800,000,000.
    pub lon: i32,
}

impl PointE7 {
    /// Checks the ranges; longitude 180° is taken as −180°, the same meridian.
    #[must_use]
    pub fn new(lat: i32, lon: i32) -> Option<Self> {
        let lat_ok = (-QUARTER_TURN_E7..=QUARTER_TURN_E7).contains(&lat);
        let lon_ok = (-HALF_TURN_E7..=HALF_TURN_E7).contains(&lon);
        let lon = if lon == HALF_TURN_E7 { -HALF_TURN_E7 } else { lon };
        (lat_ok && lon_ok).then_some(Self { lat, lon })
    }

    /// Quantises degrees, rounding half away from zero; `None` outside −90..=90 and −180..=180 or for NaN.
    #[must_use]
    pub fn from_degrees(lat: f64, lon: f64) -> Option<Self> {
        if !(lat.abs() <= 90.0 && lon.abs() <= 180.0) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range check above keeps both within i32"
        )]
        let (lat, lon) = (libm::round(lat * E7) as i32, libm::round(lon * E7) as i32);
        Self::new(lat, lon)
    }

    /// Latitude in degrees.
    #[must_use]
    pub fn lat_deg(self) -> f64 {
        f64::from(self.lat) / E7
    }

    /// Longitude in degrees.
    #[must_use]
    pub fn lon_deg(self) -> f64 {
        f64::from(self.lon) / E7
    }
}

/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds left out. Names say whose instant it
/// is: `fixed_at` the device's, `received_at` ours at intake, `evaluated_at` ours at the decision.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct UtcMs(pub i64);

impl UtcMs {
    /// Before every instant a ping may carry.
    pub const MIN: Self = Self(i64::MIN);
    /// After every instant a ping may carry.
    pub const MAX: Self = Self(i64::MAX);

    /// Milliseconds from `earlier` to `self`; negative when it is later after all.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day it lies in, UTC, counted from 1970-01-01.
    #[must_use]
    pub fn utc_day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// This instant moved by whole seconds.
    #[must_use]
    pub fn plus_s(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(i64::from(seconds) * 1000))
    }
}

impl Add<i64> for UtcMs {
    type Output = Self;
    fn add(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Sub<i64> for UtcMs {
    type Output = Self;
    fn sub(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

impl fmt::Display for UtcMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
