//! Each document's fields at their limits, what is passed over, and what is refused by name.

use serde_json::{Value, json};

use super::document::{ADDED, parse, pointer_of, text};
use super::{Account, App, Brand, Category, Document, Geofence, Group, Place, Region, Segment};
use crate::control::refusal::Refusal;
use crate::control::samples::{app, geofence, parsed, place, region, set};

fn account() -> Value {
    json!({ "name": "Mart", "membership": "basic" })
}

fn named() -> Value {
    json!({ "name": "One" })
}

fn store() -> Value {
    place("s-1", (37.5, 127.0))
}

/// The pointers of what is wrong with a body.
fn faults<D: Document>(body: Value) -> Vec<String> {
    let account = parsed::<Account>(account());
    parsed::<D>(body).faults(&account).into_iter().map(|fault| fault.pointer).collect()
}

fn unreadable<D: Document>(body: Value) -> (String, String) {
    match parse::<D>(body) {
        Err(Refusal::Faults(faults)) if faults.len() == 1 => {
            (faults[0].pointer.clone(), faults[0].detail.clone())
        }
        other => panic!("{:?}", other.err()),
    }
}

/// A text may be so long and no longer, counted in characters, and is one line.
fn holds_text<D: Document>(body: &Value, pointer: &str, most: usize, required: bool) {
    let with = |text: String| faults::<D>(set(body.clone(), pointer, json!(text)));
    let at_fault = vec![pointer.to_owned()];
    assert_eq!(with("가".repeat(most)), Vec::<String>::new(), "{} {pointer}", D::KIND);
    assert_eq!(with("a".repeat(most + 1)), at_fault, "{} {pointer}", D::KIND);
    assert_eq!(with("a\nb".to_owned()), at_fault, "{} {pointer}", D::KIND);
    assert_eq!(with(String::new()).is_empty(), !required, "{} {pointer}", D::KIND);
    assert_eq!(with("  ".to_owned()).is_empty(), !required, "{} {pointer}", D::KIND);
}

#[test]
fn texts_are_as_long_as_they_may_be() {
    holds_text::<Account>(&account(), "/name", 100, true);
    holds_text::<App>(&app(), "/name", 100, true);
    holds_text::<App>(&app(), "/package", 200, true);
    holds_text::<Region>(&region("state", None), "/name", 100, true);
    holds_text::<Region>(&region("state", None), "/code", 100, false);
    holds_text::<Brand>(&named(), "/name", 100, true);
    holds_text::<Brand>(&named(), "/code", 100, false);
    holds_text::<Category>(&named(), "/name", 100, true);
    holds_text::<Category>(&named(), "/code", 100, false);
    holds_text::<Group>(&named(), "/name", 30, true);
    holds_text::<Group>(&named(), "/description", 100, false);
    holds_text::<Segment>(&named(), "/name", 100, true);
    holds_text::<Segment>(&named(), "/description", 100, false);
    holds_text::<Place>(&store(), "/name", 100, true);
    holds_text::<Place>(&store(), "/code", 100, true);
    holds_text::<Geofence>(&geofence(), "/name", 30, true);
    for (field, most) in [("/description", 100), ("/client_code", 100)] {
        holds_text::<Geofence>(&geofence(), field, most, false);
    }
    for (field, most) in
        [("/lot_address", 200), ("/road_address", 200), ("/postcode", 16), ("/phone", 40)]
    {
        holds_text::<Geofence>(&geofence(), field, most, false);
        holds_text::<Place>(&store(), field, most, false);
    }
}

#[test]
fn numbers_are_as_large_as_they_may_be() {
    fn holds<D: Document>(body: &Value, pointer: &str, (fine, wrong): (&[Value], &[Value])) {
        for value in fine {
            let found = faults::<D>(set(body.clone(), pointer, value.clone()));
            assert_eq!(found, Vec::<String>::new(), "{} {pointer} {value}", D::KIND);
        }
        for value in wrong {
            let found = faults::<D>(set(body.clone(), pointer, value.clone()));
            assert_eq!(found, [pointer], "{} {pointer} {value}", D::KIND);
        }
    }
    let limits = set(account(), "/limits", json!({}));
    holds::<Account>(
        &account(),
        "/daily_cap",
        (&[json!(1), json!(65535), json!(null)], &[json!(0)]),
    );
    holds::<Account>(&account(), "/monthly_limit", (&[json!(1), json!(null)], &[json!(0)]));
    let zones = (&[json!("Asia/Seoul"), json!("UTC")][..], &[json!("Seoul"), json!("")][..]);
    holds::<Account>(&account(), "/time_zone", zones);
    let requests = (&[json!(1), json!(1_000_000)][..], &[json!(0), json!(1_000_001)][..]);
    holds::<Account>(&limits, "/limits/requests_per_min", requests);
    let uploads = (&[json!(1), json!(100_000)][..], &[json!(0), json!(100_001)][..]);
    holds::<Account>(&limits, "/limits/uploads_per_day", uploads);
    let records =
        (&[json!(null), json!(1), json!(100_000_000)][..], &[json!(0), json!(100_000_001)][..]);
    holds::<Account>(&limits, "/limits/records_per_s", records);
    let signal = (&[json!(1), json!(10_000)][..], &[json!(0), json!(10_001)][..]);
    holds::<Place>(&store(), "/signal_radius_m", signal);
    holds::<Place>(&store(), "/lat", (&[json!(-90), json!(90.0)], &[json!(90.1), json!(-91)]));
    holds::<Place>(&store(), "/lon", (&[json!(-180), json!(180.0)], &[json!(180.1), json!(-181)]));
    let radius = (&[json!(50), json!(100_000)][..], &[json!(49), json!(100_001)][..]);
    holds::<Geofence>(&geofence(), "/shape/radius_m", radius);
    holds::<Geofence>(&geofence(), "/shape/lat", (&[json!(90)], &[json!(91)]));
}

