//! The flow's identity, with changes under way on other threads.

use std::sync::atomic::{AtomicBool, Ordering};

use super::flow::Flow;
use crate::domain::reasons::{RejectCounts, RejectReason};

#[test]
fn readings_add_up_while_others_count() {
    let (flow, enough) = (Flow::default(), AtomicBool::new(false));
    let mut rejects = RejectCounts::default();
    rejects[usize::from(RejectReason::Mock.number())] = 3;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    flow.enter(&rejects, 10);
                    flow.settle(6, &rejects);
                    flow.lose(4);
                    std::thread::yield_now();
                }
            });
        }
        for _ in 0..2000 {
            let snapshot = flow.snapshot();
            assert!(snapshot.adds_up(), "{snapshot:?}");
            std::thread::yield_now();
        }
        enough.store(true, Ordering::Relaxed);
    });
    let last = flow.snapshot();
    assert_eq!((last.in_flight, last.received % 13, last.evaluated % 3), (0, 0, 0));
    assert_eq!(
        last.rejected[usize::from(RejectReason::Unavailable.number())],
        last.received / 13 * 4
    );
}
