//! The campaigns of the month: every trigger, every kind of location, of audience and of frequency, windows and periods,
//! A/B messages, a share held out, one that is tested and one that never runs.

use serde_json::{Value, json};

use crate::shops::Shop;
use crate::walk::id_of;

/// The campaign whose lift is planted: its number comes first in its account's list.
pub(crate) const LIFT: usize = 0;

/// Makes the campaigns of an account and sets them going, but for the one that waits.
pub(crate) async fn begin(shop: &mut Shop, seed: u64) {
    let documents = match shop.membership {
        "basic" => {
            [at_drawn_places(shop), at_stores_and_homes(shop), for_some(shop, seed)].concat()
        }
        "premium" => premium(shop),
        _ => lite(shop),
    };
    for document in documents {
        let state = match document["name"].as_str().unwrap() {
            "Never" => None,
            "Trial" => Some("testing"),
            _ => Some("running"),
        };
        let id = shop.make("campaigns", document).await;
        shop.made.campaigns.push(id);
        if let Some(state) = state {
            shop.customer.set_in_force(id, state).await;
        }
    }
}

/// In the middle of the month: regulars of a brand, by the visits of the first half.
pub(crate) async fn begin_for_regulars(shop: &mut Shop) {
    let history = json!({"days": 7, "blocks": [
        {"brands": [shop.made.brands[0], shop.made.brands[1]], "at_least": 1}]});
    let segment = shop.make("segments", json!({"name": "This week", "history": history})).await;
    shop.made.segments.push(segment);
    shop.looked_up(segment, None).await;
    let general = json!({"regions": [shop.made.regions[0]],
        "brands": [shop.made.brands[0], shop.made.brands[1]], "condition": "signal_range"});
    let document = campaign(
        shop,
        "Come again",
        json!([{"general": general}]),
        &json!({
            "audience": {"segment": segment}, "start": "2026-10-19", "holdout_pct": 10,
            "frequency": "once_per_day", "priority": 4,
        }),
    );
    let id = shop.make("campaigns", document).await;
    shop.made.campaigns.push(id);
    shop.customer.set_in_force(id, "running").await;
    // Its users are looked up anew for the start, and are the same.
    shop.looked_up(segment, None).await;
}

/// A campaign of the whole month for everybody, at all hours, with one message, changed as is said.
fn campaign(shop: &Shop, name: &str, locations: Value, changes: &Value) -> Value {
    let every_day = json!(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]);
    let mut campaign = json!({
        "name": name, "apps": shop.made.apps, "locations": locations, "trigger": {"on": "enter"},
        "start": "2026-10-05", "end": "2026-11-01", "frequency": "once_per_day",
        "windows": [{"days": every_day, "start": "00:00", "end": "24:00"}],
        "push_ttl_s": 2_592_000, "message_type": "text",
        "messages": [{"title": "Here", "body": "Now"}],
    });
    for (field, value) in changes.as_object().unwrap() {
        campaign[field] = value.clone();
    }
    if campaign["message_type"] == "none" || campaign["message_type"] == "external" {
        campaign["messages"] = json!([]);
    }
    campaign
}

fn two_messages() -> Value {
    json!([{"title": "One", "body": "A"}, {"title": "Other", "body": "B"}])
}

fn at_fences(fences: &[u64]) -> Value {
    json!([{"general": {"geofences": fences}}])
}

fn at_drawn_places(shop: &Shop) -> Vec<Value> {
    let made = &shop.made;
    let workdays = json!([
        {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "18:00"}]);
    let split = json!([{"days": ["mon", "wed", "fri"], "start": "07:00", "end": "14:20"},
        {"days": ["tue", "thu", "sat", "sun"], "start": "12:30", "end": "24:00"}]);
    let group = json!([{"general": {"groups": made.groups}}]);
    let trade_area = json!([{"general": {"regions": [made.regions[2]]}}]);
    let lift = json!({"end": "2026-10-18", "holdout_pct": 30, "messages": two_messages()});
    let stay = json!({"trigger": {"on": "dwell", "dwell_s": 300}, "start": "2026-10-06",
        "end": "2026-10-30", "frequency": "once_per_period", "windows": workdays});
    // It still runs when reports are asked for.
    let leave = json!({"trigger": {"on": "exit"}, "frequency": {"resend_after_s": 3600},
        "priority": 2, "end": "2026-11-30"});
    let quarter = json!({"frequency": {"resend_after_s": 600}, "end": "2026-10-24",
        "priority": 5, "windows": split, "apps": [made.apps[0]]});
    vec![
        campaign(shop, "=Lift", at_fences(&made.fences[..3]), &lift),
        campaign(shop, "Stay", at_fences(&made.polygons[..2]), &stay),
        campaign(shop, "Leave", group, &leave),
        campaign(shop, "Quarter", trade_area, &quarter),
        campaign(shop, "Never", at_fences(&made.fences), &json!({"priority": 9})),
    ]
}

