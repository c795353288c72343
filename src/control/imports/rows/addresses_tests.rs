//! Rows of addresses.

use super::addresses::{AddressRow, address};
use super::bad_cell::BadCell;
use super::samples::{columns, read};
use crate::control::imports::columns::Kind;

const POINT: [(&str, &str); 2] = [("위도", "37.5"), ("경도", "127")];

fn row(cells: &[(&str, &str)]) -> Result<AddressRow, Vec<BadCell>> {
    read(Kind::Addresses, address, cells)
}

#[test]
fn an_address_is_read_by_road_by_lot_or_both() {
    let both = [&[("주소", " 세종대로  110 "), ("지번주소", "태평로1가 31")], &POINT[..]].concat();
    let both = row(&both).unwrap();
    assert_eq!(both.addresses, ["세종대로 110", "태평로1가 31"]);
    assert_eq!((both.row, both.lat, both.lon), (7, 37.5, 127.0));
    let lot = [&[("road address", ""), ("lot address", "태평로1가 31")], &POINT[..]].concat();
    assert_eq!(row(&lot).unwrap().addresses, ["태평로1가 31"]);
}

#[test]
fn every_wrong_cell_is_told() {
    let without = [&[("주소", ""), ("지번주소", "")], &POINT[..]].concat();
    assert_eq!(columns(row(&without)), ["주소"]);
    let brackets = [&[("주소", "(태평로1가)")], &POINT[..]].concat();
    assert_eq!(columns(row(&brackets)), ["주소"]);
    let nowhere = [("주소", "세종대로 110"), ("위도", ""), ("경도", "")];
    assert_eq!(columns(row(&nowhere)), ["위도"]);
    let half = [("주소", "세종대로 110"), ("위도", "37"), ("경도", "")];
    assert_eq!(columns(row(&half)), ["경도"]);
    let outside = [("주소", "세종대로 110"), ("위도", "91"), ("경도", "181")];
    assert_eq!(columns(row(&outside)), ["위도", "경도"]);
    let long = "가".repeat(201);
    assert_eq!(columns(row(&[&[("주소", &*long)], &POINT[..]].concat())), ["주소"]);
}
