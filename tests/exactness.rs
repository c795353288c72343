//! P4 on real input: raw evaluation gives exactly the reference's hits, enters and exits, whatever the
//! shards and batches. The sets are beside the project and not part of it; where one is absent, the test says
//! so and passes.

#[path = "../benches/support/sets.rs"]
#[allow(dead_code, reason = "the benchmarks use the rest")]
mod sets;

use std::path::Path;
use std::time::Duration;

use geofenced::engine::raw::RawCounts;
use geofenced::offline::raw::{RawIndex, RawRun, run_raw};
use serde_json::Value;

/// Shards and batches that must not matter.
const RUNS: [(usize, usize); 4] = [(1, 1000), (1, 1), (2, 64), (7, 64)];

fn reference(name: &str, span: &str) -> Option<[u64; 3]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/reference.json");
    let text = std::fs::read(path).ok()?;
    let all: Value = serde_json::from_slice(&text).expect("the reference is JSON");
    let answers = &all["sets"][name][span];
    Some(["hits", "enters", "exits"].map(|key| answers[key].as_u64().expect("a count")))
}

fn check(name: &'static str, limit: usize, span: &str) {
    let (Some([hits, enters, exits]), Ok(set)) = (reference(name, span), sets::read(name, limit))
    else {
        println!("{name}: left out, the data set is not here");
        return;
    };
    let targets = set.targets.iter().map(|(id, shape)| (*id, shape));
    let index = RawIndex::build(targets).expect("the fences can be indexed");
    let expected = RawCounts { pings: set.pings.len() as u64, hits, enters, exits };
    let mut first = None;
    for (shards, batch) in RUNS {
        let run = RawRun { shards, batch, keep: true };
        let view = index.view().expect("the index reads");
        let figures = run_raw(view, &set.pings, run, || Duration::ZERO, |_| ());
        assert_eq!(figures.counts, expected, "{name} with {shards} shards, batches of {batch}");
        let listed: Vec<_> = figures
            .transitions
            .iter()
            .map(|(ping, row)| (*ping, row.target, row.entered))
            .collect();
        assert_eq!(listed.len() as u64, enters + exits);
        assert!(
            *first.get_or_insert_with(|| listed.clone()) == listed,
            "{name}: other transitions"
        );
    }
}

#[test]
fn real_pings_on_real_fences() {
    check("real", usize::MAX, "all_pings");
}

#[test]
fn the_first_pings_of_seoul() {
    check("w1", 200_000, "first_200000_pings");
}
