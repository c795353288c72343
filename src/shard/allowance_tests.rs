//! An account's rate, at its edges.

use std::time::Duration;

use proptest::prelude::*;

use super::allowance::Allowances;
use crate::domain::ids::AccountId;
use crate::domain::units::UtcMs;

const OURS: AccountId = AccountId(1);
const NOW: UtcMs = UtcMs(1_767_225_600_000);

fn later(ms: i64) -> UtcMs {
    UtcMs(NOW.0 + ms)
}

#[test]
fn without_a_limit_nobody_waits() {
    let allowances = Allowances::default();
    let ours = allowances.of(OURS);
    for _ in 0..3 {
        assert_eq!(ours.take(u32::MAX, NOW), Duration::ZERO);
        assert_eq!(ours.try_take(u32::MAX, NOW), Ok(()));
    }
}

#[test]
fn a_seconds_worth_goes_at_once_and_the_rest_at_the_rate() {
    let allowances = Allowances::default();
    let ours = allowances.of(OURS);
    allowances.set(OURS, Some(100));
    assert_eq!(ours.take(100, NOW), Duration::ZERO);
    assert_eq!(ours.try_take(1, NOW), Ok(()), "nothing more than a second's worth was open");
    assert_eq!(ours.try_take(1, NOW), Err(Duration::from_millis(10)));
    assert_eq!(ours.try_take(1, later(9)), Err(Duration::from_millis(1)), "and none was taken");
    assert_eq!(ours.take(50, later(10)), Duration::ZERO);
    assert_eq!(ours.take(1, later(10)), Duration::from_millis(500));
    assert_eq!(ours.take(1, later(10)), Duration::from_millis(510), "behind the one before");
    assert_eq!(ours.try_take(1, later(530)), Ok(()));
    assert_eq!(ours.take(1, later(100_000)), Duration::ZERO, "what was not used is not saved up");
    assert_eq!(ours.take(200, later(100_000)), Duration::ZERO);
    assert_eq!(ours.take(1, later(100_000)), Duration::from_millis(1010));
    let theirs = allowances.of(AccountId(2));
    assert_eq!(theirs.take(1_000_000, NOW), Duration::ZERO, "an account of its own");
    allowances.set(OURS, None);
    assert_eq!(ours.try_take(u32::MAX, later(100_000)), Ok(()), "as soon as the limit is gone");
}

proptest! {
    /// Whoever waits as told has handed over no more than the rate, a second's worth and one frame by any moment.
    #[test]
    fn no_more_than_the_rate_goes_by(
        per_s in 1..100_000_u32,
        frames in prop::collection::vec((0..4096_u32, 0..2000_i64), 1..60),
    ) {
        let allowances = Allowances::default();
        allowances.set(OURS, Some(per_s));
        let ours = allowances.of(OURS);
        let (mut now_us, mut sum) = (0_i64, 0_i64);
        for (records, pause_ms) in frames {
            now_us += pause_ms * 1000;
            let wait = ours.take(records, later(now_us.div_euclid(1000)));
            let wait_us = i64::try_from(wait.as_micros()).unwrap();
            now_us = (now_us + wait_us + 999) / 1000 * 1000;
            let allowed = (now_us + 1_000_000) * i64::from(per_s) / 1_000_000 + 60;
            prop_assert!(sum <= allowed, "{sum} of {allowed}");
            sum += i64::from(records);
        }
    }
}
