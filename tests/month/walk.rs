//! Where devices go in half a month: home at night, from there to one to three sites and back, with all that goes wrong
//! with positions on the way: coarse, late, repeated, mocked, far away, missing.

use geofenced::domain::ids::DeviceId;
use geofenced::domain::ping::{Ping, PingFlags};
use geofenced::domain::units::UtcMs;

use crate::days::DAY_MS;
use crate::ground::{self, Spot, site};
use crate::lots::Lots;
use crate::shops::planted_store;

const MINUTE_MS: i64 = 60_000;

/// A ping, and when the gateway sends it.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) sent_at: i64,
    pub(crate) ping: Ping,
    /// Which of the account's two apps.
    pub(crate) app: usize,
}

/// The advertising id of a device.
pub(crate) fn id_of(seed: u64, device: u64) -> DeviceId {
    let mut lots = Lots::of(seed, device, 99);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&lots.next().to_be_bytes());
    id[8..].copy_from_slice(&lots.next().to_be_bytes());
    DeviceId(id)
}

/// A device on its way through half a month.
struct Walker {
    lots: Lots,
    id: DeviceId,
    home: Spot,
    flags: PingFlags,
    app: usize,
    sent: Vec<Sent>,
    until: i64,
}

/// What a device sends in a half of the month. `visits` is whether it is planned to visit a store of the brand that nobody
/// visits otherwise.
pub(crate) fn half_of(
    seed: u64,
    device: u64,
    half: u64,
    span: (i64, i64),
    visits: bool,
) -> Vec<Sent> {
    let mut person = Lots::of(seed, device, 0);
    let (north, east) = (person.between(0, 3000), person.between(0, 10_000));
    let home = ground::home_corner().moved_m(north, east);
    let app = usize::from(person.per_mille(400));
    let platform = [PingFlags::ANDROID, PingFlags::IOS][app];
    let consent = if person.per_mille(50) { PingFlags::NO_ADS_CONSENT } else { 0 };
    let night = if person.per_mille(500) { PingFlags::NIGHT_CONSENT } else { 0 };
    let flags = PingFlags(platform | consent | night);
    let sleeps_late = person.per_mille(400);
    // Some are away for half of the month.
    if person.per_mille(40) && u64::from(person.per_mille(500)) == half {
        return Vec::new();
    }
    let lots = Lots::of(seed, device, half + 1);
    let id = id_of(seed, device);
    let sent = Vec::new();
    let mut walker = Walker { lots, id, home, flags, app, sent, until: span.1 };
    if sleeps_late {
        walker.nights(span);
    }
    walker.outings(span);
    if visits {
        walker.planned(span, planted_store(device));
    }
    if half == 0 {
        walker.go_home();
    }
    let mut sent = walker.sent;
    sent.sort_by_key(|one| one.sent_at);
    sent
}

impl Walker {
    /// Some nights at home, a fix or two each.
    fn nights(&mut self, (from, until): (i64, i64)) {
        let nights = self.lots.between(2, 6);
        let first = from / DAY_MS + 1;
        let last = until / DAY_MS;
        for _ in 0..nights {
            let day = self.lots.between(first, last);
            // 15:00Z to 21:00Z is from midnight to six in Seoul.
            let at = day * DAY_MS + self.lots.between(14 * 60, 21 * 60) * MINUTE_MS;
            if at > from && at < until {
                let jitter = self.lots.between(-25, 25);
                self.fix(at, self.home.moved_m(jitter, -jitter), 40);
            }
        }
    }

    /// Some days with a way each.
    fn outings(&mut self, (from, until): (i64, i64)) {
        let days = self.lots.pick(&[1, 1, 2, 2, 3]);
        let span_days = (until - from) / DAY_MS;
        let mut day = self.lots.between(0, 3);
        for left in (0..days).rev() {
            day += 1 + self.lots.between(0, (span_days - day - left).max(1) / (left + 1) + 1);
            let start = from + day * DAY_MS + self.lots.between(0, DAY_MS);
            if start + 7 * 60 * MINUTE_MS > until {
                break;
            }
            self.outing(start, left > 0);
        }
    }

    fn outing(&mut self, start: i64, may_vanish: bool) {
        let usual = self.app;
        if self.lots.per_mille(60) {
            self.app = 1 - usual;
        }
        let mut at = start;
        self.noisy(at, self.home);
        for _ in 0..self.lots.pick(&[1, 1, 2, 3]) {
            at += self.lots.between(6, 20) * MINUTE_MS;
            let favourite = self.lots.per_mille(450);
            let number = if favourite { self.lots.between(0, 5) } else { self.lots.between(0, 30) };
            let style = self.lots.between(0, 10);
            at = self.stop(at, site(number), style);
            if style == 9 && may_vanish {
                self.app = usual;
                return;
            }
        }
        at += self.lots.between(8, 25) * MINUTE_MS;
        self.noisy(at, self.home);
        self.app = usual;
    }

