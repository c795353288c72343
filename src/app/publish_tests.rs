//! Which snapshot is in force after a start, a reload and a look at the directory, with good and bad epochs.

use std::fs;
use std::sync::Arc;

use super::publish::Publisher;
use crate::admin::readiness::Readiness;
use crate::admin::snapshots::SnapshotControl;
use crate::domain::ids::Epoch;
use crate::snapshot::build::build;
use crate::snapshot::samples::{KEY, VALID_FROM, options, source};
use crate::snapshot::slot::Slot;
use crate::snapshot::store::Store;

struct Bench {
    dir: tempfile::TempDir,
    readiness: Readiness,
    publisher: Publisher,
}

impl Bench {
    /// A store with these epochs, and a publisher that has not started.
    fn with(epochs: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let readiness = Readiness::new();
        let ready = readiness.condition("snapshot", "none");
        let publisher = Publisher::new(store, Arc::new(Slot::new()), KEY, ready);
        let bench = Self { dir, readiness, publisher };
        (1..=epochs).for_each(|epoch| bench.build(epoch));
        bench
    }

    fn build(&self, epoch: u64) {
        let mut specs = source();
        specs.campaigns[0].priority = i32::try_from(epoch).unwrap();
        Store::open(self.dir.path())
            .unwrap()
            .publish(&build(&specs, options(epoch, None)).unwrap())
            .unwrap();
    }

    fn break_epoch(&self, epoch: u64) {
        fs::write(self.dir.path().join(format!("epochs/{epoch:020}")), b"nonsense").unwrap();
    }

    fn current(&self) -> Option<u64> {
        self.publisher.state().current.map(|(epoch, _)| epoch.0)
    }

    fn failure(&self) -> String {
        self.publisher.state().last_failure.unwrap_or_default()
    }
}

#[test]
fn a_start_takes_the_newest_that_loads() {
    let bench = Bench::with(4);
    bench.break_epoch(4);
    bench.break_epoch(3);
    bench.publisher.start(Epoch(0));
    assert_eq!((bench.current(), bench.readiness.is_ready()), (Some(2), true));
    assert!(bench.failure().contains("00000000000000000004"), "{}", bench.failure());
    assert_eq!(bench.publisher.outcomes(), [1, 0, 2]);
    // Polls do not try it again, nor count; a new epoch is taken.
    (0..3).for_each(|_| bench.publisher.poll());
    assert_eq!((bench.current(), bench.publisher.outcomes()), (Some(2), [1, 0, 2]));
    bench.build(5);
    bench.publisher.poll();
    assert_eq!((bench.current(), bench.failure().as_str()), (Some(5), ""));
    bench.break_epoch(6);
    bench.publisher.poll();
    assert!(bench.failure().contains("00000000000000000006"));
    fs::remove_file(bench.dir.path().join(format!("epochs/{:020}", 6))).unwrap();
    bench.publisher.poll();
    assert_eq!(bench.failure(), "", "what stood in the way is gone");
    assert_eq!(bench.publisher.outcomes(), [2, 0, 3]);
}

#[test]
fn a_start_does_not_go_behind_what_partitions_have_seen() {
    let bench = Bench::with(3);
    bench.break_epoch(3);
    bench.publisher.start(Epoch(3));
    assert_eq!((bench.current(), bench.readiness.is_ready()), (None, false));
}

#[test]
fn a_failed_epoch_is_tried_again_when_its_file_changes_or_somebody_asks() {
    let bench = Bench::with(2);
    let path = bench.dir.path().join(format!("epochs/{:020}", 2));
    let sound = fs::read(&path).unwrap();
    bench.break_epoch(2);
    bench.publisher.start(Epoch(0));
    assert_eq!(bench.current(), Some(1));
    assert!(bench.publisher.reload().is_err());
    assert_eq!(bench.publisher.outcomes(), [1, 0, 2]);
    fs::write(&path, sound).unwrap();
    let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(9);
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    bench.publisher.poll();
    assert_eq!(bench.current(), Some(2));
}

