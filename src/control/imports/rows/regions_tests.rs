//! Rows of districts and trade areas.

use super::bad_cell::BadCell;
use super::regions::{RegionRow, region};
use super::samples::{columns, read};
use crate::control::documents::region::Level;
use crate::control::imports::columns::Kind;

const SQUARE: &str = "POLYGON((126 37,128 37,128 38,126 38,126 37))";

fn district(level: &str, parent: &str) -> Result<RegionRow, Vec<BadCell>> {
    let cells = [
        ("level", level),
        ("code", "11"),
        ("name", "서울"),
        ("parent code", parent),
        ("polygon", SQUARE),
    ];
    read(Kind::Regions, region, &cells)
}

#[test]
fn levels_have_names_in_both_languages() {
    for (text, level, parent) in [
        ("state", Level::State, ""),
        ("시도", Level::State, ""),
        ("city", Level::City, "1"),
        ("시군구", Level::City, "1"),
        ("Street", Level::Street, "1"),
        ("읍면동", Level::Street, "1"),
        ("trade_area", Level::TradeArea, ""),
        ("상권", Level::TradeArea, "1"),
    ] {
        let row = district(text, parent).unwrap();
        assert_eq!(
            (row.level, row.parent_code.as_deref().unwrap_or("")),
            (level, parent),
            "{text}"
        );
    }
}

#[test]
fn cities_and_streets_may_have_a_parent_and_states_have_none() {
    assert_eq!(district("city", "").unwrap().parent_code, None);
    assert_eq!(district("street", "").unwrap().parent_code, None);
    assert_eq!(columns(district("state", "1")), ["parent code"]);
}

#[test]
fn every_wrong_cell_is_told() {
    let cells = [("level", "country"), ("code", ""), ("name", ""), ("polygon", "POLYGON EMPTY")];
    let bad = read(Kind::Regions, region, &cells);
    assert_eq!(columns(bad), ["level", "code", "name", "polygon"]);
}
