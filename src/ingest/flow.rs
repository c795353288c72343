//! Records of one class on their way through: received, evaluated, rejected by reason, in flight.
//!
//! [`figures`](super::figures) keeps one for pings and one for all other records. The four are counted each by
//! itself, so that their identity can fail, and are read together, so that it holds at every reading.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::reasons::{RejectCounts, RejectReason};

/// Readings that may fall into a change before the last one is given as it is. A change takes some tens of
/// nanoseconds and comes once a frame, so that even at 100,000 frames a second a few will do.
const MAX_TRIES: u32 = 10_000;

/// The counters. Changes never wait, neither for each other nor for a reading; a reading that a change has
/// fallen into is done again. All accesses are `SeqCst`: what is said of their order is then true as written.
#[derive(Debug)]
pub(super) struct Flow {
    /// Changes begun and changes ended: while both are the same, there is none under way.
    begun: AtomicU64,
    ended: AtomicU64,
    received: AtomicU64,
    evaluated: AtomicU64,
    rejected: [AtomicU64; RejectReason::SLOTS],
    in_flight: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowSnapshot {
    /// Records that came in.
    pub received: u64,
    /// Records that the shards took and stepped over.
    pub evaluated: u64,
    /// Records refused, at intake or by the shards, by reason.
    pub rejected: RejectCounts,
    /// Records received and neither evaluated nor rejected yet.
    pub in_flight: u64,
}

impl FlowSnapshot {
    /// P6: whatever came in is accounted for.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.received == self.evaluated + self.rejected.iter().sum::<u64>() + self.in_flight
    }
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            received: AtomicU64::new(0),
            evaluated: AtomicU64::new(0),
            rejected: [const { AtomicU64::new(0) }; RejectReason::SLOTS],
            in_flight: AtomicU64::new(0),
        }
    }
}

impl Flow {
    /// So many records were refused at once, and so many are on their way.
    pub(super) fn enter(&self, rejects: &RejectCounts, believed: u64) {
        self.change(|flow| {
            add(&flow.received, rejects.iter().sum::<u64>() + believed);
            add(&flow.in_flight, believed);
            flow.reject(rejects);
        });
    }

    /// So many records came back, some of them refused by the shards.
    pub(super) fn settle(&self, records: u64, rejects: &RejectCounts) {
        let refused: u64 = rejects.iter().sum();
        self.change(|flow| {
            flow.in_flight.fetch_sub(records, Ordering::SeqCst);
            add(&flow.evaluated, records.saturating_sub(refused));
            flow.reject(rejects);
        });
    }

    /// So many records will not come back.
    pub(super) fn lose(&self, records: u64) {
        let mut rejects = RejectCounts::default();
        rejects[usize::from(RejectReason::Unavailable.number())] = records;
        self.settle(records, &rejects);
    }

    /// Reads all four at one moment.
    pub(super) fn snapshot(&self) -> FlowSnapshot {
        for _ in 0..MAX_TRIES {
            // Ended first: if begun is no more than that, no change was under way when begun was read.
            let ended = self.ended.load(Ordering::SeqCst);
            let begun = self.begun.load(Ordering::SeqCst);
            let snapshot = self.read();
            // And none has begun since.
            if ended == begun && self.begun.load(Ordering::SeqCst) == begun {
                return snapshot;
            }
            std::hint::spin_loop();
        }
        self.read()
    }

    fn read(&self) -> FlowSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        FlowSnapshot {
            received: read(&self.received),
            evaluated: read(&self.evaluated),
            rejected: std::array::from_fn(|slot| read(&self.rejected[slot])),
            in_flight: read(&self.in_flight),
        }
    }

    fn change(&self, change: impl FnOnce(&Self)) {
        add(&self.begun, 1);
        change(self);
        add(&self.ended, 1);
    }

    fn reject(&self, counts: &RejectCounts) {
        for (counter, &count) in self.rejected.iter().zip(counts) {
            if count > 0 {
                add(counter, count);
            }
        }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::SeqCst);
}
