//! One account, compiled: settings, campaigns, and what they watch.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Compiled, Known, Records, compile};
use crate::control::desk::blacklist::BlacklistEdit;
use crate::control::desk::changes::Seen;
use crate::control::desk::states::State;
use crate::control::documents::account::Membership;
use crate::control::documents::{
    Account, Brand, Campaign, Category, Geofence, Place, Region, Segment,
};
use crate::control::samples::{
    Installation, PHONE, campaign, campaign_at, geofence, keyring, parsed, place, region, set,
};
use crate::control::store::{DeviceList, Key, Kind, thread};
use crate::domain::campaign::{AudienceSpec, RunMode};
use crate::domain::ids::{AccountId, DeviceId, DeviceKey, TargetId};
use crate::domain::target::{PlaceArea, Shape};

/// An account, and the numbers of its targets as a snapshot would keep them.
struct Shop {
    installation: Installation,
    account: AccountId,
    /// Kept from one compile to the next.
    records: Records,
    dealt: BTreeMap<String, TargetId>,
}

impl Shop {
    fn new() -> Self {
        let (installation, account) = Installation::with(Membership::Basic);
        Self { installation, account, records: Records::of(account), dealt: BTreeMap::new() }
    }

    fn make<D: crate::control::desk::Ruled>(&mut self, body: Value) -> u32 {
        self.installation.make::<D>(self.account, body)
    }

    fn set(&mut self, campaign: u32, state: State) {
        let outcome =
            self.installation.at(self.account, |desk| desk.set_state(campaign, &Seen::Any, state));
        outcome.unwrap();
    }

    /// Makes a campaign and sets it running.
    fn run(&mut self, body: Value) -> u32 {
        let id = self.make::<Campaign>(body);
        self.set(id, State::Running);
        id
    }

    fn compiled(&mut self) -> Compiled {
        let Self { installation, account, records, dealt } = self;
        let (mut anew, keys) = (Records::of(*account), keyring());
        let known = Known { keyring: &keys, figures: None };
        let mut deal = |key: &str| {
            let next = TargetId(u32::try_from(dealt.len()).unwrap() + 1);
            Ok(*dealt.entry(key.to_owned()).or_insert(next))
        };
        let compiled = thread::read(&mut installation.store, |tx| {
            let compiled = compile(tx, records, known, &mut deal).unwrap();
            assert_eq!(compile(tx, &mut anew, known, &mut deal).unwrap(), compiled);
            Ok(compiled)
        });
        compiled.unwrap().unwrap()
    }

    /// The keys of what a campaign watches, by its place in the list.
    fn watched(&mut self, at: usize) -> Vec<String> {
        let compiled = self.compiled();
        let key = |id: &TargetId| match compiled.targets.iter().find(|target| target.id == *id) {
            Some(target) => target.key.clone(),
            None if *id == TargetId::NATIONWIDE => "everywhere".to_owned(),
            None => panic!("{id} is no target"),
        };
        let mut keys: Vec<String> = compiled.campaigns[at].targets.iter().map(key).collect();
        keys.sort_unstable();
        keys
    }
}

#[test]
fn no_account_gives_nothing_and_a_new_one_its_settings() {
    let mut shop = Shop::new();
    let missing = thread::read(&mut shop.installation.store, |tx| {
        let known = Known { keyring: &keyring(), figures: None };
        Ok(compile(tx, &mut Records::of(AccountId(9)), known, |_key| Ok(TargetId(1))))
    });
    assert!(missing.unwrap().unwrap().is_none());
    let settings = json!({ "name": "Mart", "membership": "basic", "time_zone": "Europe/Paris",
        "night_rule": true, "daily_cap": 3, "monthly_limit": 1000 });
    let edit = BlacklistEdit {
        advertising_ids: vec![PHONE.to_owned()],
        echo_codes: vec!["0f".repeat(16)],
    };
    shop.installation
        .at(shop.account, |desk| {
            desk.edit_blacklist(&edit, true)?;
            desk.replace::<Account>(1, &Seen::Any, parsed(settings))
        })
        .unwrap();
    let Compiled { account, targets, campaigns } = shop.compiled();
    assert_eq!(
        (account.id, &*account.name, &*account.time_zone),
        (shop.account, "Mart", "Europe/Paris")
    );
    assert_eq!(
        (account.night_rule, account.daily_cap, account.monthly_limit),
        (true, Some(3), Some(1000))
    );
    assert_eq!(
        (account.blacklist, account.blacklist_echo),
        (vec![DeviceId::parse(PHONE).unwrap()], vec![[15; 16]])
    );
    assert_eq!((account.apps.len(), &*account.apps[0].platform), (1, "android"));
    assert!(targets.is_empty() && campaigns.is_empty() && !account.measure_visits);
}

