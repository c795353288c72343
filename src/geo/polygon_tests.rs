//! The half-open rule: edges, vertices, holes, slivers, neighbours, the antimeridian; and `geo` as oracle.

use geo::Contains;
use proptest::prelude::*;

use super::polygon::*;
use crate::domain::target::{Ring, Vertex};
use crate::domain::units::PointE7;

fn ring(vertices: &[(i64, i64)]) -> Ring {
    Ring(vertices.iter().map(|&(lon, lat)| Vertex { lat, lon }).collect())
}

fn at(lon: i32, lat: i32) -> PointE7 {
    PointE7 { lat, lon }
}

#[test]
fn a_square_holds_its_west_and_south_sides_only() {
    let square = [ring(&[(0, 0), (10, 0), (10, 10), (0, 10)])];
    for (point, inside) in [
        (at(0, 0), true),
        (at(5, 0), true),
        (at(0, 5), true),
        (at(9, 9), true),
        (at(10, 5), false),
        (at(5, 10), false),
        (at(10, 10), false),
        (at(-1, 5), false),
    ] {
        assert_eq!(contains(&square, point), inside, "{point:?}");
    }
}

/// How many of the tiles hold the point.
fn held(tiles: &[Ring], p: PointE7) -> usize {
    tiles.iter().filter(|tile| contains(std::slice::from_ref(tile), p)).count()
}

#[test]
fn a_point_on_a_slanting_edge_belongs_to_one_side_of_it() {
    // Slope 1 is flatter than the step, so the step leads to its north-western side; so it does from any edge that
    // leans west on to the north-eastern.
    for lean in [1, -1] {
        let on = |step: i64| (1_269_669_356 + lean * step, 375_724_489 + step);
        let (low, high) = (on(0), on(1_179));
        let west = ring(&[low, high, (1_269_660_000, 375_725_000)]);
        let east = ring(&[high, low, (1_269_680_000, 375_725_000)]);
        let (north, south) = if lean > 0 { (west, east) } else { (east, west) };
        // The ends of the edge belong to whoever else meets there.
        for step in 1..1_179 {
            let (lon, lat) = on(step);
            let p = at(i32::try_from(lon).unwrap(), i32::try_from(lat).unwrap());
            assert!(contains(std::slice::from_ref(&north), p), "{p:?}");
            assert!(!contains(std::slice::from_ref(&south), p), "{p:?}");
        }
    }
}

#[test]
fn the_step_tells_the_slopes_of_the_reference_sets_apart() {
    assert!(steps_west_of(1179, 1179), "the edge in w1");
    assert!(!steps_west_of(6358, 8338), "the edge in w2");
    assert!(!steps_west_of(0, 1) && !steps_west_of(-5, 1), "upright, and leaning west");
    assert!(steps_west_of(6, 7) && !steps_west_of(5, 6), "its own direction goes to the east");
}

#[test]
fn neighbours_tile_where_only_one_has_a_vertex_on_the_border() {
    // 3 east for 7 north; the eastern side is in two tiles that meet in the middle of the western one's edge.
    let on = |step: i64| (1_269_669_356 + 3 * step, 375_724_489 + 7 * step);
    let (low, middle, high) = (on(0), on(401), on(1000));
    let (west, east) = ((1_269_660_000, 375_728_000), (1_269_680_000, 375_728_000));
    let tiles = [ring(&[low, high, west]), ring(&[low, east, middle]), ring(&[middle, east, high])];
    for step in 1..1000 {
        let (lon, lat) = on(i64::from(step));
        let p = at(i32::try_from(lon).unwrap(), i32::try_from(lat).unwrap());
        assert_eq!(held(&tiles, p), 1, "{p:?}");
    }
}

#[test]
fn the_row_of_a_pole_belongs_to_the_cap_around_it() {
    let (half, pole) = (1_800_000_000, 900_000_000);
    let slice = |from: i64, to: i64, lat: i64, pole: i64| {
        ring(&[(from, lat), (to, lat), (to, pole), (from, pole)])
    };
    for (lat, pole) in [(600_000_000, pole), (-600_000_000, -pole)] {
        let cap = slice(-half, half, lat, pole);
        // Borders that lean, and a tile that begins in the middle of another's upper edge.
        let tiles = [
            ring(&[(-half, lat), (-700_000_000, lat), (-600_000_000, pole), (-half, pole)]),
            ring(&[(-700_000_000, lat), (5, lat), (0, pole), (-600_000_000, pole)]),
            ring(&[(5, lat), (half, lat), (half, pole), (0, pole)]),
        ];
        for lon in [-half, -600_000_001, -600_000_000, -599_999_999, -1, 0, 1, 5, half - 1] {
            let p = at(i32::try_from(lon).unwrap(), i32::try_from(pole).unwrap());
            assert!(contains(std::slice::from_ref(&cap), p), "{p:?}");
            assert_eq!(held(&tiles, p), 1, "{p:?}");
        }
        let below = slice(-half, half, lat, pole - pole.signum());
        let held = contains(&[below], at(7, i32::try_from(pole).unwrap()));
        assert!(!held, "a cap that ends a unit short of the pole");
    }
    let tip = [ring(&[(-100, 899_000_000), (100, 899_000_000), (0, pole)])];
    assert!((-100..=100).all(|lon| !contains(&tip, at(lon, 900_000_000))));
}