    /// A stop at a site: towards it, there for a while, away again.
    fn stop(&mut self, mut at: i64, there: Spot, style: i64) -> i64 {
        let spread = self.lots.pick(&[12, 20, 60, 150, 260]);
        let (south, east) = (self.lots.between(300, 700), self.lots.between(-300, 300));
        self.noisy(at, there.moved_m(-south, east));
        let fixes = if style == 6 { 1 } else { self.lots.between(2, 6) };
        for number in 0..fixes {
            at += match style {
                7 => self.lots.between(10 * 60, 28 * 60) * 1000,
                8 if number == 1 => self.lots.between(31, 90) * MINUTE_MS,
                _ => self.lots.between(35, 220) * 1000,
            };
            let (north, east) =
                (self.lots.between(-spread, spread + 1), self.lots.between(-spread, spread + 1));
            self.noisy(at, there.moved_m(north, east));
        }
        if style != 9 {
            at += self.lots.between(60, 240) * 1000;
            let (north, east) = (self.lots.between(100, 900), self.lots.between(-600, 600));
            self.noisy(at, there.moved_m(north, east));
        }
        at
    }

    /// Whoever was out is at home in the last hour before the half is over: so nobody stays anywhere while campaigns
    /// come and go.
    fn go_home(&mut self) {
        let at = self.until - self.lots.between(1, 60) * MINUTE_MS;
        self.fix(at, self.home, 30);
    }

    /// Five good fixes within a store, on a day without anything else.
    fn planned(&mut self, (from, until): (i64, i64), store: Spot) {
        let start = loop {
            let start = self.lots.between(from + 30 * MINUTE_MS, until - 60 * MINUTE_MS);
            let is_free = |one: &Sent| (one.ping.fixed_at.0 - start).abs() > 3 * 60 * MINUTE_MS;
            if self.sent.iter().all(is_free) {
                break start;
            }
        };
        for number in 0..5 {
            let jitter = self.lots.between(-6, 7);
            self.fix(start + number * 70_000, store.moved_m(jitter, -jitter), 12);
        }
        self.fix(start + 15 * MINUTE_MS, self.home, 20);
    }

    /// A fix as devices in the field send it.
    fn noisy(&mut self, at: i64, spot: Spot) {
        let accuracy_m = match self.lots.between(0, 100) {
            0..3 => self.lots.between(200, 2500),
            3..12 => self.lots.between(90, 200),
            _ => self.lots.between(4, 45),
        };
        let good = self.made(at, spot, accuracy_m);
        let far = spot.moved_m(330_000, 0);
        match self.lots.between(0, 1000) {
            0..8 => {
                let flags = PingFlags(good.ping.flags.0 | PingFlags::MOCK);
                self.send(Sent { ping: Ping { flags, ..good.ping }, ..good });
            }
            8..16 => self.fix(at, far, accuracy_m),
            16..20 => self.fix(at, Spot { lat_e7: 910_000_000, ..spot }, accuracy_m),
            20..42 => {
                self.send(good);
                self.late(good, (1, 400));
            }
            42..72 => self.late(good, (60, 1500)),
            72..78 => self.late(good, (3 * 3600, 20 * 3600)),
            78..82 => self.late(good, (25 * 3600, 40 * 3600)),
            82..100 => {}
            _ => self.send(good),
        }
    }

    /// Sends it so many seconds after it was made.
    fn late(&mut self, one: Sent, (from_s, until_s): (i64, i64)) {
        let sent_at = one.sent_at + self.lots.between(from_s, until_s) * 1000;
        self.send(Sent { sent_at, ..one });
    }

    fn fix(&mut self, at: i64, spot: Spot, accuracy_m: i64) {
        self.send(self.made(at, spot, accuracy_m));
    }

    fn made(&self, at: i64, spot: Spot, accuracy_m: i64) -> Sent {
        let e7 = |value: i64| i32::try_from(value).unwrap();
        let ping = Ping {
            device: self.id,
            lat_e7: e7(spot.lat_e7),
            lon_e7: e7(spot.lon_e7),
            fixed_at: UtcMs(at),
            accuracy_m: u16::try_from(accuracy_m).unwrap(),
            flags: self.flags,
        };
        Sent { sent_at: at, ping, app: self.app }
    }

    /// What would be sent after the half is over never is.
    fn send(&mut self, one: Sent) {
        if one.sent_at < self.until && one.ping.fixed_at.0 < self.until {
            self.sent.push(one);
        }
    }
}