#[test]
fn only_what_is_testing_or_running_is_compiled() {
    let mut shop = Shop::new();
    for state in State::ALL {
        let id = shop.make::<Campaign>(campaign());
        if state == State::Ended {
            shop.installation.at(shop.account, |desk| desk.end(id)).unwrap();
        } else {
            shop.set(id, state);
        }
    }
    let compiled = shop.compiled();
    let modes: Vec<_> = compiled.campaigns.iter().map(|one| (one.id.0, one.mode)).collect();
    assert_eq!(modes, [(2, RunMode::Testing), (3, RunMode::Running)]);
    let phone = DeviceId::parse(PHONE).unwrap();
    for one in &compiled.campaigns {
        assert_eq!(
            (one.account, &one.targets[..], &one.test_devices[..]),
            (shop.account, &[TargetId::NATIONWIDE][..], &[phone][..])
        );
        assert_eq!(one.audience, AudienceSpec::All);
    }
}

#[test]
fn stores_are_watched_as_near_as_the_block_says() {
    let mut shop = Shop::new();
    let footprint = crate::control::samples::square((37.5, 127.0), 0.001);
    let plain = set(place("a", (37.5, 127.0)), "/signal_radius_m", json!(250));
    shop.make::<Place>(plain.clone());
    shop.make::<Place>(set(set(plain, "/code", json!("b")), "/footprint", footprint));
    shop.run(campaign_at(json!([
        { "general": { "places": [1, 2], "condition": "signal_range" } },
        { "general": { "places": [2, 1], "condition": "inside" } },
        { "general": { "places": [2] } },
    ])));
    let keys = ["place:1:inside", "place:1:signal", "place:2:inside", "place:2:signal"];
    assert_eq!(shop.watched(0), keys);
    let compiled = shop.compiled();
    let target = |key: &str| compiled.targets.iter().find(|target| target.key == key).unwrap();
    let radius = |key: &str| match target(key).shape {
        Shape::Circle { radius_m, .. } => radius_m.to_string(),
        Shape::Polygon { .. } | Shape::Everywhere => "none".to_owned(),
    };
    assert_eq!(keys.map(radius), ["25", "250", "none", "250"]);
    let of = |key: &str| target(key).place.map(|(place, area)| (place.0, area));
    assert_eq!(
        keys.map(of),
        [
            Some((1, PlaceArea::Inside)),
            Some((1, PlaceArea::Signal)),
            Some((2, PlaceArea::Inside)),
            Some((2, PlaceArea::Signal)),
        ]
    );
}

