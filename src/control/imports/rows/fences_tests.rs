//! Rows of a group.

use super::bad_cell::BadCell;
use super::fences::{FenceRow, FenceSite, fence};
use super::samples::{columns, read};
use crate::control::imports::columns::Kind;
use crate::control::shape::FenceShape;

fn group(cells: &[(&str, &str)]) -> Result<FenceRow, Vec<BadCell>> {
    read(Kind::Group, fence, cells)
}

#[test]
fn a_circle_is_read() {
    let row = group(&[
        ("유형", "원형"),
        ("위도", "37.5662952"),
        ("경도", "126.9779451"),
        ("반경(m)", "100"),
        ("고객사코드", "S-1"),
        ("이름", " 시청\n광장 "),
        ("설명", ""),
        ("지번주소", "태평로1가 31"),
        ("우편번호", "04524"),
        ("전화번호", "02-120"),
    ])
    .unwrap();
    assert_eq!(row.row, 7);
    assert_eq!(
        row.site,
        FenceSite::Drawn(FenceShape::Circle { lat: 37.5662952, lon: 126.9779451, radius_m: 100 })
    );
    assert_eq!((row.name.as_str(), row.client_code.as_deref()), ("시청 광장", Some("S-1")));
    assert_eq!((row.description, row.lot_address.as_deref()), (None, Some("태평로1가 31")));
    assert_eq!((row.postcode.as_deref(), row.phone.as_deref()), (Some("04524"), Some("02-120")));
}

#[test]
fn the_type_may_be_a_number_a_word_or_nothing() {
    let circle = [("latitude", "37"), ("longitude", "127"), ("radius m", "100.0"), ("name", "a")];
    let polygon = [("polygon", "(127 37,127.1 37,127.1 37.1)"), ("name", "a")];
    for kind in ["1", "circle", "Circle", "원형", ""] {
        let row = group(&[&[("type", kind)], &circle[..]].concat()).unwrap();
        assert!(matches!(row.site, FenceSite::Drawn(FenceShape::Circle { .. })), "{kind}");
    }
    for kind in ["0", "polygon", "다각형", ""] {
        let row = group(&[&[("type", kind)], &polygon[..]].concat()).unwrap();
        assert!(matches!(row.site, FenceSite::Drawn(FenceShape::Polygon { .. })), "{kind}");
    }
    assert_eq!(columns(group(&[&[("type", "2")], &circle[..]].concat())), ["type"]);
}

#[test]
fn an_address_alone_needs_to_be_looked_up() {
    let site = |cells: &[(&str, &str)]| {
        group(&[&[("name", "a"), ("radius m", "150")], cells].concat()).unwrap().site
    };
    let road = FenceSite::NeedsGeocoding { address: "세종대로 110".into(), radius_m: 150 };
    assert_eq!(site(&[("road address", "세종대로  110")]), road);
    assert_eq!(site(&[("lot address", "태평로1가 31"), ("road address", "세종대로 110")]), road);
    let lot = FenceSite::NeedsGeocoding { address: "태평로1가 31".into(), radius_m: 150 };
    assert_eq!(site(&[("lot address", "태평로1가 31"), ("road address", "")]), lot);
    let drawn = site(&[("latitude", "37"), ("longitude", "127"), ("road address", "세종대로 110")]);
    assert!(matches!(drawn, FenceSite::Drawn(_)));
}

#[test]
fn every_wrong_cell_is_told() {
    let long = "가".repeat(101);
    let bad = group(&[
        ("type", "1"),
        ("latitude", "95"),
        ("longitude", "east"),
        ("radius m", "49"),
        ("name", &long),
        ("description", &long),
        ("client code", &long),
        ("phone", "#N/A"),
    ]);
    assert_eq!(
        columns(bad),
        ["radius m", "longitude", "name", "description", "client code", "phone"]
    );
}

#[test]
fn limits_hold_at_their_edges() {
    let with = |name: &str, radius_m: &str| {
        group(&[("latitude", "37"), ("longitude", "127"), ("radius m", radius_m), ("name", name)])
    };
    assert!(with(&"가".repeat(30), "50").is_ok());
    assert!(with("a", "100000").is_ok());
    assert_eq!(columns(with(&"가".repeat(31), "100")), ["name"]);
    // Decomposed letters, as a Mac writes them, are one character each.
    assert!(with(&"\u{1112}\u{1161}\u{11AB}".repeat(30), "100").is_ok());
    for radius_m in ["49", "100001", "100.5", "NaN", "1e99", "-50", ""] {
        assert_eq!(columns(with("a", radius_m)), ["radius m"], "{radius_m}");
    }
    assert_eq!(columns(with("", "100")), ["name"]);
    assert_eq!(columns(with("a\u{1}b", "100")), ["name"]);
}

#[test]
fn half_a_place_is_none() {
    let bad = group(&[("latitude", "37"), ("longitude", ""), ("radius m", "100"), ("name", "a")]);
    assert_eq!(columns(bad), ["longitude"]);
    let none = group(&[("latitude", ""), ("longitude", ""), ("radius m", "100"), ("name", "a")]);
    assert_eq!(columns(none), ["latitude"]);
    let polygon = group(&[("type", "0"), ("polygon", ""), ("name", "a")]);
    assert_eq!(columns(polygon), ["polygon"]);
    let tangled = group(&[("polygon", "(127 37,127.1 37.1,127.1 37,127 37.1)"), ("name", "a")]);
    assert_eq!(columns(tangled), ["polygon"]);
}
