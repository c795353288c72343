//! Footfalls are summed by day, within their bounds, and forgotten in time; a store from before them opens.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use tempfile::tempdir;

use super::classes::RetentionConfig;
use super::footfalls::{FootfallBatch, FootfallCounter};
use super::pad::Pad;
use super::rows::{Count, Row};
use super::store::Figures;
use super::tables::{Sheet, Tables};
use crate::domain::footfall::{Footfall, FootfallAt};
use crate::domain::ids::{AccountId, TargetId};
use crate::outbox::samples::*;
use crate::outbox::{Outbox, OutboxConfig};

const CACHE_BYTES: u64 = 1 << 20;

/// A world whose figures are closed and opened again.
struct Bench {
    dir: tempfile::TempDir,
    world: World,
    config: OutboxConfig,
}

impl Bench {
    fn new(config: OutboxConfig) -> Self {
        Self { dir: tempdir().expect("a folder"), world: World::new(), config }
    }

    fn open(&self) -> (Outbox, Figures) {
        let outbox = self.world.open(&self.dir.path().join("outbox"), self.config.clone());
        let path = self.dir.path().join("figures");
        let sealer = keyring().sealer();
        let figures =
            Figures::follow(&path, CACHE_BYTES, &outbox, sealer, RetentionConfig::default())
                .expect("a sound store");
        (outbox, figures)
    }

    /// Hands batches in, in a run of their own.
    fn told(&self, batches: Vec<FootfallBatch>) -> Figures {
        let (outbox, figures) = self.open();
        for batch in batches {
            figures.post().hand_in(batch).expect("there is room");
        }
        outbox.close().expect("written");
        figures.close();
        assert!(!figures.shown().failed.load(Ordering::Relaxed));
        figures
    }
}

fn at(account: u32, target: u32, enters: u32) -> FootfallAt {
    let mut footfall = Footfall { enters, ..Footfall::default() };
    footfall.note_accuracy(20);
    ((AccountId(account), TargetId(target)), footfall)
}

fn batch(day: i32, counts: Vec<FootfallAt>) -> FootfallBatch {
    FootfallBatch { day, counts, overlooked: 0 }
}

/// Enters by target.
fn enters(figures: &Figures, day: i32, account: u32) -> BTreeMap<u32, u32> {
    let mut enters = BTreeMap::new();
    let each = |target: TargetId, footfall: &Footfall| {
        assert!(enters.insert(target.0, footfall.enters).is_none(), "each target once");
    };
    figures.footfalls(day, AccountId(account), each).expect("readable");
    enters
}

fn days(figures: &Figures, account: u32) -> BTreeMap<i32, bool> {
    figures.footfall_days(AccountId(account)).expect("readable")
}

#[test]
fn a_row_reads_as_it_was_written_and_no_other() {
    let mut row =
        Footfall { enters: 1, exits: 2, returns: 3, too_coarse: u32::MAX, ..at(1, 1, 0).1 };
    row.note_accuracy(u16::MAX);
    let bytes = row.to_bytes();
    assert_eq!(Footfall::from_bytes(&bytes), Some(row));
    assert_eq!(Footfall::from_bytes(&bytes[1..]), None);
    assert_eq!(Footfall::from_bytes(&bytes[4..]), None);
    assert_eq!(Footfall::from_bytes(&[&bytes[..], &[0; 4]].concat()), None);
}

#[test]
fn targets_have_their_turn_where_there_is_always_more_to_count() {
    let dir = tempdir().expect("a folder");
    let tables = Tables::open(dir.path(), CACHE_BYTES).expect("it is new");
    let (post, mut counter) = FootfallCounter::new(&OutboxConfig::default());
    let mut pad = Pad::new(&tables);
    for member in 0..50_000u32 {
        pad.put(Sheet::Seen, member.to_be_bytes().to_vec(), &Count { count: 1 });
    }
    post.hand_in(batch(1, vec![at(1, 2, 3)])).expect("there is room");
    assert!(counter.count(&mut pad).expect("readable"));
    assert_eq!(pad.len(), 50_000 + 3, "the target, its account's day and everybody's");
    assert!(!counter.count(&mut pad).expect("readable"), "that was all");
}

#[test]
fn a_store_from_before_there_were_footfalls_opens() {
    let bench = Bench::new(OutboxConfig::default());
    {
        let before =
            fjall::Database::builder(bench.dir.path().join("figures")).open().expect("new");
        for name in ["marks", "reach", "seen"] {
            let sheet = before.keyspace(name, fjall::KeyspaceCreateOptions::default).expect("new");
            if name == "marks" {
                sheet.insert(b"format", 1u32.to_be_bytes()).expect("written");
            }
        }
        before.persist(fjall::PersistMode::SyncAll).expect("written");
    }
    let figures = bench.told(vec![batch(100, vec![at(1, 7, 2)])]);
    assert_eq!(enters(&figures, 100, 1), BTreeMap::from([(7, 2)]));
}

