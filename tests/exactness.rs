//! P4 on real input: raw evaluation gives exactly the reference's hits, enters and exits, whatever the
//! shards and batches. The sets are beside the project and not part of it; where one is absent, the test says
//! so and passes.

#[path = "../benches/support/sets.rs"]
#[allow(dead_code, reason = "the benchmarks use the rest")]
mod sets;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use geofenced::engine::raw::RawCounts;
use geofenced::offline::raw::{RawIndex, RawRun, run_raw};
use serde_json::Value;

/// Shards and batches, which must not matter.
const SHARDS: [usize; 3] = [1, 2, 7];
const BATCHES: [usize; 3] = [1, 64, 1000];

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
    for (shards, batch) in SHARDS.into_iter().flat_map(|n| BATCHES.map(|batch| (n, batch))) {
        let run = RawRun { shards, batch, keep: true };
        let view = index.view().expect("the index reads");
        let figures = run_raw(view, &set.pings, run, || Duration::ZERO, |_| ());
        assert_eq!(figures.counts, expected, "{name} with {shards} shards, batches of {batch}");
        assert_eq!(figures.transitions.len() as u64, enters + exits);
        let listed = figures.transitions.iter().map(|(ping, row)| (*ping, row.target, row.entered));
        let mut hash = DefaultHasher::new();
        listed.for_each(|row| row.hash(&mut hash));
        let digest = hash.finish();
        assert_eq!(*first.get_or_insert(digest), digest, "{name}: other transitions");
    }
    println!("{name}: {expected:?}, the same with {SHARDS:?} shards and batches of {BATCHES:?}");
}

#[test]
fn real_pings_on_real_fences() {
    check("real", usize::MAX, "all_pings");
}

#[test]
fn the_first_pings_of_seoul() {
    check("w1", 200_000, "first_200000_pings");
}

#[test]
fn the_first_pings_of_korea() {
    check("w2", 200_000, "first_200000_pings");
}

#[test]
#[ignore = "minutes and gigabytes: `make exactness`"]
fn every_ping_of_every_made_up_set() {
    ["w1", "w2", "w3"].into_iter().for_each(|name| check(name, usize::MAX, "all_pings"));
}
