//! Features of all kinds, and files that are no collection.

use std::io::Cursor;
use std::ops::ControlFlow;

use super::bounds::Bounds;
use super::columns::Kind;
use super::error::ImportError;
use super::read::{fences, places, regions};
use super::rows::bad_cell::BadCell;
use super::rows::fences::{FenceRow, FenceSite};
use super::rows::places::PlaceSite;
use super::watch::Watch;
use crate::control::documents::region::Level;
use crate::control::shape::FenceShape;

macro_rules! read {
    ($reader:ident, $kind:expr, $text:expr) => {{
        let mut look = |_| Ok(());
        let mut rows = Vec::new();
        let outcome = $reader(
            Cursor::new($text.as_bytes()),
            &Bounds::of($kind),
            &mut Watch::new(1, &mut look),
            &mut |row| {
                rows.push(row);
                ControlFlow::Continue(())
            },
        );
        outcome.map(|_| rows)
    }};
}

fn collection(features: &[&str]) -> String {
    let bbox = r#""bbox":[[1,2],{"features":[]}]"#;
    format!(
        r#"{{"type":"FeatureCollection",{bbox},"features":[{}],"more":null}}"#,
        features.join(",")
    )
}

fn feature(properties: &str, geometry: &str) -> String {
    format!(r#"{{"type":"Feature","id":"F-1","properties":{properties},"geometry":{geometry}}}"#)
}

const POINT: &str = r#"{"type":"Point","coordinates":[127.0,37.5,12]}"#;
const SQUARE: &str =
    r#"{"coordinates":[[[127,37],[127.1,37],[127.1,37.1],[127,37.1],[127,37]]],"type":"Polygon"}"#;

fn group(features: &[&str]) -> Vec<Result<FenceRow, Vec<BadCell>>> {
    read!(fences, Kind::Group, collection(features)).unwrap()
}

#[test]
fn points_polygons_and_multi_polygons_are_fences() {
    let parts = r#"{"type":"MultiPolygon","coordinates":[[[[127,37],[127.1,37],[127.1,37.1]]],[[[128,37],[128.1,37],[128.1,37.1]]]]}"#;
    let rows = group(&[
        &feature(r#"{"name":"가","radius_m":150,"colour":["red"]}"#, POINT),
        &feature(r#"{"이름":"나","고객사코드":7}"#, SQUARE),
        &feature(r#"{"name":"다"}"#, parts),
    ]);
    let rows: Vec<FenceRow> = rows.into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(
        rows[0].site,
        FenceSite::Drawn(FenceShape::Circle { lat: 37.5, lon: 127.0, radius_m: 150 })
    );
    assert_eq!((rows[0].row, rows[0].client_code.as_deref()), (1, Some("F-1")));
    assert!(
        matches!(&rows[1].site, FenceSite::Drawn(FenceShape::Polygon { coordinates }) if coordinates[0].len() == 5)
    );
    assert_eq!((rows[1].name.as_str(), rows[1].client_code.as_deref()), ("나", Some("7")));
    assert!(
        matches!(&rows[2].site, FenceSite::Drawn(FenceShape::MultiPolygon { coordinates }) if coordinates.len() == 2)
    );
}

#[test]
fn features_that_are_wrong_do_not_end_the_file() {
    let rows = group(&[
        &feature(r#"{"name":"a"}"#, POINT),
        &feature(r#"{"name":["a"]}"#, SQUARE),
        &feature(r#"{"name":"a"}"#, r#"{"type":"LineString","coordinates":[[1,2],[3,4]]}"#),
        &feature(r#"{"name":"a"}"#, r#"{"type":"Polygon","coordinates":[[1,2],[3,4]]}"#),
        &feature(r#"{"name":"a"}"#, "null"),
        "5",
        r#"{"type":"Other","properties":{"name":"a"}}"#,
        &feature("null", SQUARE),
        &feature(r#"{"name":"a"}"#, SQUARE),
    ]);
    let columns: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| {
            row.as_ref().err().into_iter().flatten().map(|cell| cell.column.as_str()).collect()
        })
        .collect();
    assert_eq!(columns[0], ["radius m"]);
    assert_eq!(columns[1], ["name", "name"]);
    assert_eq!(columns[2], ["polygon"]);
    assert_eq!(columns[3], ["polygon"]);
    assert_eq!(columns[4], ["radius m", "latitude"]);
    assert_eq!(columns[5], ["polygon", "name"]);
    assert_eq!(columns[6], ["polygon"]);
    assert_eq!(columns[7], ["name"]);
    assert!(rows[8].as_ref().is_ok_and(|row| row.row == 9));
}

#[test]
fn places_and_regions_come_as_features() {
    let text = collection(&[
        &feature(r#"{"name":"가"}"#, POINT),
        &feature(r#"{"name":"나","key":"K"}"#, SQUARE),
    ]);
    let rows = read!(places, Kind::Places, text).unwrap();
    let (one, two) = (rows[0].as_ref().unwrap(), rows[1].as_ref().unwrap());
    assert_eq!((one.key.as_str(), &one.site), ("F-1", &PlaceSite::At { lat: 37.5, lon: 127.0 }));
    assert_eq!((two.key.as_str(), two.footprint.is_some()), ("K", true));
    let text = collection(&[
        &feature(r#"{"level":"state","code":11,"name":"서울"}"#, SQUARE),
        &feature(r#"{"level":"trade_area","name":"명동"}"#, POINT),
    ]);
    let rows = read!(regions, Kind::Regions, text).unwrap();
    let row = rows[0].as_ref().unwrap();
    assert_eq!((row.level, row.code.as_str()), (Level::State, "11"));
    assert_eq!(rows[1].as_ref().unwrap_err()[0].column, "polygon");
}

#[test]
fn what_is_no_collection_is_refused() {
    let fine = feature(r#"{"name":"a"}"#, SQUARE);
    for text in [
        "{}".to_owned(),
        r#"{"type":"FeatureCollection"}"#.to_owned(),
        r#"{"type":"FeatureCollection","features":[]}"#.to_owned(),
        r#"{"type":"FeatureCollection","features":{}}"#.to_owned(),
        fine.clone(),
        format!(r#"{{"features":[{fine}]}}"#),
        format!("{} x", collection(&[&fine])),
        collection(&[&fine])[..200].to_owned(),
        format!("{{\"a\":{}", "[".repeat(100_000)),
        format!(
            r#"{{"type":"FeatureCollection","features":[{{"geometry":{{"coordinates":{}"#,
            "[".repeat(100_000)
        ),
    ] {
        let outcome = read!(fences, Kind::Group, text);
        let refused = matches!(
            outcome,
            Err(ImportError::Broken { .. } | ImportError::Format { .. } | ImportError::Empty)
        );
        assert!(refused, "{}", &text[..text.len().min(80)]);
    }
}

#[test]
fn features_and_their_length_are_bounded() {
    let fine = feature(r#"{"name":"a"}"#, SQUARE);
    let many = |count: usize| collection(&vec![fine.as_str(); count]);
    assert_eq!(read!(fences, Kind::Group, many(10_000)).unwrap().len(), 10_000);
    let outcome = read!(fences, Kind::Group, many(10_001));
    assert!(matches!(outcome, Err(ImportError::TooManyRows { limit: 10_000 })));
    let long = feature(&format!(r#"{{"name":"{}"}}"#, "x".repeat(25 * 1024 * 1024)), POINT);
    let outcome = read!(fences, Kind::Group, collection(&[&long]));
    assert!(matches!(outcome, Err(ImportError::Broken { .. })), "{:?}", outcome.err());
}

#[test]
fn a_mark_before_the_file_is_passed_over() {
    let text = format!("\u{FEFF}{}", collection(&[&feature(r#"{"name":"a"}"#, SQUARE)]));
    assert_eq!(read!(fences, Kind::Group, text).unwrap().len(), 1);
}