#[test]
fn batches_add_up_by_day_account_and_target_over_a_restart() {
    let bench = Bench::new(OutboxConfig::default());
    let both = || vec![at(1, 7, 2), at(2, 7, 5)];
    bench.told(vec![batch(100, both()), batch(100, vec![at(1, 8, 1)]), batch(101, both())]);
    let figures = bench.told(vec![batch(101, vec![at(1, 7, 40)]), batch(102, Vec::new())]);
    assert_eq!(enters(&figures, 100, 1), BTreeMap::from([(7, 2), (8, 1)]));
    assert_eq!(enters(&figures, 101, 1), BTreeMap::from([(7, 42)]));
    assert_eq!(enters(&figures, 101, 2), BTreeMap::from([(7, 5)]));
    assert_eq!(enters(&figures, 102, 1), BTreeMap::new());
    let whole = BTreeMap::from([(100, true), (101, true), (102, true)]);
    assert_eq!((days(&figures, 1), days(&figures, 3)), (whole.clone(), whole));
}

#[test]
fn what_has_no_room_is_told_of_the_day_and_the_account() {
    let config = OutboxConfig { footfall_targets: 2, ..OutboxConfig::default() };
    let bench = Bench::new(config);
    let three = || vec![at(1, 1, 1), at(1, 2, 1), at(1, 3, 1), at(2, 1, 1), at(2, 2, 1)];
    let figures = bench.told(vec![batch(100, three()), batch(101, vec![at(1, 3, 1)])]);
    assert_eq!(enters(&figures, 100, 1), BTreeMap::from([(1, 1), (2, 1)]));
    assert_eq!(days(&figures, 1), BTreeMap::from([(100, false), (101, true)]));
    assert_eq!(days(&figures, 2), BTreeMap::from([(100, true), (101, true)]));
    drop(figures);
    // The bound holds over batches and restarts, and what has its row is counted on.
    let figures = bench.told(vec![batch(100, three()), batch(101, vec![at(1, 1, 1), at(1, 2, 1)])]);
    assert_eq!(enters(&figures, 100, 1), BTreeMap::from([(1, 2), (2, 2)]));
    assert_eq!(enters(&figures, 101, 1), BTreeMap::from([(1, 1), (3, 1)]));
    drop(figures);
    // What a shard had no room for may be anybody's.
    let figures = bench.told(vec![FootfallBatch { day: 102, overlooked: 1, ..Default::default() }]);
    assert_eq!((days(&figures, 2)[&101], days(&figures, 2)[&102]), (true, false));
}

#[test]
fn days_are_forgotten_when_they_are_no_longer_kept() {
    let config = OutboxConfig { footfall_days: 9, ..OutboxConfig::default() };
    let bench = Bench::new(config);
    let some = |day| batch(day, vec![at(1, 1, 1), at(2, 9, 1)]);
    let figures = bench.told(vec![some(100), some(101), some(108)]);
    assert_eq!(days(&figures, 1).into_keys().collect::<Vec<_>>(), [100, 101, 108]);
    drop(figures);
    let figures = bench.told(vec![some(109)]);
    assert_eq!(days(&figures, 1).into_keys().collect::<Vec<_>>(), [101, 108, 109]);
    assert_eq!(enters(&figures, 100, 1), BTreeMap::new());
    assert_eq!(enters(&figures, 101, 2), BTreeMap::from([(9, 1)]));
}

#[test]
fn shards_keep_what_nobody_takes_and_go_on_when_nobody_will() {
    let bench = Bench::new(OutboxConfig::default());
    let (outbox, figures) = bench.open();
    outbox.close().expect("written");
    figures.close();
    assert_eq!(figures.post().hand_in(batch(1, Vec::new())), Ok(()), "it has ended");
}

#[test]
fn bounds_are_held_to_their_ranges() {
    let with = |days, targets| OutboxConfig {
        footfall_days: days,
        footfall_targets: targets,
        ..OutboxConfig::default()
    };
    for (days, targets) in [(9, 1000), (400, 100_000_000)] {
        assert!(!with(days, targets).check().has("footfall_days"));
        assert!(!with(days, targets).check().has("footfall_targets"));
    }
    for (days, targets) in [(8, 999), (401, 100_000_001)] {
        assert!(with(days, targets).check().has("footfall_days"), "{days}");
        assert!(with(days, targets).check().has("footfall_targets"), "{targets}");
    }
}
