//! Shapes at their limits, at the antimeridian, and tangled.

use super::fault::Fault;
use super::shape::{FenceShape, MAX_VERTICES};
use crate::domain::target::Shape;

fn circle(radius_m: u32) -> FenceShape {
    FenceShape::Circle { lat: 37.5, lon: 127.0, radius_m }
}

fn polygon(rings: &[&[[f64; 2]]]) -> FenceShape {
    FenceShape::Polygon { coordinates: rings.iter().map(|ring| ring.to_vec()).collect() }
}

/// A square of so many degrees, its south-west corner at the given place.
fn square(lon: f64, lat: f64, side: f64) -> Vec<[f64; 2]> {
    vec![[lon, lat], [lon + side, lat], [lon + side, lat + side], [lon, lat + side]]
}

fn only(faults: &[Fault]) -> (&str, &str) {
    match faults {
        [fault] => (fault.pointer.as_str(), fault.detail.as_str()),
        other => panic!("not one fault: {other:?}"),
    }
}

#[test]
fn a_circle_keeps_its_limits() {
    for (radius_m, fine) in [(49, false), (50, true), (100_000, true), (100_001, false)] {
        assert_eq!(circle(radius_m).check().is_empty(), fine, "{radius_m}");
    }
    let faults = circle(49).check();
    assert_eq!(only(&faults), ("/radius_m", "radius_m is 49; allowed: 50 to 100000 m"));
    let off = FenceShape::Circle { lat: 127.0, lon: 37.5, radius_m: 100 }.check();
    let (pointer, detail) = only(&off);
    assert_eq!(pointer, "/lat");
    assert!(detail.contains("swapped"), "{detail}");
    assert!(FenceShape::Circle { lat: 90.0, lon: -180.0, radius_m: 100 }.check().is_empty());
    assert_eq!(FenceShape::Circle { lat: f64::NAN, lon: f64::NAN, radius_m: 100 }.check().len(), 2);
}

#[test]
fn a_polygon_may_have_a_thousand_square_kilometres() {
    // At the equator 0.2846° by 0.2846° is just above 1,000 km², 0.2840° just below.
    assert!(polygon(&[&square(10.0, 0.0, 0.2840)]).check().is_empty());
    let large = polygon(&[&square(10.0, 0.0, 0.2860)]).check();
    let (pointer, detail) = only(&large);
    assert_eq!(pointer, "/coordinates");
    assert!(detail.starts_with("the area is 100"), "{detail}");
    // Its hole does not count.
    let hole = square(10.1, 0.1, 0.1);
    assert!(polygon(&[&square(10.0, 0.0, 0.2860), &hole]).check().is_empty());
    // All parts do.
    let parts = FenceShape::MultiPolygon {
        coordinates: vec![vec![square(10.0, 0.0, 0.21)], vec![square(12.0, 0.0, 0.21)]],
    };
    assert!(only(&parts.check()).1.starts_with("the area is 10"));
}

#[test]
fn the_direction_of_a_ring_does_not_matter() {
    let mut ring = square(10.0, 0.0, 0.2840);
    ring.reverse();
    assert!(polygon(&[&ring]).check().is_empty());
    let mut large = square(10.0, 0.0, 1.0);
    large.reverse();
    assert_eq!(polygon(&[&large]).check().len(), 1);
}

#[test]
fn vertices_are_counted_without_the_closing_one() {
    let regular = |count: usize| {
        let at = |nth: usize| {
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let angle = nth as f64 / count as f64 * std::f64::consts::TAU;
            [127.0 + angle.cos() * 0.01, 37.0 + angle.sin() * 0.01]
        };
        (0..count).map(at).collect::<Vec<_>>()
    };
    let mut closed = regular(MAX_VERTICES);
    closed.push(closed[0]);
    assert!(polygon(&[&closed]).check().is_empty());
    let more = polygon(&[&regular(MAX_VERTICES + 1)]).check();
    assert!(only(&more).1.starts_with("there are 2001 vertices"));
    let two = polygon(&[&[[127.0, 37.0], [127.1, 37.0], [127.0, 37.0]]]).check();
    assert_eq!(only(&two).0, "/coordinates/0");
    assert!(polygon(&[&square(127.0, 37.0, 0.01)[..3]]).check().is_empty());
    assert_eq!(polygon(&[]).check().len(), 1);
    assert_eq!(FenceShape::MultiPolygon { coordinates: Vec::new() }.check().len(), 1);
}

