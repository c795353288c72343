//! Runs by seed. `GEOFENCED_SEEDS` sets how many, `GEOFENCED_FIRST_SEED` where they begin, `GEOFENCED_SEED` runs one
//! alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::course::Course;
use super::tally::Tally;

/// Seeds where nobody asks for more.
const SEEDS: u64 = 300;

/// A number that the environment may set.
pub(super) fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value}, which is no number")))
}

/// Runs a seed; what goes wrong says which.
fn seeded(seed: u64) -> Tally {
    let run = AssertUnwindSafe(|| Course::new(seed).run().0);
    catch_unwind(run).unwrap_or_else(|_| {
        panic!("seed {seed} fails: GEOFENCED_SEED={seed} cargo test --lib promises_hold replays it")
    })
}

/// Runs this part of all seeds.
fn run_part(part: u64, parts: u64) {
    if let Some(seed) = setting("GEOFENCED_SEED") {
        println!("{:#?}", seeded(seed));
        return;
    }
    let seeds = setting("GEOFENCED_SEEDS").unwrap_or(SEEDS);
    let first = setting("GEOFENCED_FIRST_SEED").unwrap_or(1);
    let mine = (first..first + seeds).filter(|seed| seed % parts == part);
    let tally: Tally = mine.map(seeded).sum();
    println!("{} seeds from {first}: {tally:#?}", seeds / parts);
    // A run that meets nothing shows nothing. Lots of any 50 seeds meet all of it many times over.
    let met = [
        tally.acked,
        tally.resent,
        tally.jobs,
        tally.limited_jobs,
        tally.kills,
        tally.power_losses,
        tally.drains,
        tally.failed_starts,
        tally.failures,
        tally.publications,
        tally.clock_steps,
        tally.damaged_checkpoints,
        tally.trimmed_bytes,
        tally.handed_again,
        tally.expired,
    ];
    assert!(seeds / parts < 50 || met.iter().all(|times| *times > 0), "{tally:#?}");
}

// In two, for two processors.
#[test]
fn promises_hold_whatever_goes_wrong() {
    run_part(0, 2);
}

#[test]
fn promises_hold_whatever_else_goes_wrong() {
    run_part(1, 2);
}

#[test]
fn a_seed_is_one_run_to_the_last_byte() {
    for seed in 1..=6 {
        // Threads keep lots of their own; none may matter.
        let run = move || std::thread::spawn(move || Course::new(seed).run()).join();
        let (first, second) = (run().expect("it holds"), run().expect("it holds"));
        assert_eq!(first, second, "seed {seed}");
        assert_ne!(first.1, Course::new(seed + 100).run().1, "another seed is another run");
    }
}
