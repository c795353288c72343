//! The latch: all must hold, each may fall out again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::readiness::Readiness;

#[test]
fn every_condition_must_hold() {
    let readiness = Readiness::new();
    assert!(readiness.is_ready());
    let journal = readiness.condition("journal", "it is being recovered");
    let snapshot = readiness.condition("snapshot", "none is loaded");
    assert!(!readiness.is_ready());
    journal.set();
    let missing = readiness.missing();
    assert_eq!(missing.len(), 1);
    assert_eq!((missing[0].condition, missing[0].reason.as_str()), ("snapshot", "none is loaded"));
    snapshot.set();
    assert!(readiness.is_ready() && readiness.missing().is_empty());
}

#[test]
fn a_condition_may_fall_out_again() {
    let readiness = Readiness::new();
    let disk = readiness.condition("disk", "it has not been looked at");
    disk.set();
    disk.clear("12 MiB are left, 64 are needed");
    assert_eq!(readiness.missing()[0].reason, "12 MiB are left, 64 are needed");
    disk.set();
    assert!(readiness.is_ready());
}

#[test]
fn what_is_asked_holds_as_long_as_nothing_is_missing() {
    let readiness = Readiness::new();
    let stepped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stepped);
    readiness.ask("clock", move || seen.load(Ordering::Relaxed).then(|| "it stepped".to_owned()));
    assert!(readiness.is_ready());
    stepped.store(true, Ordering::Relaxed);
    assert!(!readiness.is_ready());
    assert_eq!(readiness.missing()[0].reason, "it stepped");
    stepped.store(false, Ordering::Relaxed);
    assert!(readiness.is_ready());
}
