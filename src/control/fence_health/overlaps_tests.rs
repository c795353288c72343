//! What of a fence lies in another, against shares that are known.

use super::fences::{Fence, FenceKind};
use super::findings_tests::fence;
use super::overlaps::{Overlap, overlaps, overlaps_within};
use crate::control::compiler::targets::TargetKey;
use crate::domain::target::{Ring, Shape, Vertex};
use crate::domain::units::PointE7;

fn fences(count: usize) -> Vec<Fence> {
    (1..=u32::try_from(count).unwrap()).map(fence).collect()
}

fn measured(shapes: &[Shape]) -> Vec<Option<(usize, u8)>> {
    let (found, is_all) = overlaps(&fences(shapes.len()), shapes.iter().cloned());
    assert!(is_all);
    found
        .into_iter()
        .map(|one| one.map(|Overlap { other, share_pct }| (other, share_pct)))
        .collect()
}

fn circle(lat: f64, lon: f64, radius_m: f64) -> Shape {
    Shape::Circle { center: PointE7::from_degrees(lat, lon).unwrap(), radius_m }
}

/// A box from its south-west corner, in units of 1e-4 degrees.
fn area((lat, lon): (i64, i64), (height, width): (i64, i64)) -> Shape {
    let corner = |lat: i64, lon: i64| Vertex { lat: lat * 1000, lon: lon * 1000 };
    let ring = vec![
        corner(lat, lon),
        corner(lat, lon + width),
        corner(lat + height, lon + width),
        corner(lat + height, lon),
    ];
    Shape::Polygon { rings: vec![Ring(ring)] }
}

const SEOUL: (i64, i64) = (375_000, 1_270_000);

#[test]
fn a_fence_within_another_lies_there_whole_and_the_other_hardly_in_it() {
    let found = measured(&[circle(37.5, 127.0, 1000.0), circle(37.501, 127.0, 100.0)]);
    assert_eq!(found[1], Some((0, 100)));
    let (other, share_pct) = found[0].unwrap();
    assert!(other == 1 && share_pct <= 2, "1 % of the area: {share_pct}");
}

#[test]
fn equal_fences_lie_in_each_other_and_neighbours_in_none() {
    let square = area(SEOUL, (100, 100));
    assert_eq!(measured(&[square.clone(), square.clone()]), [Some((1, 100)), Some((0, 100))]);
    let neighbour = area((SEOUL.0, SEOUL.1 + 100), (100, 100));
    assert_eq!(measured(&[square.clone(), neighbour]), [None, None]);
    assert_eq!(measured(&[square.clone(), circle(35.0, 129.0, 100.0)]), [None, None]);
    assert_eq!(measured(&[square]), [None]);
    assert_eq!(measured(&[]), []);
}

#[test]
fn half_of_a_box_is_half_and_the_greatest_share_is_told() {
    let (north, east) = SEOUL;
    let own = area(SEOUL, (100, 100));
    let half = area((north, east + 50), (100, 100));
    let quarter = area((north + 50, east - 50), (100, 100));
    let found = measured(&[own, half, quarter]);
    assert_eq!(found, [Some((1, 50)), Some((0, 50)), Some((0, 25))]);
}

#[test]
fn two_circles_share_a_lens() {
    // A radius apart, circles share 2/3 - √3/(2π), 39.1 %, of their areas.
    let north_deg = 1000.0 / 111_195.080;
    let found = measured(&[circle(37.5, 127.0, 1000.0), circle(37.5 + north_deg, 127.0, 1000.0)]);
    for one in found {
        let (_, share_pct) = one.unwrap();
        assert!((36..=42).contains(&share_pct), "{share_pct}");
    }
}

#[test]
fn a_slim_fence_is_looked_at_more_closely() {
    let (lat, lon) = SEOUL;
    let vertex = |lat: i64, lon: i64| Vertex { lat: lat * 1000, lon: lon * 1000 };
    let strip = vec![
        vertex(lat, lon),
        vertex(lat + 1, lon),
        vertex(lat + 51, lon + 50),
        vertex(lat + 50, lon + 50),
    ];
    let strip = Shape::Polygon { rings: vec![Ring(strip)] };
    assert_eq!(measured(&[strip, area((lat - 10, lon - 10), (100, 100))])[0], Some((1, 100)));
}

#[test]
fn the_antimeridian_is_no_border() {
    let found = measured(&[circle(10.0, 179.9995, 200.0), circle(10.0, -179.9995, 200.0)]);
    let (_, share_pct) = found[0].unwrap();
    assert!((55..=75).contains(&share_pct), "{share_pct}");
    let across = area((100_000, 1_799_950), (100, 100));
    assert_eq!(measured(&[circle(10.005, -179.999, 50.0), across])[0], Some((1, 100)));
}

#[test]
fn the_two_areas_of_a_store_do_not_count() {
    let mut fences = fences(3);
    for (fence, key) in fences.iter_mut().zip([TargetKey::Signal(7), TargetKey::Inside(7)]) {
        (fence.key, fence.name.kind, fence.name.id) = (key, FenceKind::Place, 7);
    }
    let shapes = [100.0, 25.0, 30.0].map(|radius_m| circle(37.5, 127.0, radius_m));
    let (found, _) = overlaps(&fences, shapes.into_iter());
    let others: Vec<Option<usize>> = found.iter().map(|one| one.map(|one| one.other)).collect();
    assert_eq!(others, [Some(2), Some(2), Some(0)]);
}

#[test]
fn past_a_bound_the_rest_is_not_looked_at_and_that_is_told() {
    let square = area(SEOUL, (100, 100));
    let shapes = || std::iter::repeat_n(square.clone(), 4);
    let told = |bounds| {
        let (found, is_all) = overlaps_within(&fences(4), shapes(), bounds);
        (found.iter().flatten().count(), is_all)
    };
    assert_eq!(told((16, u64::MAX)), (4, true));
    assert_eq!(told((15, u64::MAX)), (3, false), "four vertices each");
    // Each point of a fence is held against four, each for 64 edges.
    let of_one = 16 * 16 * 4 * 64;
    assert_eq!(told((16, 4 * of_one)), (4, true));
    assert_eq!(told((16, 2 * of_one - 1)), (2, false));
}
