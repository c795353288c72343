//! GeoJSON as people and programs write it, right and wrong.

use super::{FenceSpec, parse_fences};
use crate::domain::ids::{AccountId, CampaignId, PlaceId};
use crate::domain::target::{Labels, PlaceArea, Shape};
use crate::domain::units::PointE7;
use crate::geo::polygon;

const ACCOUNT: Option<AccountId> = Some(AccountId(1));

fn collection(features: &str) -> String {
    format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#)
}

fn fences(features: &str) -> Vec<FenceSpec> {
    parse_fences("F.geojson", collection(features).as_bytes(), ACCOUNT).unwrap()
}

fn refused(features: &str) -> String {
    parse_fences("F.geojson", collection(features).as_bytes(), ACCOUNT).unwrap_err().to_string()
}

fn point(properties: &str) -> String {
    format!(
        r#"{{"type":"Feature","properties":{{{properties}}},"geometry":{{"type":"Point","coordinates":[126.978,37.5665]}}}}"#
    )
}

#[test]
fn a_circle_with_all_properties() {
    let read = fences(&point(
        r#""id":"a","name":"시청","account":7,"place":3,"area":"inside","radius_m":150,"campaigns":[4,5],"area_m2":1,"tags":{"x":[1]}"#,
    ));
    let [fence] = read.as_slice() else { panic!("one fence") };
    assert_eq!(
        (fence.key.as_str(), fence.name.as_str(), fence.account),
        ("a", "시청", AccountId(7))
    );
    assert_eq!(fence.place, Some((PlaceId(3), PlaceArea::Inside)));
    assert_eq!(fence.campaigns, [CampaignId(4), CampaignId(5)]);
    let Shape::Circle { center, radius_m } = fence.shape else { panic!("a circle") };
    assert_eq!((center.lat, center.lon), (375_665_000, 1_269_780_000));
    assert!((radius_m - 150.0).abs() < 1e-9);
}