#[test]
fn tangled_polygons_are_refused() {
    let bow_tie = [[127.0, 37.0], [127.1, 37.1], [127.1, 37.0], [127.0, 37.1]];
    let spike =
        [[127.0, 37.0], [127.1, 37.0], [127.1, 37.1], [127.1, 37.2], [127.1, 37.1], [127.0, 37.1]];
    let eight = [
        [127.0, 37.0],
        [127.05, 37.05],
        [127.1, 37.0],
        [127.1, 37.1],
        [127.05, 37.05],
        [127.0, 37.1],
    ];
    let line = [[127.0, 37.0], [127.1, 37.0], [127.2, 37.0]];
    for ring in [&bow_tie[..], &spike, &eight, &line] {
        assert_eq!(
            only(&polygon(&[ring]).check()).0.split('/').nth(1),
            Some("coordinates"),
            "{ring:?}"
        );
    }
    let outer = square(127.0, 37.0, 0.1);
    for hole in [square(127.05, 37.05, 0.1), square(128.0, 37.0, 0.01), outer.clone()] {
        assert!(!polygon(&[&outer, &hole]).check().is_empty(), "{hole:?}");
    }
    let (one, two) = (square(127.01, 37.01, 0.04), square(127.03, 37.03, 0.04));
    assert!(!polygon(&[&outer, &one, &two]).check().is_empty(), "holes that overlap");
    assert!(polygon(&[&outer, &one, &square(127.06, 37.06, 0.02)]).check().is_empty());
}

#[test]
fn parts_may_touch_in_points_and_no_more() {
    let parts = |other: Vec<[f64; 2]>| FenceShape::MultiPolygon {
        coordinates: vec![vec![square(127.0, 37.0, 0.1)], vec![other]],
    };
    assert!(parts(square(127.1, 37.1, 0.1)).check().is_empty(), "a corner");
    assert_eq!(only(&parts(square(127.1, 37.0, 0.1)).check()).0, "/coordinates/1");
    assert!(only(&parts(square(127.05, 37.05, 0.1)).check()).1.contains("overlaps"));
    assert!(parts(square(128.0, 37.0, 0.1)).check().is_empty());
}

#[test]
fn a_fence_lies_across_the_antimeridian() {
    let ring = [[179.95, -17.0], [-179.95, -17.0], [-179.95, -16.9], [179.95, -16.9]];
    let fence = polygon(&[&ring]);
    assert_eq!(fence.check(), []);
    let Ok(Shape::Polygon { rings }) = fence.to_shape() else { panic!("it is no polygon") };
    let lons: Vec<i64> = rings[0].0.iter().map(|vertex| vertex.lon).collect();
    assert_eq!(lons, [1_799_500_000, 1_800_500_000, 1_800_500_000, 1_799_500_000]);
    // The same place from the other side is an overlap, although its numbers are far away.
    let parts = FenceShape::MultiPolygon {
        coordinates: vec![vec![ring.to_vec()], vec![square(-179.99, -16.95, 0.02)]],
    };
    assert!(only(&parts.check()).1.contains("overlaps"));
    let [lon, lat] = fence.inner_point().unwrap();
    assert!(lon.abs() >= 179.95 && lon.abs() <= 180.0 && (-17.0..=-16.9).contains(&lat));
}

#[test]
fn a_region_may_be_large_and_touch_itself() {
    let eight =
        [[127.0, 37.0], [128.0, 38.0], [129.0, 37.0], [129.0, 39.0], [128.0, 38.0], [127.0, 39.0]];
    assert!(polygon(&[&eight]).check_region().is_empty());
    assert!(polygon(&[&square(120.0, 30.0, 10.0)]).check_region().is_empty());
    let line = [[127.0, 37.0], [127.1, 37.0], [127.2, 37.0]];
    assert_eq!(polygon(&[&line]).check_region().len(), 1);
    assert_eq!(polygon(&[&[[127.0, 99.0], [1.0, 1.0], [2.0, 1.0]]]).check_region().len(), 1);
    // A sliver of no width beside a sound part, as real districts have some.
    let sliver = [[127.0, 37.0], [127.1, 37.1], [127.05, 37.05]];
    assert!(polygon(&[&square(120.0, 30.0, 10.0), &sliver]).check_region().is_empty());
    assert_eq!(only(&circle(100).check_region()).0, "/type");
}

#[test]
fn a_shape_is_written_as_geojson_writes_it() {
    let json = r#"{"type":"polygon","coordinates":[[[127.0,37.0],[127.1,37.0],[127.1,37.1]]]}"#;
    let shape: FenceShape = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&shape).unwrap(), json);
    let json = r#"{"type":"circle","lat":37.5,"lon":127.0,"radius_m":100}"#;
    let shape: FenceShape = serde_json::from_str(json).unwrap();
    assert_eq!(shape, circle(100));
    let Ok(Shape::Circle { center, radius_m }) = shape.to_shape() else {
        panic!("it is no circle")
    };
    assert_eq!((center.lat, center.lon), (375_000_000, 1_270_000_000));
    assert!((radius_m - 100.0).abs() < f64::EPSILON);
    let halves = r#"{"type":"circle","lat":37.5,"lon":127.0,"radius_m":100.5}"#;
    assert!(serde_json::from_str::<FenceShape>(halves).is_err());
}

#[test]
fn a_polygon_around_the_earth_is_no_small_one() {
    for lon in [1.0, 89.0, 89.9, 90.0, 179.0, 180.0] {
        let ring = [[-lon, -90.0], [lon, -90.0], [lon, 90.0], [-lon, 90.0], [-lon, -90.0]];
        let faults = polygon(&[&ring]).check();
        assert!(faults.iter().any(|fault| fault.detail.contains("km²")), "{lon}: {faults:?}");
    }
}
