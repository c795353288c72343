//! The accounts of the month: one of each membership, what they have, and their campaigns, of all kinds there are.
//!
//! Whatever is posted is kept with the number that it got: these are the definitions that the script reads.

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::campaigns;
use crate::customer::Customer;
use crate::ground::{self, Spot, site};
use crate::support::Daemon;

/// An account with what it has.
pub(crate) struct Shop {
    pub(crate) customer: Customer,
    pub(crate) membership: &'static str,
    /// Numbers by kind and in the order in which they were made.
    pub(crate) made: Made,
    /// What was posted, by kind.
    pub(crate) documents: Map<String, Value>,
    /// Devices of its own, as the walk numbers them.
    pub(crate) devices: std::ops::Range<u64>,
}

/// Numbers of what an account has made.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) apps: Vec<u64>,
    pub(crate) fences: Vec<u64>,
    pub(crate) polygons: Vec<u64>,
    pub(crate) groups: Vec<u64>,
    pub(crate) regions: Vec<u64>,
    pub(crate) brands: Vec<u64>,
    pub(crate) categories: Vec<u64>,
    pub(crate) places: Vec<u64>,
    pub(crate) segments: Vec<u64>,
    pub(crate) campaigns: Vec<u64>,
}

impl Shop {
    /// The three accounts, ready for their first half of the month.
    pub(crate) async fn all(daemon: &Daemon, seed: u64, devices: u64) -> Vec<Self> {
        let shares = [
            ("basic", "Asia/Seoul", 0..devices * 5 / 10),
            ("premium", "Europe/Berlin", devices * 5 / 10..devices * 8 / 10),
            ("lite", "Asia/Kathmandu", devices * 8 / 10..devices),
        ];
        let mut shops = Vec::new();
        for (membership, zone, devices) in shares {
            let customer = Customer::new(daemon, membership).await;
            let (made, documents) = Default::default();
            let mut shop = Self { customer, membership, made, documents, devices };
            shop.settle(zone).await;
            shop.draw_fences().await;
            if membership != "lite" {
                shop.draw_group().await;
                shop.found_stores().await;
                shop.list_people(seed).await;
            }
            campaigns::begin(&mut shop, seed).await;
            shops.push(shop);
        }
        shops
    }

    /// Posts a document, and keeps it with its number.
    pub(crate) async fn make(&mut self, kind: &str, document: Value) -> u64 {
        let id = self.customer.make(&format!("/v1/{kind}"), &document).await;
        self.keep(kind, id, document);
        id
    }

    /// Keeps a document among the definitions.
    pub(crate) fn keep(&mut self, kind: &str, id: u64, mut document: Value) {
        document["id"] = json!(id);
        let list = self.documents.entry(kind).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(document);
    }

    async fn settle(&mut self, zone: &str) {
        let is_premium = self.membership == "premium";
        let edited = self.customer.edit("/v1/account", |account| {
            account["time_zone"] = json!(zone);
            account["measure_visits"] = json!(self.membership != "lite");
            account["night_rule"] = json!(is_premium);
            account["daily_cap"] = if is_premium { json!(2) } else { Value::Null };
        });
        let edited = edited.await;
        assert_eq!(edited.status, 200, "{}", edited.body);
        self.documents.insert("account".to_owned(), edited.body);
        for platform in ["android", "ios"] {
            let app =
                json!({"name": platform, "package": "kr.example.month", "platform": platform});
            let app = self.make("apps", app).await;
            self.made.apps.push(app);
        }
    }

    async fn draw_fences(&mut self) {
        for number in 0..8 {
            let radius_m = [200, 250, 150, 180][usize::try_from(number % 4).unwrap()];
            let shape = ground::circle(site(number).moved_m(7, -9), radius_m);
            let fence = json!({"name": format!("Round {number}"), "shape": shape});
            let fence = self.make("geofences", fence).await;
            self.made.fences.push(fence);
        }
        let wide = ground::circle(site(20), 2500);
        let shapes = [ground::with_hole(site(3), 400), ground::islands(site(4), 300), wide];
        for (number, shape) in shapes.into_iter().enumerate() {
            let fence = json!({"name": format!("Drawn {number}"), "shape": shape});
            let fence = self.make("geofences", fence).await;
            self.made.polygons.push(fence);
        }
    }

    async fn draw_group(&mut self) {
        let mut file = "type,polygon,latitude,longitude,radius m,name\n".to_owned();
        let mut members = Vec::new();
        for number in 5..10 {
            let (lat, lon) = ground::point(site(number).moved_m(11, 13));
            let shape = if number < 8 {
                file += &format!("1,,{lat},{lon},160,Member {number}\n");
                json!({"type": "circle", "lat": lat, "lon": lon, "radius_m": 160})
            } else {
                let ring = ground::ring(site(number), 240);
                let corners: Vec<String> =
                    ring.iter().map(|[lon, lat]| format!("{lon} {lat}")).collect();
                file += &format!("0,\"({})\",,,,Member {number}\n", corners.join(","));
                json!({"type": "polygon", "coordinates": [ring]})
            };
            members.push(json!({"name": format!("Member {number}"), "shape": shape}));
        }
        let query = "of=group&name=Rounds&file=group.csv";
        let id = self.upload(query, file).await;
        self.keep("groups", id, json!({"members": members}));
        self.made.groups.push(id);
    }

