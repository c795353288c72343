//! Devices on plausible ways between the hubs of a made-up town, and the fences around those hubs. All is drawn
//! from seeds: the same scenario gives the same pings on every machine.

use fastrand::Rng;
use geofenced::domain::fix::Fix;
use geofenced::domain::ids::DeviceId;
use geofenced::domain::ping::PingFlags;
use geofenced::domain::units::{PointE7, UtcMs};
use serde_json::{Value, json};

use crate::scenario::{Paths, Town};

/// Metres of a degree of latitude, near enough for made-up ways.
const DEGREE_M: f64 = 111_195.0;

/// A spot in metres east and north of the middle of the town.
#[derive(Clone, Copy, Debug)]
struct Spot {
    east_m: f64,
    north_m: f64,
}

impl Spot {
    /// Somewhere within `radius_m`.
    fn near(self, radius_m: f64, rng: &mut Rng) -> Self {
        let (turn, out_m) = (rng.f64() * std::f64::consts::TAU, libm::sqrt(rng.f64()) * radius_m);
        Self {
            east_m: self.east_m + out_m * libm::cos(turn),
            north_m: self.north_m + out_m * libm::sin(turn),
        }
    }

    /// Up to `step_m` towards `goal`; the way that is left over, m.
    fn towards(&mut self, goal: Self, step_m: f64) -> f64 {
        let (east_m, north_m) = (goal.east_m - self.east_m, goal.north_m - self.north_m);
        let way_m = libm::hypot(east_m, north_m);
        if way_m <= step_m {
            *self = goal;
            return 0.0;
        }
        self.east_m += east_m * step_m / way_m;
        self.north_m += north_m * step_m / way_m;
        way_m - step_m
    }

    fn degrees(self, town: &Town) -> (f64, f64) {
        let lat = town.lat + self.north_m / DEGREE_M;
        let lon = town.lon + self.east_m / (DEGREE_M * libm::cos(town.lat.to_radians()));
        (lat, lon)
    }
}

fn hubs(town: &Town) -> Vec<Spot> {
    let mut rng = Rng::with_seed(town.seed);
    let middle = Spot { east_m: 0.0, north_m: 0.0 };
    (0..town.hubs).map(|_| middle.near(town.spread_m, &mut rng)).collect()
}

/// The fences of a town as GeoJSON: around each hub, of three two circles of 50 to 500 m and a hexagon.
pub(crate) fn fences(town: &Town) -> Vec<u8> {
    let mut rng = Rng::with_seed(town.seed ^ 0xFE_1C_E5);
    let (mut features, mut fences) = (Vec::new(), 0u32);
    for hub in hubs(town) {
        for _ in 0..town.fences_per_hub {
            let (centre, radius_m) = (hub.near(1500.0, &mut rng), rng.u32(50..=500));
            let number = fences;
            fences += 1;
            let feature = if number % 3 == 2 {
                hexagon(town, centre, f64::from(radius_m))
            } else {
                let (lat, lon) = centre.degrees(town);
                json!({"type": "Point", "coordinates": [lon, lat]})
            };
            let radius_m = (number % 3 != 2).then_some(radius_m);
            let properties = json!({"name": format!("fence {number}"), "radius_m": radius_m});
            features.push(json!({"type": "Feature", "id": format!("fence-{number}"),
                "properties": properties, "geometry": feature}));
            if town.stores_m > 0 {
                features.push(store(town, number, centre));
            }
        }
    }
    json!({"type": "FeatureCollection", "features": features}).to_string().into_bytes()
}

/// The inside of a store.
fn store(town: &Town, number: u32, spot: Spot) -> Value {
    let (lat, lon) = spot.degrees(town);
    let properties = json!({"name": format!("store {number}"), "radius_m": town.stores_m,
        "place": number + 1, "area": "inside"});
    json!({"type": "Feature", "id": format!("store-{number}"), "properties": properties,
        "geometry": {"type": "Point", "coordinates": [lon, lat]}})
}

