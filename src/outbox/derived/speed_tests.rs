//! How long a look-up of visits takes where many are kept.

use std::collections::HashMap;
use std::time::Duration;

use tempfile::tempdir;

use super::figures_tests::follow;
use super::rows::{Row as _, Visit, of_visit};
use super::tables::Sheet;
use crate::clock::process_ns;
use crate::domain::ids::{AccountId, PlaceId};
use crate::domain::units::{DAY_MS, UtcMs};
use crate::journal::sim_disk::Random;
use crate::outbox::OutboxConfig;
use crate::outbox::samples::World;

const VISITS: u64 = 50_000_000;
const STORES: u64 = 5_000;
const DEVICES: u64 = 2_000_000;
const DAYS: i64 = 210;
/// The end of the days.
const NOW: UtcMs = UtcMs(1_795_489_200_000);

fn since(begun_ns: u64) -> Duration {
    Duration::from_nanos(process_ns() - begun_ns)
}

/// docs/benchmarks.md has what came of it.
#[tokio::test]
#[ignore = "a measurement: 50 million visits, some minutes"]
async fn how_long_a_segment_takes_over_many_visits() {
    let (dir, counts) = (tempdir().unwrap(), tempdir().unwrap());
    let world = World::new();
    let outbox = world.open(dir.path(), OutboxConfig::default());
    let figures = follow(counts.path(), &outbox);
    let sheet = figures.tables.keyspace(Sheet::Visits);
    let mut lots = Random(7);
    let begun_ns = process_ns();
    let begin = NOW.0 - DAYS * DAY_MS;
    // As they come: in the order of time, at any store, by any device.
    for number in 0..VISITS {
        let share = i64::try_from(number).unwrap();
        let at = UtcMs(begin + share * (DAYS * DAY_MS) / i64::try_from(VISITS).unwrap());
        let place = PlaceId(u32::try_from(lots.below(STORES)).unwrap());
        let member = lots.below(DEVICES).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let left_at = Some(at.plus_s(900));
        let visit = Visit { entered_at: at, left_at, revision: 2, confidence_pct: 80 };
        sheet.insert(of_visit(AccountId(1), place, at, member), visit.to_bytes()).unwrap();
    }
    println!(
        "{VISITS} visits of {DEVICES} devices at {STORES} stores in {DAYS} days, written in {:?}",
        since(begun_ns)
    );
    for stores in [50, 500, 5_000_u32] {
        let begun_ns = process_ns();
        let (mut rows, mut visits) = (0_u64, HashMap::<u64, u32>::new());
        for place in (0..stores).map(PlaceId) {
            let span = (UtcMs(NOW.0 - 90 * DAY_MS), NOW);
            let note = |device: u64, _: &Visit| {
                rows += 1;
                *visits.entry(device).or_default() += 1;
            };
            figures.visits((AccountId(1), place), span, note).unwrap();
        }
        let often = visits.values().filter(|count| **count >= 2).count();
        println!(
            "{stores} stores over 90 days: {rows} visits, {often} devices with two or more, {:?}",
            since(begun_ns)
        );
        assert!(often > 0);
    }
    outbox.close().unwrap();
    figures.close();
}
