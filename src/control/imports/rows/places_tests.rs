//! Rows of stores.

use super::bad_cell::BadCell;
use super::places::{PlaceRow, PlaceSite, place};
use super::samples::{columns, read};
use crate::control::imports::columns::Kind;

const SQUARE: &str = "(126.9769 37.5759,126.9789 37.5759,126.9789 37.5775,126.9769 37.5775)";

fn store(cells: &[(&str, &str)]) -> Result<PlaceRow, Vec<BadCell>> {
    read(Kind::Places, place, &[&[("key", "M-1"), ("name", "시청점")], cells].concat())
}

#[test]
fn a_store_is_read() {
    let row = store(&[
        ("브랜드", "하늘커피"),
        ("카테고리", "음식점 > 카페>커피"),
        ("lat", "37.5"),
        ("lng", "127"),
        ("신호반경", "250"),
    ])
    .unwrap();
    assert_eq!((row.key.as_str(), row.name.as_str()), ("M-1", "시청점"));
    assert_eq!(row.category, ["음식점", "카페", "커피"]);
    assert_eq!(row.site, PlaceSite::At { lat: 37.5, lon: 127.0 });
    assert_eq!((row.signal_radius_m, row.footprint), (250, None));
}

#[test]
fn a_footprint_alone_says_where_it_is() {
    let row = store(&[("footprint", SQUARE)]).unwrap();
    let PlaceSite::At { lat, lon } = row.site else { panic!("it has a place") };
    assert!((37.5759..=37.5775).contains(&lat) && (126.9769..=126.9789).contains(&lon));
    assert_eq!(row.signal_radius_m, 100);
    assert!(row.footprint.is_some());
}

#[test]
fn an_address_alone_needs_to_be_looked_up() {
    let row = store(&[("road address", "세종대로 110")]).unwrap();
    assert_eq!(row.site, PlaceSite::NeedsGeocoding { address: "세종대로 110".into() });
}

#[test]
fn every_wrong_cell_is_told() {
    let bad = store(&[
        ("category", "a>b>c>d>e"),
        ("latitude", "37"),
        ("longitude", "181"),
        ("signal radius m", "0"),
        ("footprint", "(1 1,2 2)"),
    ]);
    assert_eq!(columns(bad), ["footprint", "longitude", "category", "signal radius m"]);
    assert_eq!(columns(store(&[("footprint", "POINT(1 1)")])), ["footprint"]);
    let nowhere = store(&[("latitude", ""), ("longitude", "")]);
    assert_eq!(columns(nowhere), ["latitude"]);
}

#[test]
fn limits_hold_at_their_edges() {
    let here = [("latitude", "37"), ("longitude", "127")];
    let with = |cell: (&str, &str)| store(&[&[cell], &here[..]].concat());
    for radius_m in ["1", "10000", ""] {
        assert!(with(("signal radius m", radius_m)).is_ok(), "{radius_m}");
    }
    for radius_m in ["0", "10001", "1.5"] {
        assert_eq!(columns(with(("signal radius m", radius_m))), ["signal radius m"], "{radius_m}");
    }
    assert!(with(("category", "a>b>c>d")).is_ok());
    for path in ["a>>b", ">a", "a>", &format!("a>{}", "b".repeat(101))] {
        assert_eq!(columns(with(("category", path))), ["category"], "{path}");
    }
}