fn hexagon(town: &Town, centre: Spot, radius_m: f64) -> Value {
    let corner = |number: u8| {
        let turn = f64::from(number % 6) * std::f64::consts::TAU / 6.0;
        let spot = Spot {
            east_m: centre.east_m + radius_m * libm::cos(turn),
            north_m: centre.north_m + radius_m * libm::sin(turn),
        };
        let (lat, lon) = spot.degrees(town);
        json!([lon, lat])
    };
    let ring: Vec<Value> = (0..=6).map(corner).collect();
    json!({"type": "Polygon", "coordinates": [ring]})
}

/// The pings of all devices, as the fixes that they become, in the order of their instants.
pub(crate) fn fixes(town: &Town, paths: &Paths, progress: impl Fn(u64)) -> Vec<Fix> {
    let hubs = hubs(town);
    let mut rng = Rng::with_seed(paths.seed);
    let mut all = Vec::new();
    for number in 0..paths.devices {
        Walker::new(number, &hubs, rng.fork()).follow(town, paths, &mut all);
        progress(1);
    }
    all.sort_by_key(|fix| (fix.fixed_at, fix.device));
    all
}

/// One device under way.
struct Walker<'h> {
    device: DeviceId,
    every_s: u32,
    speed_m_s: f64,
    /// How far from a hub it goes.
    roam_m: f64,
    hubs: &'h [Spot],
    at: Spot,
    goal: Spot,
    /// Where its receiver errs to; errors of neighbouring pings are alike.
    error: Spot,
    rng: Rng,
}

impl<'h> Walker<'h> {
    fn new(number: u32, hubs: &'h [Spot], mut rng: Rng) -> Self {
        let mut id = [0; 16];
        id.fill_with(|| rng.u8(..));
        // Never nil, whatever was drawn.
        id[0] |= 1;
        let (every_s, speed_m_s, roam_m) = match number % 10 {
            0..3 => (60, 0.0, 300.0),
            3..7 => (30, 1.3, 800.0),
            _ => (10, 11.0, 1500.0),
        };
        let at = pick(hubs, &mut rng).near(roam_m, &mut rng);
        let error = Spot { east_m: 0.0, north_m: 0.0 }.near(15.0, &mut rng);
        Self { device: DeviceId(id), every_s, speed_m_s, roam_m, hubs, at, goal: at, error, rng }
    }

    fn follow(mut self, town: &Town, paths: &Paths, out: &mut Vec<Fix>) {
        let start_ms =
            paths.start.as_millisecond() + i64::from(self.rng.u32(..self.every_s * 1000));
        for ping in 0..paths.minutes * 60 / self.every_s {
            self.move_on();
            let drift = self.error.near(6.0, &mut self.rng);
            self.error = Spot { east_m: drift.east_m * 0.9, north_m: drift.north_m * 0.9 };
            let seen = Spot {
                east_m: self.at.east_m + self.error.east_m,
                north_m: self.at.north_m + self.error.north_m,
            };
            let (lat, lon) = seen.degrees(town);
            // The bounds of a town keep it far from poles and antimeridian.
            let Some(at) = PointE7::from_degrees(lat, lon) else { continue };
            out.push(Fix {
                device: self.device,
                at,
                fixed_at: UtcMs(start_ms + i64::from(ping) * i64::from(self.every_s) * 1000),
                accuracy_m: self.rng.u16(5..40),
                flags: PingFlags(PingFlags::ANDROID),
            });
        }
    }

    fn move_on(&mut self) {
        let step_m = self.speed_m_s * f64::from(self.every_s);
        if step_m > 0.0 && self.at.towards(self.goal, step_m) <= 0.0 {
            let drives = self.speed_m_s > 2.0;
            let hub = if drives { pick(self.hubs, &mut self.rng) } else { self.at };
            self.goal = hub.near(self.roam_m, &mut self.rng);
        }
    }
}

fn pick(hubs: &[Spot], rng: &mut Rng) -> Spot {
    // A town has at least one hub.
    rng.choice(hubs).copied().unwrap_or(Spot { east_m: 0.0, north_m: 0.0 })
}
