//! Evaluation of whole data sets beside the plain baseline, one thread each, in one run; with exact answers.
//!
//! `cargo bench --bench ratios -- [w1 w2 w3 real]`. Prints a row per set: build time, index bytes, pings a second
//! of both and their ratio, and the counts, which must be equal. `real` is run over and over, with the table
//! of devices kept, so that a pass of 28,356 pings can be timed.
#![expect(clippy::cast_precision_loss, reason = "rates for people")]

#[path = "support/mod.rs"]
mod support;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use geofenced::engine::raw::RawEngine;
use geofenced::offline::raw::{RawIndex, RawRun, run_raw};
use support::baseline::{Baseline, Counts};
use support::sets::{NAMES, Set, read};

/// The time this thread has had on a processor, so that a busy machine does not count; the time of day where
/// the system does not tell.
fn now() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ran = told.and_then(|line| line.split(' ').next()?.parse().ok());
    ran.map_or_else(since_start, Duration::from_nanos)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has no clock of its own")]
fn since_start() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for name in NAMES {
        if asked.is_empty() || asked.iter().any(|arg| arg == name) {
            match read(name, usize::MAX) {
                Ok(set) => measure(&set),
                Err(why) => println!("{name}: left out: {why}"),
            }
        }
    }
}

fn measure(set: &Set) {
    let started = now();
    let index =
        RawIndex::build(set.targets.iter().map(|(id, shape)| (*id, shape))).expect("builds");
    let build = now().saturating_sub(started);
    let view = index.view().expect("reads");
    let passes = PINGS_A_RUN.div_ceil(set.pings.len().max(1));
    let run = RawRun { shards: 1, batch: 64, keep: false };
    let one = || run_raw(view, &set.pings, run, now, |_| ()).counts;
    let ours = best_of(5, || (0..passes).fold(0, |hits, _| hits ^ one().hits));
    let counts = one();
    let mut engine = RawEngine::new(200_000);
    engine.step(&view, &set.pings);
    let warm = best_of(5, || {
        let batches = (0..passes).flat_map(|_| set.pings.chunks(64));
        batches.map(|batch| engine.step(&view, batch).len()).sum::<usize>()
    });
    let pings = (set.pings.len() * passes) as f64;
    let rate = |time: Duration| pings / time.as_secs_f64();
    println!("{}: index {} MB, built in {build:.2?}", set.name, index.len_bytes() >> 20);
    println!("  hits {} enters {} exits {}", counts.hits, counts.enters, counts.exits);
    println!("  ours {:.0} pings/s, warm {:.0} pings/s", rate(ours), rate(warm));
    if std::env::var_os("NO_BASELINE").is_none() {
        let found = baseline(set, passes, rate(ours));
        assert_eq!(found, [counts.hits, counts.enters, counts.exits], "the baseline agrees");
    }
}

/// Small sets are run over and over, each time from an empty table of devices.
const PINGS_A_RUN: usize = 5_000_000;

fn baseline(set: &Set, passes: usize, ours: f64) -> Counts {
    let mut baseline = Baseline::new(&set.targets);
    let mut counts = [0; 3];
    let mut changes = Vec::new();
    let passes = passes.min(20);
    let started = now();
    for _ in 0..passes {
        (baseline, counts) = (baseline.forgetful(), [0; 3]);
        for ping in &set.pings {
            baseline.step(ping.device, ping.at, &mut changes, &mut counts);
            std::hint::black_box(&changes);
        }
    }
    let time = now().saturating_sub(started);
    let theirs = (set.pings.len() * passes) as f64 / time.as_secs_f64();
    println!("  baseline {theirs:.0} pings/s; ratio {:.1}", ours / theirs);
    counts
}

fn best_of<T>(times: usize, mut work: impl FnMut() -> T) -> Duration {
    let one = |_| {
        let started = now();
        std::hint::black_box(work());
        now().saturating_sub(started)
    };
    (0..times).map(one).min().unwrap_or_default()
}
