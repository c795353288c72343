//! The demo's devices: they walk or drive between hubs of Seoul in straight lines, and ping every few seconds.
//!
//! Seeded and without a clock of its own: the same instants give the same paths.

use crate::domain::ids::DeviceId;
use crate::domain::ping::{Ping, PingFlags};
use crate::domain::units::UtcMs;

/// Hubs, latitude and longitude in degrees.
const HUBS: [(f64, f64); 8] = [
    (37.5663, 126.9779),
    (37.4979, 127.0276),
    (37.5572, 126.9245),
    (37.5133, 127.1001),
    (37.5636, 126.9850),
    (37.5547, 126.9707),
    (37.5404, 127.0692),
    (37.5216, 126.9243),
];

/// Walkers at 1.4 m/s, drivers at 12 m/s.
const SPEEDS_M_S: [f64; 2] = [1.4, 12.0];

/// About so many metres make a degree of latitude.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// All devices.
pub(super) struct Walkers {
    walkers: Vec<Walker>,
    began_at: Option<UtcMs>,
}

/// One device on its way from hub to hub.
struct Walker {
    device: DeviceId,
    lots: Lots,
    from: (f64, f64),
    to: (f64, f64),
    speed_m_s: f64,
    /// When it left `from`, s since the beginning.
    left_s: f64,
    next_ping_s: f64,
}

/// A small generator of even numbers (Marsaglia's xorshift64).
struct Lots(u64);

impl Lots {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }

    /// Evenly in 0 ..< 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / 4_294_967_296.0
    }
}

impl Walkers {
    /// `count` devices, each on some way between two hubs.
    pub(super) fn new(count: u32) -> Self {
        Self { walkers: (1..=count).map(Walker::new).collect(), began_at: None }
    }

    /// The ids of that many devices.
    pub(super) fn ids(count: u32) -> impl Iterator<Item = DeviceId> {
        (1..=count).map(device)
    }

    /// The pings that are due at `now`.
    pub(super) fn pings_at(&mut self, now: UtcMs) -> Vec<Ping> {
        let began_at = *self.began_at.get_or_insert(now);
        #[expect(clippy::cast_precision_loss, reason = "a demo lasts no thousand years")]
        let elapsed_s = now.since(began_at) as f64 / 1000.0;
        self.walkers.iter_mut().filter_map(|walker| walker.ping_at(now, elapsed_s)).collect()
    }
}

impl Walker {
    fn new(number: u32) -> Self {
        let mut lots = Lots(u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let (from, to) = (HUBS[lots.below(HUBS.len())], HUBS[lots.below(HUBS.len())]);
        let speed_m_s = SPEEDS_M_S[lots.below(SPEEDS_M_S.len())];
        let way_s = distance_m(from, to) / speed_m_s;
        // Most begin close to their hub, so that something happens at once.
        let left_s = -way_s * lots.share() * lots.share() * lots.share();
        let next_ping_s = 5.0 * lots.share();
        Self { device: device(number), lots, from, to, speed_m_s, left_s, next_ping_s }
    }

    fn ping_at(&mut self, now: UtcMs, elapsed_s: f64) -> Option<Ping> {
        if elapsed_s < self.next_ping_s {
            return None;
        }
        self.next_ping_s = elapsed_s + 3.0 + 4.0 * self.lots.share();
        let way_s = distance_m(self.from, self.to).max(1.0) / self.speed_m_s;
        let done = ((elapsed_s - self.left_s) / way_s).min(1.0);
        let lat = self.from.0 + (self.to.0 - self.from.0) * done;
        let lon = self.from.1 + (self.to.1 - self.from.1) * done;
        if done >= 1.0 {
            self.from = self.to;
            self.to = HUBS[self.lots.below(HUBS.len())];
            self.left_s = elapsed_s;
        }
        Some(Ping {
            device: self.device,
            lat_e7: e7(lat),
            lon_e7: e7(lon),
            fixed_at: now,
            accuracy_m: 10,
            flags: PingFlags(PingFlags::ANDROID),
        })
    }
}

fn device(number: u32) -> DeviceId {
    DeviceId((0xD3_u128 << 120 | u128::from(number)).to_be_bytes())
}

fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let north = (a.0 - b.0) * METRES_PER_DEGREE;
    let east = (a.1 - b.1) * METRES_PER_DEGREE * 0.793;
    north.hypot(east)
}

#[expect(clippy::cast_possible_truncation, reason = "hubs are in Seoul, far within the range")]
fn e7(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}
