//! Publishing, pinning and reaping at once.

use geofenced::domain::ids::Epoch;

use super::load::Loaded;
use super::slot::Slot;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};

fn letting_go() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

/// A reader that pins while another thread publishes and a third reaps: what it holds stays, epochs never go back, and in
/// the end nothing old is left.
#[test]
fn what_is_pinned_stays_and_what_is_not_goes() {
    loom::model(|| {
        let (old, new) = (letting_go(), letting_go());
        let slot = Arc::new(Slot::new());
        slot.publish(Arc::new(Loaded::new(1, &old))).unwrap();
        let publisher = {
            let (slot, new) = (Arc::clone(&slot), Arc::clone(&new));
            loom::thread::spawn(move || {
                slot.publish(Arc::new(Loaded::new(2, &new))).unwrap();
                slot.reap();
            })
        };
        let first = slot.pin().expect("one was published");
        let epoch = first.view().epoch();
        let second = slot.pin().expect("one was published").view().epoch();
        assert!(second >= epoch, "a later pin sees no older snapshot");
        slot.reap();
        assert_eq!(first.view().epoch(), epoch, "what is pinned is there");
        drop(first);
        publisher.join().unwrap();
        slot.reap();
        assert!(old.load(Ordering::SeqCst), "nobody holds the old one any more");
        assert!(!new.load(Ordering::SeqCst), "the current one stays");
        assert_eq!(slot.live_epochs(), [Epoch(2)]);
    });
}

/// Two publishers: one of two equal epochs is refused, and the greater one is current in the end.
#[test]
fn of_two_publishers_the_greater_epoch_wins() {
    loom::model(|| {
        let slot = Arc::new(Slot::new());
        let other = Arc::clone(&slot);
        let publisher = loom::thread::spawn(move || {
            other.publish(Arc::new(Loaded::new(2, &letting_go()))).is_ok()
        });
        let one = slot.publish(Arc::new(Loaded::new(1, &letting_go()))).is_ok();
        let two = publisher.join().unwrap();
        assert!(two, "the greater one is never refused");
        let current = slot.pin().expect("one was published").view().epoch();
        assert_eq!(current, Epoch(2), "the other was {one}");
    });
}
