//! The clock against hands moved by the test: corrections, steps either way, restarts, torn readings.

use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::{Clock, OsClock, STEP_LIMIT_MS};
use crate::domain::units::UtcMs;

const START: UtcMs = UtcMs(1_700_000_000_000);

#[test]
fn time_runs_with_both_clocks() {
    let (clock, hands) = Clock::manual(START);
    assert_eq!(clock.now(), START);
    hands.advance_ms(1500);
    assert_eq!(clock.now(), START + 1500);
    assert_eq!(clock.monotonic_ns(), 1_500_000_000);
    assert_eq!(clock.stepped(), None);
}

#[test]
fn a_correction_forward_is_followed() {
    let (clock, hands) = Clock::manual(START);
    hands.step_ms(STEP_LIMIT_MS);
    assert_eq!(clock.now(), START + STEP_LIMIT_MS);
    assert_eq!(clock.stepped(), None);
}

#[test]
fn a_correction_back_makes_time_stand_still_until_caught_up() {
    let (clock, hands) = Clock::manual(START);
    assert_eq!(clock.now(), START);
    hands.step_ms(-2000);
    assert_eq!(clock.now(), START);
    hands.advance_ms(1999);
    assert_eq!(clock.now(), START);
    hands.advance_ms(2);
    assert_eq!(clock.now(), START + 1);
    assert_eq!(clock.stepped(), None);
}

#[test]
fn corrections_may_add_up_beyond_the_limit_of_one() {
    let (clock, hands) = Clock::manual(START);
    for _ in 0..3 {
        hands.step_ms(STEP_LIMIT_MS);
        let _ = clock.now();
    }
    assert_eq!(clock.stepped(), None);
    assert_eq!(clock.now(), START + 3 * STEP_LIMIT_MS);
}

#[test]
fn a_step_forward_waits_for_acceptance_and_time_runs_on_meanwhile() {
    let (clock, hands) = Clock::manual(START);
    hands.step_ms(STEP_LIMIT_MS + 1);
    assert_eq!(clock.now(), START);
    assert_eq!(clock.stepped(), Some(STEP_LIMIT_MS + 1));
    hands.advance_ms(10);
    assert_eq!(clock.now(), START + 10);

    assert_eq!(clock.clone().accept_step(), Some(STEP_LIMIT_MS + 1));
    assert_eq!(clock.stepped(), None);
    assert_eq!(clock.now(), START + 10 + STEP_LIMIT_MS + 1);
    assert_eq!(clock.accept_step(), None);
}

#[test]
fn an_accepted_step_back_never_takes_time_back() {
    let (clock, hands) = Clock::manual(START);
    assert_eq!(clock.now(), START);
    hands.step_ms(-3_600_000);
    assert_eq!(clock.now(), START);
    assert_eq!(clock.stepped(), Some(-3_600_000));
    assert_eq!(clock.accept_step(), Some(-3_600_000));
    hands.advance_ms(1000);
    assert_eq!(clock.now(), START);
    hands.advance_ms(3_600_000);
    assert_eq!(clock.now(), START + 1000);
}

#[test]
fn a_step_that_is_taken_back_still_waits_for_the_operator() {
    let (clock, hands) = Clock::manual(START);
    hands.step_ms(3_600_000);
    let _ = clock.now();
    hands.step_ms(-3_600_000);
    let _ = clock.now();
    assert_eq!(clock.stepped(), Some(3_600_000));
    assert!(clock.accept_step().is_some());
    assert_eq!(clock.now(), START);
}

#[test]
fn a_restart_starts_no_earlier_than_its_floor() {
    let (_, hands) = Clock::manual(START);
    let clock = Clock::start_on(START + 5000, hands.clone());
    assert_eq!(clock.now(), START + 5000);
    assert_eq!(clock.stepped(), None, "5 s behind is a correction");
    hands.advance_ms(6000);
    assert_eq!(clock.now(), START + 6000);
}

#[test]
fn a_restart_far_behind_its_floor_is_a_step() {
    let (_, hands) = Clock::manual(START);
    let floor = START + STEP_LIMIT_MS + 1;
    let clock = Clock::start_on(floor, hands.clone());
    assert_eq!(clock.stepped(), Some(-STEP_LIMIT_MS - 1));
    hands.advance_ms(10);
    assert_eq!(clock.now(), floor + 10, "time runs on from the floor meanwhile");
}

/// Sleeps for an hour between the first two reads, as a suspended thread does.
struct Torn {
    reads: AtomicU64,
}

impl OsClock for Torn {
    fn system_ms(&self) -> i64 {
        START.0 + i64::try_from(self.monotonic_ns() / 1_000_000).unwrap()
    }

    fn monotonic_ns(&self) -> u64 {
        let reads = self.reads.fetch_add(1, Ordering::SeqCst);
        if reads < 10 { 0 } else { 3_600_000_000_000 }
    }
}

#[test]
fn a_reading_torn_by_the_scheduler_is_no_step() {
    for already in 0..12 {
        let clock = Clock::start_on(UtcMs::MIN, Torn { reads: AtomicU64::new(already) });
        for _ in 0..6 {
            let _ = clock.now();
        }
        assert_eq!(clock.stepped(), None, "{already} reads before the pause");
        assert_eq!(clock.now(), START + 3_600_000);
    }
}

#[test]
fn threads_never_see_time_go_back() {
    let (clock, hands) = Clock::manual(START);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = clock.now();
                for _ in 0..2000 {
                    let now = clock.now();
                    assert!(now >= last);
                    last = now;
                }
            });
        }
        for round in 0..2000_i64 {
            hands.advance_ms(1);
            hands.step_ms(if round % 2 == 0 { -3 } else { 3 });
        }
    });
    assert_eq!(clock.stepped(), None);
}

#[test]
fn the_machines_own_clocks_run() {
    let clock = Clock::start(UtcMs::MIN);
    let first = clock.now();
    assert!(first > START);
    let started_ns = clock.monotonic_ns();
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert!(clock.now() >= first + 4);
    assert!(clock.monotonic_ns() >= started_ns + 5_000_000);
}