#[test]
fn holes_and_parts_count_by_parity() {
    let rings = [
        ring(&[(0, 0), (100, 0), (100, 100), (0, 100)]),
        ring(&[(20, 20), (20, 80), (80, 80), (80, 20)]),
        ring(&[(40, 40), (60, 40), (60, 60), (40, 60)]),
        ring(&[(200, 0), (210, 0), (205, 9)]),
    ];
    let inside = [at(10, 10), at(50, 50), at(205, 4)];
    let outside = [at(30, 30), at(150, 50), at(79, 79)];
    assert!(inside.iter().all(|&p| contains(&rings, p)));
    assert!(!outside.iter().any(|&p| contains(&rings, p)));
}

#[test]
fn an_unwrapped_ring_is_found_from_both_sides_of_the_antimeridian() {
    let east = [ring(&[
        (1_799_000_000, 0),
        (1_801_000_000, 0),
        (1_801_000_000, 1_000_000),
        (1_799_000_000, 1_000_000),
    ])];
    let west = [ring(&[
        (-1_801_000_000, 0),
        (-1_799_000_000, 0),
        (-1_799_000_000, 1_000_000),
        (-1_801_000_000, 1_000_000),
    ])];
    for rings in [east, west] {
        assert!(contains(&rings, at(1_799_500_000, 5)));
        assert!(contains(&rings, at(-1_799_500_000, 5)));
        assert!(contains(&rings, at(-1_800_000_000, 5)));
        assert!(!contains(&rings, at(-1_798_500_000, 5)));
    }
}

#[test]
fn a_sliver_thinner_than_a_unit_holds_no_point() {
    let sliver = [ring(&[(0, 0), (1_000_000, 1), (2_000_000, 1)])];
    assert!((0..2_000_000).step_by(999).all(|lon| !contains(&sliver, at(lon, 1))));
}

proptest! {
    /// A fan of triangles around a centre tiles its outline: each point is in exactly one or in none.
    #[test]
    fn neighbours_tile(
        corners in prop::collection::vec((-40i64..40, -40i64..40), 4..12),
        center in (-9i64..9, -9i64..9),
        point in (-40i32..40, -40i32..40),
    ) {
        let whole = ring(&corners);
        let held = edges(&whole)
            .map(|(a, b)| ring(&[center, (a.lon, a.lat), (b.lon, b.lat)]))
            .filter(|triangle| contains(std::slice::from_ref(triangle), at(point.0, point.1)))
            .count();
        prop_assert_eq!(held % 2 == 1, contains(&[whole], at(point.0, point.1)));
    }

    /// A border with a vertex that only one side has: each point of the outline is in one tile, never two or none.
    #[test]
    fn neighbours_tile_at_t_junctions(
        (step_lon, step_lat) in (-9i64..=9, 1i64..=9),
        (middle, end) in (1i64..30, 1i64..30),
        (west, east) in ((1i64..300, 0i64..300), (1i64..300, 0i64..300)),
        points in prop::collection::vec((0i64..60, -400i64..400), 40),
    ) {
        let on = |step: i64| (step * step_lon, step * step_lat);
        let end = middle + end;
        let (low, cut, high) = (on(0), on(middle), on(end));
        // A point beside the border, on the row of one of its points.
        let beside = |by: i64, share: i64| {
            let (lon, lat) = on(share * end / 300);
            (lon + by, lat)
        };
        let (west, east) = (beside(-west.0, west.1), beside(east.0, east.1));
        let tiles = [ring(&[low, high, west]), ring(&[low, east, cut]), ring(&[cut, east, high])];
        let outline = [ring(&[low, east, high, west])];
        for (step, off) in points {
            let (lon, lat) = on(step % end);
            for (lon, lat) in [(lon, lat), (lon + off, lat)] {
                let p = at(i32::try_from(lon).expect("small"), i32::try_from(lat).expect("small"));
                prop_assert_eq!(held(&tiles, p), usize::from(contains(&outline, p)), "{:?}", p);
            }
        }
    }

    /// Points off the boundary agree with `geo`, and every point is in one of two halves of a square.
    #[test]
    fn strict_interiors_agree_with_geo(
        corners in prop::collection::vec((-1000i32..1000, -1000i32..1000), 3),
        point in (-1000i32..1000, -1000i32..1000),
    ) {
        use geo::CoordinatePosition;
        let outline: Vec<(f64, f64)> =
            corners.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
        let oracle = geo::Polygon::new(outline.into(), vec![]);
        let here = geo::Point::new(f64::from(point.0), f64::from(point.1));
        let wide: Vec<(i64, i64)> =
            corners.iter().map(|&(x, y)| (i64::from(x), i64::from(y))).collect();
        if oracle.coordinate_position(&here.into()) != geo::coordinate_position::CoordPos::OnBoundary {
            prop_assert_eq!(contains(&[ring(&wide)], at(point.0, point.1)), oracle.contains(&here));
        }
    }
}