#[test]
fn categories_count_with_all_below_and_empty_brands_watch_nothing() {
    let mut shop = Shop::new();
    for parent in [None, Some(1), Some(2), Some(3)] {
        shop.make::<Category>(json!({ "name": "C", "parent": parent }));
    }
    shop.make::<Brand>(json!({ "name": "Nowhere" }));
    shop.make::<Place>(set(place("a", (37.5, 127.5)), "/category", json!(4)));
    shop.make::<Place>(set(place("b", (35.0, 127.5)), "/category", json!(2)));
    shop.make::<Region>(region("state", None));
    let category = |id: u32| json!({ "general": { "categories": [id] } });
    shop.run(campaign_at(json!([{ "general": { "brands": [1] } }])));
    assert!(shop.compiled().campaigns.is_empty(), "it watches nothing");
    shop.run(campaign_at(json!([{ "general": { "brands": [1] } }, category(1)])));
    shop.run(campaign_at(json!([category(3)])));
    shop.run(campaign_at(json!([{ "general": { "regions": [1], "categories": [1] } }])));
    assert_eq!(shop.watched(0), ["place:1:signal", "place:2:signal"]);
    assert_eq!(shop.watched(1), ["place:1:signal"]);
    assert_eq!(shop.watched(2), ["place:1:signal"], "the other is outside of the region");
}

#[test]
fn messages_are_told_brands_and_districts() {
    let mut shop = Shop::new();
    shop.make::<Region>(set(region("state", None), "/name", json!("Seoul")));
    shop.make::<Region>(set(region("city", Some(1)), "/name", json!("Gangnam")));
    shop.make::<Region>(set(region("trade_area", None), "/name", json!("Station")));
    shop.make::<Brand>(json!({ "name": "Cafe" }));
    shop.make::<Place>(set(place("a", (37.5, 127.5)), "/brand", json!(1)));
    shop.make::<Geofence>(set(geofence(), "/shape/lat", json!(37.5)));
    let body = campaign_at(json!([{ "general": { "regions": [2, 3], "geofences": [1] } }]));
    let text = |text: &str| {
        let said = set(body.clone(), "/message_type", json!("text"));
        set(said, "/messages", json!([{ "title": text, "body": "" }]))
    };
    let id = shop.run(text("${geofence}"));
    let labels = |shop: &mut Shop, key: &str| {
        let compiled = shop.compiled();
        let labels = compiled.targets.into_iter().find(|target| target.key == key).unwrap().labels;
        (labels.brand, labels.districts, labels.is_region)
    };
    let named = |state: &str, city: &str| [state.to_owned(), city.to_owned(), String::new()];
    let none = String::new();
    assert_eq!(labels(&mut shop, "region:2"), (none.clone(), named("Seoul", "Gangnam"), true));
    assert_eq!(labels(&mut shop, "region:3"), (none.clone(), named("", ""), true));
    assert_eq!(
        labels(&mut shop, "geofence:1"),
        (none.clone(), named("", ""), false),
        "nobody asks"
    );
    shop.set(id, State::Waiting);
    shop.run(text("${district_city}"));
    assert_eq!(labels(&mut shop, "geofence:1"), (none, named("Seoul", "Gangnam"), false));
    shop.run(campaign_at(json!([{ "general": { "places": [1] } }])));
    let cafe = ("Cafe".to_owned(), named("Seoul", "Gangnam"), false);
    assert_eq!(labels(&mut shop, "place:1:signal"), cafe);
}

#[test]
fn visits_are_measured_inside_all_stores() {
    let mut shop = Shop::new();
    shop.make::<Place>(place("a", (37.5, 127.0)));
    shop.make::<Place>(place("b", (37.6, 127.0)));
    let measuring = json!({ "name": "Mart", "membership": "basic", "measure_visits": true });
    shop.installation
        .at(shop.account, |desk| desk.replace::<Account>(1, &Seen::Any, parsed(measuring)))
        .unwrap();
    let compiled = shop.compiled();
    let keys: Vec<_> = compiled.targets.iter().map(|target| &*target.key).collect();
    assert_eq!(keys, ["place:1:inside", "place:2:inside"]);
    assert!(compiled.account.measure_visits && compiled.campaigns.is_empty());
    assert!(!compiled.account.export_visits, "Basic has them for its own reports");
}