#[test]
fn shapes_are_pointed_at_where_they_are_wrong() {
    let line = json!({ "type": "polygon", "coordinates": [[[0, 0], [1, 1], [2, 2]]] });
    let two = json!({ "type": "polygon", "coordinates": [[[0, 0], [1, 1]]] });
    let circle = json!({ "type": "circle", "lat": 0, "lon": 0, "radius_m": 100 });
    let large = crate::control::samples::square((0.0, 0.0), 1.0);
    let ring = "/shape/coordinates/0";
    assert_eq!(faults::<Geofence>(set(geofence(), "/shape", line.clone())), [ring]);
    assert_eq!(faults::<Geofence>(set(geofence(), "/shape", two)), [ring]);
    assert_eq!(faults::<Geofence>(set(geofence(), "/shape", large)), ["/shape/coordinates"]);
    let state = region("state", None);
    assert_eq!(faults::<Region>(set(state.clone(), "/shape", circle.clone())), ["/shape/type"]);
    assert_eq!(faults::<Region>(set(state, "/shape", line)), [ring]);
    assert_eq!(faults::<Place>(set(store(), "/footprint", circle)), ["/footprint/type"]);
}

#[test]
fn states_and_trade_areas_have_no_parent() {
    for (level, expected) in [
        ("state", vec!["/parent"]),
        ("trade_area", vec!["/parent"]),
        ("city", vec![]),
        ("street", vec![]),
    ] {
        assert_eq!(faults::<Region>(region(level, Some(1))), expected, "{level}");
    }
}

#[test]
fn what_the_service_adds_is_passed_over_and_nothing_else() {
    fn passes<D: Document + PartialEq + std::fmt::Debug>(body: &Value) {
        let mut shown = body.clone();
        for added in ADDED {
            shown[added] = json!("anything");
        }
        assert_eq!(parsed::<D>(shown), parsed::<D>(body.clone()));
        let (pointer, detail) = unreadable::<D>(set(body.clone(), "/colour", json!("red")));
        assert_eq!(pointer, "/colour", "{}", D::KIND);
        assert!(detail.contains("unknown field `colour`"), "{detail}");
        let (pointer, detail) = unreadable::<D>(json!([1]));
        assert!(pointer.is_empty() && detail.contains("allowed: one "), "{detail}");
    }
    passes::<Account>(&account());
    passes::<App>(&app());
    passes::<Region>(&region("state", None));
    passes::<Brand>(&named());
    passes::<Category>(&named());
    passes::<Place>(&store());
    passes::<Geofence>(&geofence());
    passes::<Group>(&named());
    passes::<Segment>(&named());
    passes::<super::Campaign>(&crate::control::samples::campaign());
}

#[test]
fn what_does_not_read_is_pointed_at() {
    for (body, pointer) in [
        (set(geofence(), "/shape/radius_m", json!("wide")), "/shape"),
        (set(geofence(), "/name", json!(7)), "/name"),
        (json!({ "name": "Gate" }), ""),
    ] {
        let (found, detail) = unreadable::<Geofence>(body);
        assert!(found.starts_with(pointer), "{found}: {detail}");
    }
    let (pointer, detail) = unreadable::<Account>(set(account(), "/membership", json!("gold")));
    assert_eq!(pointer, "/membership");
    assert!(detail.contains("lite") && detail.contains("premium"), "{detail}");
}

#[test]
fn pointers_are_json_pointers() {
    for (path, pointer) in [
        ("windows[0].start", "/windows/0/start"),
        ("messages[11].image_url", "/messages/11/image_url"),
        ("audience.devices[3]", "/audience/devices/3"),
        (".", ""),
        ("?", ""),
        ("", ""),
        ("a~b", "/a~0b"),
        ("a/b", "/a~1b"),
    ] {
        assert_eq!(pointer_of(path), pointer, "{path}");
    }
    let detail = &text("/shape/name", "", 30, true)[0].detail;
    assert_eq!(detail, "name has 0 characters; allowed: 1 to 30");
}

#[test]
fn natural_keys_are_what_no_other_may_share() {
    let key = |document: &dyn Fn() -> Option<String>| document().unwrap_or_default();
    assert_eq!(key(&|| parsed::<App>(app()).natural()), "com.example.mart on android");
    assert_eq!(key(&|| parsed::<Brand>(named()).natural()), "One");
    assert_eq!(key(&|| parsed::<Category>(named()).natural()), "One in 0");
    let below = set(named(), "/parent", json!(4));
    assert_eq!(key(&|| parsed::<Category>(below.clone()).natural()), "One in 4");
    assert_eq!(key(&|| parsed::<Place>(store()).natural()), "s-1");
    assert_eq!(parsed::<Region>(region("city", None)).natural(), None, "without a code");
    let coded = set(region("city", None), "/code", json!("11680"));
    assert_eq!(key(&|| parsed::<Region>(coded.clone()).natural()), "city 11680");
}
