//! Runs by seed. `GEOFENCED_SEEDS` sets how many (default 200), `GEOFENCED_SEED` runs one alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::course::{Course, Tally};

/// Seeds of a run of all tests.
const SEEDS: u64 = 200;

/// A number that the environment may set.
pub(super) fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value}, which is no number")))
}

/// Runs a seed; what goes wrong says which.
pub(super) fn seeded<T>(seed: u64, run: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| panic!("seed {seed} fails; GEOFENCED_SEED={seed} replays it alone"))
}

/// Runs all seeds from `first` on, two at a time; each run has one thread.
fn run_all(first: u64, seeds: u64) -> Tally {
    if let Some(seed) = setting("GEOFENCED_SEED") {
        return seeded(seed, || Course::new(seed).run().0);
    }
    (first..first + seeds).map(|seed| seeded(seed, || Course::new(seed).run().0)).sum()
}

#[test]
fn promises_hold_whatever_goes_wrong() {
    let seeds = setting("GEOFENCED_SEEDS").unwrap_or(SEEDS);
    let tally = run_all(1, seeds);
    println!("{seeds} seeds: {tally:#?}");
}