#[test]
fn premium_exports_the_visits_that_it_measures() {
    let (installation, account) = Installation::with(Membership::Premium);
    let records = Records::of(account);
    let mut shop = Shop { installation, account, records, dealt: BTreeMap::new() };
    shop.make::<Place>(place("a", (37.5, 127.0)));
    let mut is_exported = |measure_visits: bool| {
        let account =
            json!({ "name": "Mart", "membership": "premium", "measure_visits": measure_visits });
        let saved = shop
            .installation
            .at(shop.account, |desk| desk.replace::<Account>(1, &Seen::Any, parsed(account)));
        saved.unwrap();
        shop.compiled().account.export_visits
    };
    assert!(is_exported(true));
    assert!(!is_exported(false));
}

#[test]
fn a_segment_is_its_devices_and_an_empty_one_nobody() {
    let mut shop = Shop::new();
    let segment = shop.make::<Segment>(json!({ "name": "Regulars" }));
    shop.installation.accept(shop.account, Kind::Segment, segment);
    let id = shop.run(set(campaign(), "/audience", json!({ "segment": segment })));
    assert!(shop.compiled().campaigns.is_empty(), "it would reach nobody");
    shop.set(id, State::Testing);
    assert_eq!(shop.compiled().campaigns[0].mode, RunMode::Testing, "it is tried all the same");
    shop.set(id, State::Running);
    let phone = DeviceId::parse(PHONE).unwrap();
    let sealed = keyring().seal(DeviceKey { account: shop.account, device: phone });
    let list = (Key::new(shop.account, Kind::Segment, segment), DeviceList::Segment);
    let added =
        thread::write(&mut shop.installation.store, |tx| Ok(tx.add_devices(list, &[sealed])?));
    assert_eq!(added.unwrap(), 1);
    assert_eq!(shop.compiled().campaigns[0].audience, AudienceSpec::Devices(vec![phone]));
    shop.run(set(campaign(), "/audience", json!({ "devices": [PHONE] })));
    assert_eq!(shop.compiled().campaigns[1].audience, AudienceSpec::Devices(vec![phone]));
}

#[test]
fn targets_keep_their_numbers_over_edits() {
    let mut shop = Shop::new();
    for _fence in 0..3 {
        shop.make::<Geofence>(geofence());
    }
    let id = shop.run(campaign_at(json!([{ "general": { "geofences": [2, 3] } }])));
    let before = shop.compiled();
    shop.set(id, State::Waiting);
    let moved = set(set(geofence(), "/shape/lat", json!(37.6)), "/name", json!("Door"));
    shop.installation
        .at(shop.account, |desk| desk.replace::<Geofence>(3, &Seen::Any, parsed(moved)))
        .unwrap();
    shop.run(campaign_at(json!([{ "general": { "geofences": [1] } }])));
    shop.set(id, State::Running);
    let after = shop.compiled();
    let number = |compiled: &Compiled, key: &str| {
        compiled.targets.iter().find(|target| target.key == key).map(|target| target.id)
    };
    for key in ["geofence:2", "geofence:3"] {
        assert_eq!(number(&before, key), number(&after, key));
    }
    assert_eq!(number(&after, "geofence:1"), Some(TargetId(3)), "a new one");
    assert_eq!(after.campaigns[0].targets, before.campaigns[0].targets);
}

#[test]
fn a_residential_campaign_watches_homes_and_has_nights_noted_before_it_starts() {
    let mut shop = Shop::new();
    shop.make::<Region>(region("street", None));
    shop.make::<Campaign>(campaign());
    assert!(!shop.compiled().account.note_nights);
    let home = campaign_at(json!([{ "residential": { "regions": [1] } }]));
    let id = shop.make::<Campaign>(home);
    let waiting = shop.compiled();
    assert!(waiting.account.note_nights && waiting.targets.is_empty());
    shop.set(id, State::Running);
    let Compiled { targets, campaigns, .. } = shop.compiled();
    let [target] = &targets[..] else { panic!("{targets:?}") };
    assert_eq!((&*target.key, target.at_home), ("region:1:home", true));
    assert_eq!(campaigns[0].targets, [target.id]);
    shop.installation.at(shop.account, |desk| desk.end(id)).unwrap();
    assert!(!shop.compiled().account.note_nights);
}
