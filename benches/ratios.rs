//! Evaluation of whole data sets beside the plain baseline, one thread each, in one run; with exact answers.
//!
//! `cargo bench --bench ratios -- [w1 w2 w3 real]`. Prints a row per set: build time, index bytes, pings a second
//! of both and their ratio, and the counts, which must be equal. `real` is run over and over, with the table
//! of devices kept, so that a pass of 28,356 pings can be timed.
#![expect(clippy::cast_precision_loss, reason = "rates for people")]

#[path = "support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use geofenced::engine::raw::RawEngine;
use geofenced::offline::raw::{RawIndex, RawRun, run_raw};
use support::baseline::Baseline;
use support::sets::{NAMES, Set, read};

#[expect(clippy::disallowed_methods, reason = "a benchmark has no clock of its own")]
fn now() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
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
    let build = now() - started;
    let view = index.view().expect("reads");
    let run = RawRun { shards: 1, batch: 64, keep: false };
    let runs: Vec<_> = (0..5).map(|_| run_raw(view, &set.pings, run, now, |_| ())).collect();
    let best = runs.iter().map(|run| run.evaluate).min().unwrap_or_default();
    let counts = runs[0].counts;
    println!(
        "{}: build {build:.2?}, {} MB; hits {} enters {} exits {}",
        set.name,
        index.len_bytes() >> 20,
        counts.hits,
        counts.enters,
        counts.exits
    );
    let mut engine = RawEngine::new(200_000);
    engine.step(&view, &set.pings);
    let warm = best_of(5, || {
        set.pings.chunks(64).map(|batch| engine.step(&view, batch).len()).sum::<usize>()
    });
    let pings = set.pings.len() as f64;
    let rate = |time: Duration| pings / time.as_secs_f64();
    println!("  ours {:.0}/s, warm {:.0}/s", rate(best), rate(warm));
    if std::env::var_os("NO_BASELINE").is_some() {
        return;
    }
    let baseline_counts = baseline(set, rate(best));
    assert_eq!(baseline_counts, [counts.hits, counts.enters, counts.exits], "the baseline agrees");
}

fn baseline(set: &Set, ours: f64) -> [u64; 3] {
    let mut baseline = Baseline::new(&set.targets);
    let mut changes = Vec::new();
    let mut counts = [0; 3];
    let started = now();
    for ping in &set.pings {
        baseline.step(ping.device, ping.at, &mut changes, &mut counts);
        std::hint::black_box(&changes);
    }
    let theirs = set.pings.len() as f64 / (now() - started).as_secs_f64();
    println!("  baseline {theirs:.0}/s; ratio {:.1}", ours / theirs);
    counts
}

fn best_of<T>(times: usize, mut work: impl FnMut() -> T) -> Duration {
    let one = |_| {
        let started = now();
        std::hint::black_box(work());
        now() - started
    };
    (0..times).map(one).min().unwrap_or_default()
}
