//! What is known of devices over days: where they spend the night, a visit to a store, being a regular there, and a
//! campaign for those who are.

use std::time::Duration;

use geofenced::domain::ids::DeviceId;
use h3o::{LatLng, Resolution};
use serde_json::{Value, json};

use crate::customer::{Customer, now_ms};

/// The store, some two kilometres from where the other campaigns are.
const SHOP: (f64, f64) = (37.55, 126.978);

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// By how many hours a zone is behind UTC in which it is between three and four at night now: where a device is then is
/// noted as its home.
fn behind_h() -> i64 {
    let behind_h = now_ms().rem_euclid(DAY_MS) / HOUR_MS - 3;
    if behind_h > 12 { behind_h - 24 } else { behind_h }
}

/// A device and where it lives.
pub(crate) type Inhabitant = (DeviceId, (f64, f64));

/// What an account has to know its visitors by.
pub(crate) struct Habits {
    app: u64,
    brand: u64,
    segment: u64,
}

/// The cell of a home, as states have it.
pub(crate) fn cell((lat, lon): (f64, f64)) -> Vec<u8> {
    let cell = LatLng::new(lat, lon).unwrap().to_cell(Resolution::Eight);
    u64::from(cell).to_le_bytes().to_vec()
}

impl Habits {
    /// A store, a visit of each of these devices, and the segment of who has visited.
    pub(crate) async fn form(customer: &Customer, app: u64, devices: &[Inhabitant]) -> Self {
        let brand = customer.make("/v1/brands", &json!({"name": "Beans"})).await;
        let store =
            json!({"name": "Shop", "code": "s-1", "brand": brand, "lat": SHOP.0, "lon": SHOP.1});
        customer.make("/v1/places", &store).await;
        let behind_h = behind_h();
        let measured = customer.edit("/v1/account", |account| {
            account["measure_visits"] = json!(true);
            account["time_zone"] = json!(format!("Etc/GMT{behind_h:+}"));
        });
        let measured = measured.await;
        let epoch = measured.epoch.unwrap();
        assert_eq!(customer.get(&format!("/v1/account?wait_epoch={epoch}")).await.status, 200);
        visited(customer, app, behind_h, devices).await;
        let mut habits = Self { app, brand, segment: 0 };
        while habits.visitors(customer).await != devices.len() as u64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let regulars = json!({"name": "Visitors", "history": habits.history()});
        habits.segment = customer.make("/v1/segments", &regulars).await;
        habits.until_members_are(customer, devices.len()).await;
        habits
    }

    fn history(&self) -> Value {
        json!({"days": 7, "blocks": [{"brands": [self.brand], "at_least": 1}]})
    }

    /// How many devices were at the store, counted from the visits.
    pub(crate) async fn visitors(&self, customer: &Customer) -> u64 {
        let body = json!({"history": self.history()});
        let preview = customer.post("/v1/segment-preview", &body).await.body;
        preview["size"].as_u64().unwrap()
    }

    /// Waits until so many are known as the members of the segment.
    pub(crate) async fn until_members_are(&self, customer: &Customer, members: usize) {
        let path = format!("/v1/segments/{}", self.segment);
        loop {
            let state = customer.get(&path).await.body["state"].clone();
            let size = customer.get(&format!("{path}/size")).await.body;
            if state == "usable" && size["size"] == members {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Starts a campaign for the segment, and gives its number.
    pub(crate) async fn begin(&self, customer: &Customer, name: &str) -> u64 {
        let body = json!({
            "name": name, "apps": [self.app], "locations": [{"general": {"nationwide": true}}],
            "trigger": {"on": "enter"}, "start": "2026-01-01", "end": "2099-12-31",
            "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "start": "00:00", "end": "24:00"}],
            "frequency": "once_per_period", "message_type": "none",
            "audience": {"segment": self.segment}, "blacklist": false,
        });
        let id = customer.make("/v1/campaigns", &body).await;
        customer.set_in_force(id, "running").await;
        id
    }

    /// Everybody is at home.
    pub(crate) async fn at_home(&self, customer: &Customer, devices: &[Inhabitant], ago_s: i64) {
        for (device, home) in devices {
            customer.ping_of(now_ms() - ago_s * 1000, self.app, &[*device], *home).await;
        }
    }
}

/// A stay of all at the store, at noon of the last whole day.
async fn visited(customer: &Customer, app: u64, behind_h: i64, devices: &[Inhabitant]) {
    let behind_ms = behind_h * HOUR_MS;
    let today = (now_ms() - behind_ms).div_euclid(DAY_MS) * DAY_MS + behind_ms;
    let all: Vec<DeviceId> = devices.iter().map(|(device, _)| *device).collect();
    for after_s in [0, 200] {
        let noon = today - DAY_MS + 12 * HOUR_MS + after_s * 1000;
        customer.ping_of(noon, app, &all, SHOP).await;
    }
}