fn at_stores_and_homes(shop: &Shop) -> Vec<Value> {
    let made = &shop.made;
    let inside = json!([{"general": {"categories": [made.categories[0]], "condition": "inside"}}]);
    let homes = json!([{"residential": {"regions": [made.regions[1]]}}]);
    let books = json!({"geofences": [made.polygons[2]], "brands": [made.brands[1]],
        "condition": "inside"});
    let two = json!({"places": [made.places[0], made.places[3]], "condition": "signal_range"});
    let food = json!({"trigger": {"on": "dwell", "dwell_s": 120}, "message_type": "none",
        "blacklist": false, "max_accuracy_m": 200, "holdout_pct": 5});
    let blocks = json!([{"general": books}, {"general": two}]);
    vec![
        campaign(shop, "Food", inside, &food),
        campaign(shop, "Neighbours", homes, &json!({"messages": two_messages()})),
        campaign(shop, "Bookshops", blocks, &json!({"trigger": {"on": "exit"}})),
    ]
}

fn for_some(shop: &Shop, seed: u64) -> Vec<Value> {
    let made = &shop.made;
    let some = |from: u64, many: u64| -> Vec<String> {
        (from..from + many).map(|nth| id_of(seed, shop.devices.start + nth).to_string()).collect()
    };
    let weekend = json!([{"days": ["sat", "sun"], "start": "10:00", "end": "20:00"},
        {"days": ["wed"], "start": "00:00", "end": "13:10"}]);
    let nationwide = json!([{"general": {"nationwide": true}}]);
    let known = json!({"audience": {"segment": made.segments[0]}, "windows": weekend,
        "frequency": "once_per_period", "priority": -5});
    let few = json!({"audience": {"devices": some(10, 20)},
        "trigger": {"on": "dwell", "dwell_s": 600}, "frequency": {"resend_after_s": 43_200}});
    let tested = json!({"test_devices": some(0, 5)});
    vec![
        campaign(shop, "Known", nationwide.clone(), &known),
        campaign(shop, "Few", nationwide, &few),
        campaign(shop, "Trial", at_fences(&made.fences[..1]), &tested),
    ]
}

fn premium(shop: &Shop) -> Vec<Value> {
    let made = &shop.made;
    let image = json!([
        {"title": "One", "body": "A", "image_url": "https://img.example/a.png"},
        {"title": "Other", "body": "B", "image_url": "https://img.example/b.png"}]);
    let every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let evening = json!([{"days": every_day, "start": "10:00", "end": "24:00"}]);
    let stores = json!([{"general": {"brands": made.brands, "condition": "inside"}}]);
    let coffee = json!([{"general": {"categories": [made.categories[1]]}}]);
    let round = json!({"messages": two_messages(), "holdout_pct": 20, "priority": 1,
        "end": "2026-11-30"});
    let phones = json!({"apps": [made.apps[1]], "frequency": {"resend_after_s": 1800},
        "priority": 3});
    let inside = json!({"trigger": {"on": "dwell", "dwell_s": 180}, "holdout_pct": 50,
        "message_type": "text_image", "messages": image});
    let good_bye = json!({"trigger": {"on": "exit"}, "priority": 1, "windows": evening});
    let near = json!({"start": "2026-10-12", "frequency": "once_per_period",
        "message_type": "external"});
    vec![
        campaign(shop, "Round", at_fences(&made.fences), &round),
        campaign(shop, "Phones", at_fences(&made.fences[..5]), &phones),
        campaign(shop, "Inside", stores, &inside),
        campaign(shop, "Good bye", at_fences(&made.fences), &good_bye),
        campaign(shop, "Near", coffee, &near),
    ]
}

fn lite(shop: &Shop) -> Vec<Value> {
    let made = &shop.made;
    let late =
        json!([{"days": ["mon", "tue", "wed", "thu", "fri"], "start": "11:00", "end": "23:50"}]);
    let nationwide = json!([{"general": {"nationwide": true}}]);
    let fences = json!({"messages": two_messages(), "holdout_pct": 10});
    let waits = json!({"windows": late, "trigger": {"on": "dwell", "dwell_s": 600},
        "frequency": {"resend_after_s": 7200}});
    let anywhere = json!({"frequency": "once_per_period", "message_type": "none", "priority": -1});
    vec![
        campaign(shop, "Fences", at_fences(&made.fences), &fences),
        campaign(shop, "Waits", at_fences(&made.polygons[..2]), &waits),
        campaign(shop, "Anywhere", nationwide, &anywhere),
    ]
}
