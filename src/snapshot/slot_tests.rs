//! Publishing, pinning and letting go, alone and under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::samples::{loaded, source};
use super::slot::{NotNewer, Slot};
use crate::domain::ids::Epoch;

#[test]
fn an_empty_slot_pins_nothing() {
    let slot = Slot::new();
    assert!(slot.pin().is_none() && slot.current().is_none());
    assert!(slot.live_epochs().is_empty());
}

#[test]
fn epochs_must_grow() {
    let slot = Slot::new();
    slot.publish(Arc::new(loaded(&source(), 2, None))).unwrap();
    let refused = slot.publish(Arc::new(loaded(&source(), 2, None))).unwrap_err();
    assert_eq!(refused, NotNewer { offered: Epoch(2), current: Epoch(2) });
    assert_eq!(slot.pin().unwrap().view().epoch(), Epoch(2));
}

#[test]
fn a_pinned_snapshot_outlives_its_successor() {
    let slot = Slot::new();
    slot.publish(Arc::new(loaded(&source(), 1, None))).unwrap();
    let pin = slot.pin().unwrap();
    slot.publish(Arc::new(loaded(&source(), 2, None))).unwrap();
    assert_eq!(pin.view().epoch(), Epoch(1));
    assert_eq!(slot.live_epochs(), [Epoch(1), Epoch(2)]);
    let retired = Arc::downgrade(&slot.current().unwrap());
    slot.publish(Arc::new(loaded(&source(), 3, None))).unwrap();
    slot.reap();
    assert_eq!((pin.view().epoch(), slot.live_epochs()), (Epoch(1), vec![Epoch(1), Epoch(3)]));
    assert!(retired.upgrade().is_none(), "nobody read epoch 2");
    drop(pin);
    assert_eq!(slot.live_epochs(), [Epoch(3)]);
}

#[test]
fn the_last_pin_does_not_give_the_memory_back() {
    let slot = Slot::new();
    let first = Arc::new(loaded(&source(), 1, None));
    let watch = Arc::downgrade(&first);
    slot.publish(first).unwrap();
    let pin = slot.pin().unwrap();
    slot.publish(Arc::new(loaded(&source(), 2, None))).unwrap();
    drop(pin);
    assert_eq!(watch.strong_count(), 1, "the slot holds it until it is reaped");
    slot.reap();
    assert_eq!(watch.strong_count(), 0);
}

#[test]
fn readers_see_whole_snapshots_while_others_are_published() {
    const LAST: u64 = 60;
    let slot = Slot::new();
    slot.publish(Arc::new(loaded(&source(), 1, None))).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = Epoch(0);
                while !done.load(Ordering::Acquire) {
                    let pin = slot.pin().unwrap();
                    let view = pin.view();
                    assert!(view.epoch() >= last, "a pin went back in time");
                    last = view.epoch();
                    // Each epoch's daily cap is its number: a torn snapshot would show two.
                    let account = view.accounts().next().unwrap();
                    let cap = u64::from(account.daily_cap().unwrap());
                    assert!(cap == last.0 || last.0 == 1);
                }
            });
        }
        for epoch in 2..=LAST {
            let mut next = source();
            next.accounts[0].daily_cap = Some(u16::try_from(epoch).unwrap());
            slot.publish(Arc::new(loaded(&next, epoch, None))).unwrap();
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(slot.live_epochs(), [Epoch(LAST)]);
}
