//! The quick look against the full check of the `geo` crate: what passes is sound, and what is sound mostly passes.

use ::geo::{Coord, LineString, Polygon, Validation};
use proptest::prelude::*;

use super::simple::is_surely_sound;
use crate::domain::target::Vertex;

type Points = Vec<(i64, i64)>;

fn ring(points: &[(i64, i64)]) -> Vec<Vertex> {
    points.iter().map(|&(lon, lat)| Vertex { lon, lat }).collect()
}

fn quick(rings: &[Points]) -> bool {
    is_surely_sound(&rings.iter().map(|points| ring(points)).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn full(rings: &[Points]) -> bool {
    let line = |points: &Points| {
        let at = |&(x, y): &(i64, i64)| Coord { x: x as f64, y: y as f64 };
        LineString::new(points.iter().chain(points.first()).map(at).collect())
    };
    let mut lines = rings.iter().map(line);
    let outer = lines.next().unwrap();
    Polygon::new(outer, lines.collect()).is_valid()
}

/// Without what whoever asks has taken out: repeated neighbours and spikes.
fn is_fit(points: &Points) -> bool {
    let len = points.len();
    len >= 3
        && (0..len).all(|at| {
            let (before, here, after) =
                (points[at], points[(at + 1) % len], points[(at + 2) % len]);
            let back = (before.0 - here.0, before.1 - here.1);
            let on = (after.0 - here.0, after.1 - here.1);
            let straight = back.0 * on.1 == back.1 * on.0;
            here != after && !(straight && back.0 * on.0 + back.1 * on.1 > 0)
        })
}

/// On a grid so small that edges often touch, cross and lie on each other.
fn any_ring() -> impl Strategy<Value = Points> {
    prop::collection::vec((0..7_i64, 0..7_i64), 3..9)
}

fn square(west: i64, south: i64, side: i64) -> Points {
    vec![(west, south), (west + side, south), (west + side, south + side), (west, south + side)]
}

proptest! {
    #[test]
    fn one_ring_is_judged_as_the_full_check_does(points in any_ring().prop_filter("fit", is_fit)) {
        let rings = [points];
        prop_assert_eq!(quick(&rings), full(&rings));
    }

    #[test]
    fn a_ring_with_holes_that_passes_is_sound(
        outer in any_ring().prop_filter("fit", is_fit),
        holes in prop::collection::vec(any_ring().prop_filter("fit", is_fit), 1..3),
    ) {
        // The outer ring is larger, so that some holes lie inside.
        let outer: Points = outer.iter().map(|&(x, y)| (x * 5 - 12, y * 5 - 12)).collect();
        let rings: Vec<Points> = std::iter::once(outer).chain(holes).collect();
        prop_assert!(!quick(&rings) || full(&rings));
    }

    #[test]
    fn squares_in_a_square_pass_unless_they_meet(
        holes in prop::collection::vec((1..90_i64, 1..90_i64, 1..9_i64), 1..6),
    ) {
        let holes = holes.into_iter().map(|(west, south, side)| square(west, south, side));
        let rings: Vec<Points> = std::iter::once(square(0, 0, 100)).chain(holes).collect();
        let (quick, full) = (quick(&rings), full(&rings));
        prop_assert!(!quick || full);
        // Holes that touch in a point are sound and left to the full check.
        prop_assert!(quick || !full || touch(&rings[1..]));
    }
}

/// Whether two squares have a point in common.
fn touch(squares: &[Points]) -> bool {
    let meet = |a: &Points, b: &Points| {
        a[0].0 <= b[2].0 && b[0].0 <= a[2].0 && a[0].1 <= b[2].1 && b[0].1 <= a[2].1
    };
    squares.iter().enumerate().any(|(at, one)| squares[..at].iter().any(|other| meet(one, other)))
}

#[test]
fn what_is_known_is_judged_so() {
    let unit = square(0, 0, 10);
    for (rings, passes) in [
        (vec![unit.clone()], true),
        (vec![vec![(0, 0), (10, 10), (10, 0), (0, 10)]], false),
        (vec![vec![(0, 0), (5, 0), (10, 0), (5, 5), (5, 0), (0, 5)]], false),
        (vec![unit.clone(), square(2, 2, 3)], true),
        (vec![unit.clone(), square(20, 2, 3)], false),
        (vec![unit.clone(), square(2, 2, 6), square(4, 4, 2)], false),
        (vec![unit.clone(), square(2, 2, 2), square(6, 6, 2)], true),
        (vec![unit.clone(), square(0, 2, 2)], false),
        (vec![square(2, 2, 3), unit], false),
        (vec![], false),
        (vec![vec![(0, 0), (1, 1)]], false),
    ] {
        assert_eq!(quick(&rings), passes, "{rings:?}");
    }
    // The farthest coordinates that there are, unwrapped: nothing overflows.
    let far = 5_400_000_000;
    let wide =
        [vec![(-far, -900_000_000), (far, -900_000_000), (far, 900_000_000), (-far, 900_000_000)]];
    assert!(quick(&wide));
}
