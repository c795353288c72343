//! One counts, and others have what was counted before.

use crossbeam::channel::bounded;

use super::audience::{Apps, Audiences};
use crate::domain::ids::{AccountId, AppId};
use crate::domain::units::UtcMs;

/// A number is counted anew from this age on, ms.
const FRESH_MS: i64 = 600_000;

fn apps() -> Apps {
    (AccountId(1), vec![AppId(3)])
}

fn never() -> Result<u64, crate::outbox::derived::FiguresError> {
    panic!("it is not counted")
}

#[test]
fn who_asks_gets_what_is_known_while_one_counts_anew() {
    let audiences = Audiences::default();
    assert_eq!(audiences.of(apps(), UtcMs(0), || Ok(5)).unwrap(), 5);
    assert_eq!(audiences.of(apps(), UtcMs(FRESH_MS - 1), never).unwrap(), 5);
    let (go_on, waits) = bounded::<()>(0);
    let slow = move || {
        waits.recv().expect("the test goes on");
        Ok(8)
    };
    assert_eq!(audiences.of(apps(), UtcMs(FRESH_MS), slow).unwrap(), 5);
    assert_eq!(audiences.of(apps(), UtcMs(FRESH_MS + 1), never).unwrap(), 5, "one counts");
    go_on.send(()).expect("it waits");
    while audiences.of(apps(), UtcMs(FRESH_MS + 2), never).unwrap() == 5 {
        std::thread::yield_now();
    }
    assert_eq!(audiences.of(apps(), UtcMs(2 * FRESH_MS - 1), never).unwrap(), 8);
    // Other apps have users of their own.
    let others = (AccountId(2), vec![AppId(3)]);
    assert_eq!(audiences.of(others, UtcMs(FRESH_MS), || Ok(1)).unwrap(), 1);
}

#[test]
fn a_count_that_came_to_nothing_is_made_again_later() {
    let audiences = Audiences::default();
    audiences.of(apps(), UtcMs(0), || Ok(5)).unwrap();
    let (ended, done) = bounded::<()>(0);
    let lost = move || {
        drop(ended);
        panic!("as a fault would")
    };
    audiences.of(apps(), UtcMs(FRESH_MS), lost).unwrap();
    done.recv().expect_err("it has come to nothing");
    assert_eq!(audiences.of(apps(), UtcMs(2 * FRESH_MS - 1), never).unwrap(), 5);
    audiences.of(apps(), UtcMs(2 * FRESH_MS), || Ok(7)).unwrap();
    while audiences.of(apps(), UtcMs(2 * FRESH_MS), never).unwrap() == 5 {
        std::thread::yield_now();
    }
}
