//! An account's rate, at its edges.

use std::time::Duration;

use proptest::prelude::*;

use super::allowance::Allowances;
use crate::domain::ids::AccountId;

const OURS: AccountId = AccountId(1);
const NOW: Duration = Duration::from_secs(1_767_225_600);

fn later(ms: u64) -> Duration {
    NOW + Duration::from_millis(ms)
}

const fn ms(wait: u64) -> Result<(), Duration> {
    Err(Duration::from_millis(wait))
}

#[test]
fn without_a_limit_nobody_waits() {
    let allowances = Allowances::default();
    let ours = allowances.of(OURS);
    assert_eq!([ours.take(u32::MAX, NOW), ours.take(u32::MAX, NOW)], [Ok(()), Ok(())]);
}

#[test]
fn a_seconds_worth_goes_at_once_and_the_rest_at_the_rate() {
    let allowances = Allowances::default();
    let ours = allowances.of(OURS);
    allowances.set(OURS, Some(100));
    assert_eq!(ours.take(100, NOW), Ok(()));
    assert_eq!(ours.take(1, NOW), Ok(()), "nothing more than a second's worth was open");
    assert_eq!(ours.take(1, NOW), ms(10));
    assert_eq!(ours.take(1, later(9)), ms(1), "and none was taken");
    assert_eq!(ours.take(50, later(10)), Ok(()));
    assert_eq!(ours.take(1, later(10)), ms(500));
    assert_eq!(ours.take(1, later(510)), Ok(()));
    assert_eq!(ours.take(200, later(100_000)), Ok(()), "what was not used is not saved up");
    assert_eq!(ours.take(1, later(100_000)), ms(1000));
    assert_eq!(allowances.of(AccountId(2)).take(1_000_000, NOW), Ok(()), "an account of its own");
}

#[test]
fn another_limit_begins_anew() {
    let allowances = Allowances::default();
    let ours = allowances.of(OURS);
    allowances.set(OURS, Some(1));
    assert_eq!(ours.take(500, NOW), Ok(()));
    assert_eq!(ours.take(1, NOW), ms(499_000));
    allowances.set(OURS, Some(1));
    assert_eq!(ours.take(1, NOW), ms(499_000), "the same is no other");
    allowances.set(OURS, None);
    assert_eq!(ours.take(u32::MAX, NOW), Ok(()));
    allowances.set(OURS, Some(100));
    assert_eq!(
        [ours.take(100, NOW), ours.take(1, NOW), ours.take(1, NOW)],
        [Ok(()), Ok(()), ms(10)]
    );
}

proptest! {
    /// Whoever waits as told has handed over no more than the rate, a second's worth and one frame by any moment, and
    /// is let through then.
    #[test]
    fn no_more_than_the_rate_goes_by(
        per_s in 1..100_000_u32,
        frames in prop::collection::vec((0..4096_u32, 0..2000_u64), 1..60),
    ) {
        let allowances = Allowances::default();
        allowances.set(OURS, Some(per_s));
        let ours = allowances.of(OURS);
        let (mut now_ms, mut sum) = (0_u64, 0_u64);
        for (records, pause_ms) in frames {
            now_ms += pause_ms;
            if let Err(wait) = ours.take(records, later(now_ms)) {
                now_ms += u64::try_from(wait.as_millis()).unwrap() + 1;
                prop_assert_eq!(ours.take(records, later(now_ms)), Ok(()));
            }
            // Each frame may be rounded by a record.
            let allowed = (now_ms + 1000) * u64::from(per_s) / 1000 + 60;
            prop_assert!(sum <= allowed, "{} of {}", sum, allowed);
            sum += u64::from(records);
        }
    }
}
