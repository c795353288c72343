//! Evaluation of whole data sets beside the plain baseline, one thread each, in one run; with exact answers.
//!
//! `cargo bench --bench ratios -- [w1 w2 w3 real]`. Prints a row per set: build time, index bytes, pings a second
//! of both and their ratio, and the counts, which must be equal. Both make the same runs, three each, of which the
//! median counts: *cold*, every pass from an empty table of devices, and *warm*, with the table kept. A small set
//! such as `real` is passed over up to a hundred times a run, so that its 28,356 pings can be timed. Then the same pings
//! go through all rules with 200 campaigns. `NO_RULES=1` and `NO_BASELINE=1` leave that, or the baseline, out.
#![expect(clippy::cast_precision_loss, reason = "rates for people")]

#[path = "support/mod.rs"]
mod support;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use geofenced::engine::raw::RawEngine;
use geofenced::offline::raw::{RawIndex, RawRun, run_raw};
use support::baseline::{Baseline, Counts};
use support::rules::Rules;
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
    let passes = PINGS_A_RUN.div_ceil(set.pings.len().max(1)).min(MAX_PASSES);
    let run = RawRun { shards: 1, batch: 64, keep: false };
    let one = || run_raw(view, &set.pings, run, now, |_| ()).counts;
    let counts = one();
    let cold = median(|| {
        for _ in 0..passes {
            std::hint::black_box(one());
        }
    });
    let mut engine = RawEngine::new(200_000);
    engine.step(&view, &set.pings);
    let warm = median(|| {
        for batch in (0..passes).flat_map(|_| set.pings.chunks(64)) {
            std::hint::black_box(engine.step(&view, batch));
        }
    });
    let rates = Rates { pings: (set.pings.len() * passes) as f64 };
    println!("{}: index {} MB, built in {build:.2?}", set.name, index.len_bytes() >> 20);
    println!("  hits {} enters {} exits {}", counts.hits, counts.enters, counts.exits);
    println!("  ours: {:.0} pings/s cold, {:.0} warm", rates.of(cold), rates.of(warm));
    if std::env::var_os("NO_RULES").is_none() {
        ruled(set, passes, &rates, cold);
    }
    if std::env::var_os("NO_BASELINE").is_none() {
        let found = baseline(set, passes, &rates, (cold, warm));
        assert_eq!(found, [counts.hits, counts.enters, counts.exits], "the baseline agrees");
    }
}

/// All rules and campaigns on the same pings beside the raw evaluation: cold, and warm, when an hour later the same
/// devices go the same ways once more, and most buckets are used.
fn ruled(set: &Set, passes: usize, rates: &Rates, raw: Duration) {
    let rules = Rules::new(set);
    let counts = rules.pass();
    let time = median(|| {
        for _ in 0..passes {
            std::hint::black_box(rules.pass());
        }
    });
    let part = raw.as_secs_f64() / time.as_secs_f64();
    println!("  all rules: {:.0} pings/s, {part:.2} of raw; {} jobs", rates.of(time), counts.jobs);
    let again = rules.pass_twice();
    let both = median(|| {
        for _ in 0..passes {
            std::hint::black_box(rules.pass_twice());
        }
    });
    let (warm, jobs) = (rates.of(both.saturating_sub(time)), again.jobs - counts.jobs);
    println!("  all rules, the second time: {warm:.0} pings/s; {jobs} jobs");
    println!("  a million devices, one fix each: {} bytes a device", rules.bytes_a_device());
}

/// Small sets are run over and over.
const PINGS_A_RUN: usize = 5_000_000;

/// But not so often that the baseline takes minutes.
const MAX_PASSES: usize = 100;

/// Pings a second.
struct Rates {
    /// Pings of a run.
    pings: f64,
}

impl Rates {
    fn of(&self, time: Duration) -> f64 {
        self.pings / time.as_secs_f64()
    }
}

/// The same runs, as often and as warm: from an empty table of devices, then with the table kept. Gives the
/// counts of a pass from an empty table.
fn baseline(set: &Set, passes: usize, rates: &Rates, ours: (Duration, Duration)) -> Counts {
    let mut matcher = Baseline::new(&set.targets);
    let mut changes = Vec::new();
    let mut pass = |matcher: &mut Baseline| {
        let mut counts = [0; 3];
        for ping in &set.pings {
            matcher.step(ping.device, ping.at, &mut changes, &mut counts);
            std::hint::black_box(&changes);
        }
        counts
    };
    let counts = pass(&mut matcher);
    let cold = median(|| {
        for _ in 0..passes {
            matcher.forget();
            pass(&mut matcher);
        }
    });
    let warm = median(|| {
        for _ in 0..passes {
            std::hint::black_box(pass(&mut matcher));
        }
    });
    println!("  baseline: {:.0} pings/s cold, {:.0} warm", rates.of(cold), rates.of(warm));
    let ratio = |theirs: Duration, ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    println!("  ratio: {:.1} cold, {:.1} warm", ratio(cold, ours.0), ratio(warm, ours.1));
    counts
}

/// Times every run is made, ours and theirs; the middle one counts.
const RUNS: usize = 3;

fn median(mut work: impl FnMut()) -> Duration {
    let mut times = [(); RUNS].map(|()| {
        let started = now();
        work();
        now().saturating_sub(started)
    });
    times.sort_unstable();
    times[RUNS / 2]
}