#[test]
fn a_store_that_lost_what_is_in_force_is_a_failure_that_tells() {
    let bench = Bench::with(2);
    bench.publisher.start(Epoch(0));
    let file = |epoch: u64| bench.dir.path().join(format!("epochs/{epoch:020}"));
    let sound = fs::read(file(2)).unwrap();
    fs::remove_file(file(2)).unwrap();
    (0..2).for_each(|_| bench.publisher.poll());
    assert!(bench.failure().contains("newest snapshot is 1, behind 2"), "{}", bench.failure());
    // The number is dealt again, to other content.
    let mut specs = source();
    specs.campaigns[0].priority = 77;
    let store = Store::open(bench.dir.path()).unwrap();
    store.publish(&build(&specs, options(2, None)).unwrap()).unwrap();
    assert!(bench.publisher.reload().unwrap_err().contains("dealt again"));
    assert_eq!(bench.current(), Some(2));
    fs::write(file(2), sound).unwrap();
    bench.publisher.poll();
    assert_eq!(bench.failure(), "");
}

#[test]
fn a_renewal_heals_what_it_takes_over() {
    let bench = Bench::with(1);
    bench.publisher.start(Epoch(0));
    let store = Store::open(bench.dir.path()).unwrap();
    for block in store.listing(Epoch(1)).unwrap().blocks {
        let path = bench.dir.path().join("blocks").join(block.hash.to_string());
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    bench.publisher.renew(VALID_FROM.tomorrow().unwrap()).unwrap();
    assert_eq!(bench.current(), Some(2));
    store.load(Epoch(2), None).unwrap();
}

#[test]
fn an_empty_store_is_no_failure_until_somebody_asks() {
    let bench = Bench::with(0);
    bench.publisher.start(Epoch(0));
    bench.publisher.poll();
    assert_eq!((bench.failure().as_str(), bench.publisher.outcomes()), ("", [0, 0, 0]));
    assert!(bench.publisher.reload().unwrap_err().contains("is empty"));
    assert_eq!(bench.publisher.outcomes(), [0, 0, 1]);
}

#[test]
fn another_installations_lists_are_refused_by_the_heads_alone() {
    let bench = Bench::with(1);
    let store = Store::open(bench.dir.path()).unwrap();
    let other = crate::domain::lots::InstallationKey([1; 32]);
    let foreign = crate::snapshot::build::BuildOptions { key: &other, ..options(2, None) };
    store.publish(&build(&source(), foreign).unwrap()).unwrap();
    for block in store.listing(Epoch(2)).unwrap().blocks {
        if block.kind != crate::snapshot::blocks::BlockKind::Manifest {
            fs::remove_file(bench.dir.path().join("blocks").join(block.hash.to_string())).unwrap();
        }
    }
    bench.publisher.start(Epoch(0));
    assert!(bench.failure().contains("another installation's key"), "{}", bench.failure());
}

#[test]
fn schedules_are_renewed_once_a_day() {
    let bench = Bench::with(1);
    bench.publisher.start(Epoch(0));
    bench.publisher.renew(VALID_FROM).unwrap();
    assert_eq!(bench.current(), Some(1));
    let tomorrow = VALID_FROM.tomorrow().unwrap();
    bench.publisher.renew(tomorrow).unwrap();
    bench.publisher.renew(tomorrow).unwrap();
    assert_eq!(bench.current(), Some(2));
    assert_eq!(bench.publisher.slot.pin().unwrap().view().valid_from(), tomorrow);
    bench.break_epoch(3);
    bench.publisher.poll();
    bench.publisher.renew(tomorrow).unwrap();
    let stuck = bench.publisher.renew(tomorrow.tomorrow().unwrap()).unwrap_err();
    assert!(stuck.to_string().contains("epoch 3 is there already"), "{stuck}");
}
