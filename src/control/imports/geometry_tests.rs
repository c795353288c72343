//! Polygons in a cell.

use super::geometry::read;
use crate::control::shape::FenceShape;

const RING: [[f64; 2]; 3] = [[127.0, 37.0], [127.5, 37.0], [127.5, 37.25]];

#[test]
fn positions_are_longitude_and_latitude() {
    let expected = FenceShape::Polygon { coordinates: vec![RING.to_vec()] };
    for text in [
        "(127 37,127.5 37,127.5 37.25)",
        " ( 127 37 , 127.5   37,127.5\n37.25 ) ",
        "127 37,127.5 37,127.5 37.25",
    ] {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn well_known_text_is_read() {
    let text = "SRID=4326; polygon ((127 37, 127.5 37, 127.5 37.25, 127 37), (1 1, 2 1, 2 2, 1 1))";
    let FenceShape::Polygon { coordinates } = read(text).unwrap() else { panic!("a polygon") };
    assert_eq!((coordinates.len(), &coordinates[0][..3]), (2, &RING[..]));
    let text = "MULTIPOLYGON(((127 37,127.5 37,127.5 37.25,127 37)),((1 1,2 1,2 2,1 1),(1 1,2 1,2 2,1 1)))";
    let FenceShape::MultiPolygon { coordinates } = read(text).unwrap() else { panic!("parts") };
    assert_eq!(coordinates.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    assert!(read("POLYGON Z((127 37 5,127.5 37 5,127.5 37.25 5,127 37 5))").is_ok());
}

#[test]
fn what_is_neither_says_what_is_allowed() {
    let nested = "GEOMETRYCOLLECTION(".repeat(100_000);
    for text in [
        "",
        "x",
        "(127 37",
        "127 37)",
        "(127 37),(1 1)",
        "(127,37,1)",
        "(127 37 5)",
        "(NaN 37,1 1,2 2)",
        "(inf 37)",
        "POINT(127 37)",
        "LINESTRING(1 1,2 2)",
        "POLYGON",
        "POLYGON(",
        "POLYGON((127 37,1",
        "POLYGON((1 1,2 2,3 1)) x",
        "POLYGON((1 1,2 2,3 1))POLYGON((1 1,2 2,3 1))",
        "POLYGON((1 x))",
        "SRID=5179;POLYGON((1 1,2 2,3 1))",
        "POLYGON((((((1 1))))))",
        "다각형",
        nested.as_str(),
        &"(".repeat(100_000),
        &format!("POLYGON{}", "(".repeat(100_000)),
    ] {
        let reason = read(text).unwrap_err();
        assert!(!reason.is_empty() && reason.len() < 400, "{reason}");
    }
}
