//! Rings at the antimeridian, around a pole, and off the earth.

use super::rings::{BadRing, ring};

fn lons(positions: &[[f64; 2]]) -> Vec<i64> {
    ring(positions).unwrap().0.iter().map(|vertex| vertex.lon / 10_000_000).collect()
}

#[test]
fn the_closing_vertex_is_dropped() {
    let closed = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]];
    assert_eq!(ring(&closed).unwrap().0.len(), 3);
    assert_eq!(ring(&closed[..3]).unwrap().0.len(), 3);
    assert_eq!(ring(&[[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), Err(BadRing::Short(2)));
    assert_eq!(ring(&[]), Err(BadRing::Short(0)));
}

#[test]
fn a_ring_across_the_antimeridian_is_unwrapped() {
    let fiji = [[179.0, -17.0], [-179.0, -17.0], [-179.0, -16.0], [179.0, -16.0], [179.0, -17.0]];
    assert_eq!(lons(&fiji), [179, 181, 181, 179]);
    let from_the_other_side = [[-179.0, 0.0], [179.0, 0.0], [179.0, 1.0], [-179.0, 1.0]];
    assert_eq!(lons(&from_the_other_side), [-179, -181, -181, -179]);
    let unwrapped_already = [[179.0, 0.0], [181.0, 0.0], [181.0, 1.0], [179.0, 1.0]];
    assert_eq!(lons(&unwrapped_already), [179, 181, 181, 179]);
    // Both sides of the meridian are written: the edge between them has no length.
    let doubled =
        [[179.0, 0.0], [180.0, 0.0], [-180.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0]];
    assert_eq!(lons(&doubled), [179, 180, 180, 181, 181, 179]);
}

#[test]
fn a_ring_around_a_pole_is_meant_as_drawn() {
    let antarctica = [
        [-180.0, -84.0],
        [-90.0, -75.0],
        [0.0, -70.0],
        [90.0, -75.0],
        [180.0, -84.0],
        [180.0, -90.0],
        [-180.0, -90.0],
    ];
    let drawn = lons(&antarctica);
    assert_eq!(drawn, [-180, -90, 0, 90, 180, 180, 60, -60, -180]);
    let whole_map = [[-180.0, -90.0], [180.0, -90.0], [180.0, 90.0], [-180.0, 90.0]];
    assert_eq!(lons(&whole_map).len(), 8);
    let slanted = [[-170.0, 60.0], [-60.0, 61.0], [60.0, 60.0], [170.0, 62.0]];
    assert_eq!(ring(&slanted), Err(BadRing::Edge(170.0, -170.0)));
}

#[test]
fn positions_off_the_earth_are_refused() {
    for bad in [[0.0, 90.1], [540.1, 0.0], [f64::NAN, 0.0], [0.0, f64::INFINITY]] {
        assert!(
            matches!(ring(&[bad, [0.0, 0.0], [1.0, 1.0]]), Err(BadRing::Position(_))),
            "{bad:?}"
        );
    }
}