    async fn found_stores(&mut self) {
        let (corner, second) = (ground::home_corner(), site(16).moved_m(-500, -400));
        let regions = [
            ("city", ground::quarter(second, site(31).moved_m(600, 500))),
            ("street", ground::quarter(corner, corner.moved_m(3000, 5000))),
            ("trade_area", ground::polygon(site(25), 1900)),
        ];
        for (level, shape) in regions {
            let region = json!({"name": format!("A {level}"), "level": level, "shape": shape});
            let region = self.make("regions", region).await;
            self.made.regions.push(region);
        }
        for name in ["Beans", "Books", "Planted"] {
            let brand = self.make("brands", json!({"name": name})).await;
            self.made.brands.push(brand);
        }
        let food = self.make("categories", json!({"name": "Food"})).await;
        let coffee = self.make("categories", json!({"name": "Coffee", "parent": food})).await;
        self.made.categories = vec![food, coffee];
        for number in 10..32 {
            let store = self.store(number);
            let place = self.make("places", store).await;
            self.made.places.push(place);
        }
    }

    fn store(&self, number: i64) -> Value {
        let of = |list: &[u64], at: i64| list.get(usize::try_from(at).unwrap()).copied();
        let is_planted = ground::PLANTED_SITES.contains(&number);
        let brand = of(&self.made.brands, if is_planted { 2 } else { number % 3 })
            .filter(|_| is_planted || number % 3 < 2);
        let signal_radius_m = [100, 60, 150][usize::try_from(number % 3).unwrap()];
        let (lat, lon) = ground::point(site(number));
        let footprint = (number % 4 == 0).then(|| ground::polygon(site(number), 60));
        json!({"name": format!("Store {number}"), "code": format!("s-{number}"), "brand": brand,
            "category": of(&self.made.categories, number % 3), "lat": lat, "lon": lon,
            "signal_radius_m": signal_radius_m,
            "footprint": footprint})
    }

    /// Who is on the blacklist, in a segment from a file, and in one by visits.
    async fn list_people(&mut self, seed: u64) {
        let every = |nth: u64| -> Vec<String> {
            let listed = self.devices.clone().step_by(usize::try_from(nth).unwrap());
            listed.map(|device| crate::walk::id_of(seed, device).to_string()).collect()
        };
        let (listed, banned) = (every(4), every(23));
        let file = |ids: &[String]| format!("advertising id\n{}\n", ids.join("\n"));
        let id = self.upload("of=segment&name=Known&file=known.csv", file(&listed)).await;
        self.keep("segments", id, json!({"members": listed}));
        self.made.segments.push(id);
        self.upload("of=blacklist&file=no.csv", file(&banned)).await;
        self.documents.insert("blacklist".to_owned(), json!(banned));
        let history = json!({"days": 30, "blocks": [
            {"brands": [self.made.brands[0]], "at_least": 1},
            {"regions": [self.made.regions[2]], "categories": [self.made.categories[0]],
                "at_least": 2}]});
        let segment = self.make("segments", json!({"name": "Regulars", "history": history})).await;
        self.made.segments.push(segment);
    }

    /// Sends a file and gives the number of what it became.
    async fn upload(&self, query: &str, file: String) -> u64 {
        let import = self.customer.upload(query, file.into_bytes()).await;
        if import["state"] != "usable" {
            let bad = format!("/v1/imports/{}/bad-rows?language=english", import["id"]);
            let bad = self.customer.raw(Method::GET, &bad, &[], Vec::new()).await.body;
            panic!("{query}: {import} {}", String::from_utf8_lossy(&bad));
        }
        import["into"].as_u64().unwrap_or_default()
    }

    /// Waits until a segment's users are known, as of a day where one is given.
    pub(crate) async fn looked_up(&self, segment: u64, as_of: Option<&str>) {
        loop {
            let shown = self.customer.get(&format!("/v1/segments/{segment}")).await.body;
            let size = self.customer.get(&format!("/v1/segments/{segment}/size")).await.body;
            let is_of_day = as_of.is_none_or(|day| size["as_of"] == day);
            if shown["state"] == "usable" && is_of_day {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

/// Where the store of a planned visit is.
pub(crate) fn planted_store(device: u64) -> Spot {
    site(ground::PLANTED_SITES[usize::from(device % 2 == 1)])
}
