//! Areas against `geo`'s geodesic ones, and the size of each shape.

use geo::GeodesicArea;

use super::area::*;
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::PointE7;

fn ring(corners: &[(f64, f64)]) -> Ring {
    #[expect(clippy::cast_possible_truncation, reason = "degrees of a test")]
    let e7 = |degrees: f64| (degrees * 1e7) as i64;
    Ring(corners.iter().map(|&(lat, lon)| Vertex { lat: e7(lat), lon: e7(lon) }).collect())
}

#[test]
fn close_to_the_ellipsoid() {
    let corners = [(37.5, 127.0), (37.5, 127.3), (37.7, 127.25), (37.8, 127.1)];
    let outline: Vec<(f64, f64)> = corners.iter().map(|&(lat, lon)| (lon, lat)).collect();
    let oracle = geo::Polygon::new(outline.into(), vec![]).geodesic_area_unsigned();
    let found = area_m2(&[ring(&corners)]);
    assert!((found / oracle - 1.0).abs() < 0.007, "{found} for {oracle}");
}

#[test]
fn holes_count_against_and_parts_add_up() {
    let outer = ring(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]);
    let hole = ring(&[(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]);
    let part = ring(&[(5.0, 5.0), (5.0, 5.5), (5.5, 5.5), (5.5, 5.0)]);
    let alone = |ring: &Ring| area_m2(std::slice::from_ref(ring));
    let expected = alone(&outer) - alone(&hole) + alone(&part);
    let found = area_m2(&[hole, part, outer]);
    assert!((found / expected - 1.0).abs() < 1e-12);
}

#[test]
fn rings_that_touch_keep_their_roles() {
    let alone = |ring: &Ring| area_m2(std::slice::from_ref(ring));
    let outer = ring(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]);
    // Holes that begin on each side and in a corner, and one that shares most of an edge.
    let holes = [
        ring(&[(0.5, 1.0), (0.4, 0.5), (0.6, 0.5)]),
        ring(&[(0.5, 0.0), (0.4, 0.5), (0.6, 0.5)]),
        ring(&[(1.0, 0.5), (0.5, 0.4), (0.5, 0.6)]),
        ring(&[(0.0, 0.5), (0.5, 0.4), (0.5, 0.6)]),
        ring(&[(1.0, 1.0), (0.5, 0.4), (0.4, 0.6)]),
        ring(&[(0.1, 1.0), (0.9, 1.0), (0.9, 0.3), (0.1, 0.3)]),
    ];
    for hole in holes {
        let expected = alone(&outer) - alone(&hole);
        for rings in [vec![outer.clone(), hole.clone()], vec![hole.clone(), outer.clone()]] {
            assert!((area_m2(&rings) / expected - 1.0).abs() < 1e-12, "{rings:?}");
        }
    }
    // A part in the corner of another, and an island that fills its lake's corner.
    let part = ring(&[(1.0, 1.0), (1.0, 2.0), (2.0, 1.5)]);
    let lake = ring(&[(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]);
    let island = ring(&[(0.8, 0.8), (0.5, 0.8), (0.8, 0.5)]);
    let expected = alone(&outer) + alone(&part) - alone(&lake) + alone(&island);
    let found = area_m2(&[island, part, lake, outer]);
    assert!((found / expected - 1.0).abs() < 1e-12);
}

#[test]
fn many_islands_add_up() {
    let square = |lat: f64, lon: f64, side: f64| {
        ring(&[(lat, lon), (lat, lon + side), (lat + side, lon + side), (lat + side, lon)])
    };
    let mut rings = Vec::new();
    let mut expected = 0.0;
    for step in 0..60_u32 {
        let (lat, lon) = (f64::from(step % 8), f64::from(step / 8));
        let (island, lake) = (square(lat, lon, 1.0), square(lat + 0.5, lon + 0.5, 0.5));
        let alone = |ring: &Ring| area_m2(std::slice::from_ref(ring));
        expected += alone(&island) - alone(&lake);
        rings.extend([lake, island]);
    }
    assert!((area_m2(&rings) / expected - 1.0).abs() < 1e-9);
}

#[test]
fn sizes() {
    let center = PointE7::default();
    assert!((size_m(&Shape::Circle { center, radius_m: 75.0 }) - 75.0).abs() < 1e-9);
    let rings = vec![ring(&[(0.0, 0.0), (0.0, 0.01), (0.01, 0.01), (0.01, 0.0)])];
    let size = size_m(&Shape::Polygon { rings });
    assert!((size - 627.3).abs() < 0.5, "{size}");
    assert!(size_m(&Shape::Everywhere).is_infinite());
}
