//! What `classify` proves must hold for points of the rectangle, anywhere on earth.

use proptest::prelude::*;

use super::circle::contains;
use super::cover::*;
use crate::domain::units::{HALF_TURN_E7, PointE7, QUARTER_TURN_E7};

const LON: std::ops::Range<i32> = -HALF_TURN_E7..HALF_TURN_E7;

/// The point at shares of the rectangle's sides, brought back to ±180°; `None` past a pole.
fn point_of(rect: Rect, shares: (f64, f64)) -> Option<PointE7> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "of a test")]
    let between = |from: i64, to: i64, share: f64| from + ((to - from) as f64 * share) as i64;
    let lon = between(rect.west, rect.east, shares.0);
    let lat = between(rect.south, rect.north, shares.1);
    let half = i64::from(HALF_TURN_E7);
    let lon = (lon + half).rem_euclid(2 * half) - half;
    PointE7::new(i32::try_from(lat).ok()?, i32::try_from(lon).ok()?)
}

#[test]
fn a_rectangle_past_the_far_pole_is_not_taken_for_near() {
    let center = PointE7 { lat: 899_000_000, lon: 0 };
    let cover = CircleCover::new(center, 18_827_477.5).expect("a circle");
    let rect = Rect { west: 0, east: 1 << 29, south: -1_390_000_000, north: -860_000_000 };
    let proof = cover.classify(rect, CosRange::over(rect.south, rect.north));
    assert_eq!(proof, Cover::Outside, "the circle ends at 79° south");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn proofs_hold(
        lat in prop_oneof![
            -QUARTER_TURN_E7..=QUARTER_TURN_E7,
            899_000_000..=QUARTER_TURN_E7,
            Just(-QUARTER_TURN_E7),
        ],
        lon in prop_oneof![LON, 1_799_900_000..HALF_TURN_E7],
        radius_m in prop_oneof![0.0..300.0f64, 50.0..100_000.0f64, 0.0..20_100_000.0f64],
        shift in 3u32..30,
        offset in (-3.0..3.0f64, -3.0..3.0f64),
        shares in prop::collection::vec((0.0..=1.0f64, 0.0..=1.0f64), 8),
    ) {
        let center = PointE7 { lat, lon };
        let cover = CircleCover::new(center, radius_m).expect("a circle");
        let bounds = cover.bounds();
        let size = 1i64 << shift;
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "of a test")]
        let near = |offset: f64, reach: i64| (offset * (reach as f64).max(size as f64)) as i64;
        let west = i64::from(lon) + near(offset.0, (bounds.east - bounds.west) / 2);
        let south = i64::from(lat) + near(offset.1, (bounds.north - bounds.south) / 2);
        let rect = Rect { west, east: west + size, south, north: south + size };
        let cover = cover.classify(rect, CosRange::over(rect.south, rect.north));
        for point in shares.into_iter().filter_map(|share| point_of(rect, share)) {
            let inside = contains(center, radius_m, point);
            prop_assert!(cover != Cover::Inside || inside, "{point:?}");
            prop_assert!(cover != Cover::Outside || !inside, "{point:?}");
        }
    }

    #[test]
    fn bounds_hold_every_point(
        lat in -QUARTER_TURN_E7..=QUARTER_TURN_E7,
        lon in LON,
        radius_m in 50.0..3_000_000.0f64,
        to in (-QUARTER_TURN_E7..=QUARTER_TURN_E7, LON),
    ) {
        let center = PointE7 { lat, lon };
        let point = PointE7 { lat: to.0, lon: to.1 };
        let bounds = CircleCover::new(center, radius_m).expect("a circle").bounds();
        if contains(center, radius_m, point) {
            let lon = i64::from(point.lon);
            let full = 2 * i64::from(HALF_TURN_E7);
            let on_it = |lon: i64| (bounds.west..=bounds.east).contains(&lon);
            prop_assert!((bounds.south..=bounds.north).contains(&i64::from(point.lat)));
            prop_assert!([lon, lon - full, lon + full].into_iter().any(on_it));
        }
    }
}