#[test]
fn labels_are_texts_and_may_be_left_out() {
    let [brand, state, city, street] = ["별다방", "서울특별시", "성동구", "성수동"];
    let read = fences(&point(&format!(
        r#""id":1,"radius_m":50,"brand":"{brand}","district_state":"{state}","district_city":"{city}","district_street":"{street}""#
    )));
    let districts = [state, city, street].map(str::to_owned);
    let labels = Labels { brand: brand.to_owned(), districts, is_region: false };
    assert_eq!(read[0].labels, labels);
    assert_eq!(fences(&point(r#""id":1,"radius_m":50"#))[0].labels, Labels::default());
    let number = fences(&point(r#""id":1,"radius_m":50,"brand":7"#));
    assert_eq!(number[0].labels.brand, "7");
    for field in ["brand", "district_state", "district_city", "district_street"] {
        let text = refused(&point(&format!(r#""id":1,"radius_m":50,"{field}":["a"]"#)));
        assert!(text.contains(&format!("{field} is ")), "{text}");
    }
}

#[test]
fn members_may_come_in_any_order_and_shape() {
    let read = fences(
        r#"{"geometry":{"coordinates":[[[[0,0],[2,0],[2,2],[0,2],[0,0]],[[0.5,0.5],[1,0.5],[1,1],[0.5,0.5]]],[[[5,5,99],[6,5,99],[6,6,99],[5,5,99]]]],"type":"MultiPolygon"},"id":12,"bbox":[0,0,6,6],"properties":null,"type":"Feature"},
        {"type":"Feature","id":13,"properties":{"id":"not this"},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}}"#,
    );
    assert_eq!((read[0].key.as_str(), read[1].key.as_str()), ("12", "13"));
    let rings = |at: usize| match &read[at].shape {
        Shape::Polygon { rings } => rings.iter().map(|ring| ring.0.len()).collect::<Vec<_>>(),
        Shape::Circle { .. } | Shape::Everywhere => Vec::new(),
    };
    assert_eq!((rings(0), rings(1)), (vec![4, 3, 3], vec![3]));
}

/// Whether the only fence of these coordinates contains (lon, lat), in degrees.
fn holds(kind: &str, coordinates: &str, (lon, lat): (f64, f64)) -> bool {
    let read = fences(&format!(
        r#"{{"type":"Feature","id":1,"properties":{{}},"geometry":{{"type":"{kind}","coordinates":{coordinates}}}}}"#
    ));
    let Shape::Polygon { rings } = &read[0].shape else { panic!("a polygon") };
    polygon::contains(rings, PointE7::from_degrees(lat, lon).unwrap())
}

#[test]
fn a_hole_is_cut_out_on_either_side_of_the_antimeridian() {
    let east_first = "[[179,-17],[-179,-17],[-179,-16],[179,-16],[179,-17]]";
    let west_first = "[[-179,-17],[-179,-16],[179,-16],[179,-17],[-179,-17]]";
    let unwrapped = "[[179,-17],[181,-17],[181,-16],[179,-16],[179,-17]]";
    let east_hole = "[[179.2,-16.8],[179.8,-16.8],[179.8,-16.2],[179.2,-16.2]]";
    let west_hole = "[[-179.8,-16.8],[-179.2,-16.8],[-179.2,-16.2],[-179.8,-16.2]]";
    let across = "[[179.9,-16.9],[-179.9,-16.9],[-179.9,-16.1],[179.9,-16.1]]";
    let across_back = "[[-179.9,-16.9],[-179.9,-16.1],[179.9,-16.1],[179.9,-16.9]]";
    for outer in [east_first, west_first, unwrapped] {
        for across in [across, across_back] {
            let whole = format!("[{outer},{east_hole},{west_hole},{across}]");
            for lon in [179.1, 179.85, -179.85, -179.1] {
                assert!(holds("Polygon", &whole, (lon, -16.5)), "{lon} of {whole}");
            }
            for lon in [178.9, 179.5, 179.95, -180.0, -179.95, -179.5, -178.9] {
                assert!(!holds("Polygon", &whole, (lon, -16.5)), "{lon} of {whole}");
            }
        }
    }
}

#[test]
fn each_part_keeps_its_own_holes_across_the_antimeridian() {
    // An island in a lagoon across the antimeridian, a part to the west of it and one far away with a hole.
    let parts = "[[[[179,0],[-179,0],[-179,2],[179,2]],[[-179.5,0.5],[179.5,0.5],[179.5,1.5],[-179.5,1.5]]],
        [[[-179.9,0.9],[-179.8,0.9],[-179.8,1.1],[-179.9,1.1]]],
        [[[-178,0],[-176,0],[-176,2],[-178,2]],[[-177.5,0.5],[-176.5,0.5],[-176.5,1.5],[-177.5,1.5]]],
        [[[10,0],[12,0],[12,2],[10,2]],[[10.5,0.5],[11.5,0.5],[11.5,1.5],[10.5,1.5]]]]";
    for lon in [179.2, -179.2, -179.85, -177.8, -176.2, 10.2, 11.8] {
        assert!(holds("MultiPolygon", parts, (lon, 1.0)), "{lon}");
    }
    for lon in [179.7, 180.0, -179.7, -178.5, -177.0, 11.0, 12.5] {
        assert!(!holds("MultiPolygon", parts, (lon, 1.0)), "{lon}");
    }
}

#[test]
fn a_hole_over_the_seam_of_a_ring_around_a_pole_is_refused() {
    let cap = "[[-180,-60],[180,-60],[180,-90],[-180,-90],[-180,-60]]";
    let hole = |ring: &str| format!("[{cap},{ring}]");
    let within = hole("[[170,-80],[179,-80],[179,-70],[170,-70]]");
    assert!(
        !holds("Polygon", &within, (175.0, -75.0)) && holds("Polygon", &within, (-175.0, -75.0))
    );
    let over = hole("[[179,-80],[-179,-80],[-179,-70],[179,-70]]");
    let text = refused(&format!(
        r#"{{"type":"Feature","id":1,"properties":{{}},"geometry":{{"type":"Polygon","coordinates":{over}}}}}"#
    ));
    assert!(
        text.contains("ring 1 of geometry.coordinates is a hole from longitude 179 to 181"),
        "{text}"
    );
}

#[test]
fn of_a_repeated_member_the_last_stands() {
    let read = fences(
        r#"{"type":"Feature","id":1,"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1]]],"coordinates":[[[5,5],[6,5],[6,6]]]},"properties":{}}"#,
    );
    let Shape::Polygon { rings } = &read[0].shape else { panic!("a polygon") };
    assert_eq!((rings.len(), rings[0].0[0].lon), (1, 50_000_000));
}

#[test]
fn an_area_without_a_place_is_somebody_elses_property() {
    assert_eq!(fences(&point(r#""id":1,"radius_m":50,"area":1234.5"#))[0].place, None);
}

#[test]
fn findings_name_feature_field_value_and_what_is_allowed() {
    let text = refused(&point(r#""id":"a","radius_m":-5"#));
    assert_eq!(
        text,
        "F.geojson: feature 0 (id \"a\"): radius_m is -5; allowed: more than 0 and at most 20015000 m"
    );
    let cases = [
        (point(r#""id":1"#), "radius_m is missing; allowed: a number of metres"),
        (point(r#""radius_m":5"#), "feature 0 (id missing): id is missing"),
        (point(r#""id":1.5,"radius_m":5"#), "id is 1.5"),
        (point(r#""id":1,"radius_m":5,"account":"x""#), "account is \"x\""),
        (point(r#""id":1,"radius_m":5,"place":0"#), "place is 0; allowed: the number of a store"),
        (point(r#""id":1,"radius_m":5,"place":1,"area":"near""#), "area is \"near\"; allowed: \"signal\" or \"inside\""),
        (point(r#""id":1,"radius_m":5,"campaigns":["x"]"#), "campaigns is \"x\""),
        (r#"{"type":"Feature","id":1,"properties":{},"geometry":{"type":"LineString","coordinates":[[0,0],[1,1]]}}"#.to_owned(), "geometry.type is \"LineString\"; allowed: Polygon"),
        (r#"{"type":"Feature","id":1,"properties":{},"geometry":null}"#.to_owned(), "geometry.type is missing"),
        (r#"{"type":"Feature","id":1,"properties":{},"geometry":{"type":"Polygon","coordinates":[[0,0],[1,1]]}}"#.to_owned(), "geometry.coordinates is not nested as a Polygon needs"),
        (r#"{"type":"Feature","id":1,"properties":{},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,"x"],[1,1]]]}}"#.to_owned(), "not nested"),
        (r#"{"type":"Feature","id":1,"properties":{},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,95],[1,1]]]}}"#.to_owned(), "ring 0 of geometry.coordinates is a position [1, 95]"),
        (r#"{"type":"Feature","id":1,"properties":{"radius_m":5},"geometry":{"type":"Point","coordinates":[200,0]}}"#.to_owned(), "geometry.coordinates is [200, 0]"),
    ];
    for (feature, expected) in cases {
        let text = refused(&feature);
        assert!(text.contains(expected), "{text}\nlacks {expected}");
    }
}

#[test]
fn a_member_of_another_type_is_named_and_reading_goes_on() {
    let circle = point(r#""id":1,"radius_m":5"#);
    let geometry = r#"{"type":"Feature","id":2,"properties":{},"geometry":"x"}"#;
    let properties = r#"{"type":"Feature","id":3,"properties":[],"geometry":{"type":"Point","coordinates":[0,0]}}"#;
    let campaigns = point(r#""id":4,"radius_m":5,"campaigns":4"#);
    let mapped = point(r#""id":5,"radius_m":5,"campaigns":{"a":1}"#);
    let all =
        [circle.as_str(), geometry, properties, &campaigns, &mapped, "7", "[1]", "\"x\"", "null"];
    let text = refused(&all.join(","));
    for expected in [
        "feature 1 (id 2): geometry is \"x\"; allowed: an object",
        "feature 2 (id 3): properties is a list; allowed: an object or null",
        "feature 3 (id 4): campaigns is 4; allowed: a list of campaign numbers",
        "feature 4 (id 5): campaigns is an object; allowed: a list of campaign numbers",
        "feature 5 (id missing): the feature is 7; allowed: an object",
        "feature 6 (id missing): the feature is a list; allowed: an object",
        "feature 7 (id missing): the feature is \"x\"; allowed: an object",
        "feature 8 (id missing): type is missing",
    ] {
        assert!(text.contains(expected), "{text}\nlacks {expected}");
    }
}

#[test]
fn a_polygon_that_is_too_wide_is_named() {
    let text = refused(
        r#"{"type":"Feature","id":"w","properties":{},"geometry":{"type":"MultiPolygon","coordinates":[[[[-500,0],[-499,0],[-499,1]]],[[[500,0],[501,0],[501,1]]]]}}"#,
    );
    assert!(text.contains("feature 0 (id \"w\"): coordinates is 1001 degrees wide"), "{text}");
}

#[test]
fn findings_come_together_but_not_all_of_a_flood() {
    let bad = vec![point(r#""id":1"#); 50].join(",");
    let text = refused(&bad);
    assert_eq!(text.lines().count(), 21);
    assert!(text.ends_with("F.geojson: 30 more"), "{text}");
}

#[test]
fn what_is_no_collection_is_refused() {
    let refused = |json: &str| parse_fences("F", json.as_bytes(), ACCOUNT).unwrap_err().to_string();
    assert!(refused("").contains("not a GeoJSON FeatureCollection"));
    assert!(refused("[1]").contains("not a GeoJSON FeatureCollection"));
    assert!(refused(r#"{"type":"FeatureCollection"}"#).contains("features is missing"));
    assert!(refused(r#"{"type":"Feature","features":[]}"#).contains("type is \"Feature\""));
    assert!(refused(r#"{"type":"FeatureCollection","features":[]} x"#).contains("trailing"));
    assert!(refused(&collection("{").replace("]}", "")).contains("line 1"));
    assert_eq!(
        parse_fences(
            "F",
            "\u{FEFF}{\"type\":\"FeatureCollection\",\"features\":[]}".as_bytes(),
            None
        ),
        Ok(vec![])
    );
}

#[test]
fn without_a_default_an_account_is_needed() {
    let json = collection(&point(r#""id":1,"radius_m":5"#));
    let text = parse_fences("F", json.as_bytes(), None).unwrap_err().to_string();
    assert!(text.contains("account is missing"), "{text}");
}
