//! The promise of an ack: one per submission, resolved by the last shard that has a part of it.
//!
//! The router holds the one end and gives it to intake; each part's shard holds the other. A part that is
//! dropped unresolved (its shard ended) resolves the ticket to [`Lost`]: nothing waits for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;

use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::domain::submission::{Applied, Lost};

/// Resolves when every part is synced and stepped, or can no longer be.
#[derive(Debug)]
pub struct AckTicket {
    shared: Arc<Shared>,
}

/// A shard's part of a ticket.
#[derive(Debug)]
pub struct TicketPart {
    shared: Arc<Shared>,
    settled: bool,
}

#[derive(Debug)]
struct Shared {
    /// Parts not settled yet. The last one to go wakes the waiter: its decrement releases what the parts
    /// wrote, and the waiter's load acquires it.
    remaining: AtomicU32,
    rejects: [AtomicU32; RejectReason::SLOTS],
    lost: AtomicU8,
    waker: AtomicWaker,
}

const NOT_LOST: u8 = 0;
const SYNC_FAILED: u8 = 1;
const STOPPED: u8 = 2;
const OUTBOX_FAILED: u8 = 3;

/// A ticket and its parts. Without parts it is resolved from the start.
#[must_use]
pub fn ticket(parts: usize) -> (AckTicket, Vec<TicketPart>) {
    let count = u32::try_from(parts).expect("a submission has at most one part a shard");
    let shared = Arc::new(Shared {
        remaining: AtomicU32::new(count),
        rejects: [const { AtomicU32::new(0) }; RejectReason::SLOTS],
        lost: AtomicU8::new(NOT_LOST),
        waker: AtomicWaker::new(),
    });
    let part = || TicketPart { shared: Arc::clone(&shared), settled: false };
    let parts = (0..parts).map(|_| part()).collect();
    (AckTicket { shared }, parts)
}

impl TicketPart {
    /// Notes records that were refused.
    pub fn count(&self, reason: RejectReason, records: u32) {
        // Relaxed: published by the decrement in `settle`.
        self.shared.rejects[usize::from(reason.number())].fetch_add(records, Ordering::Relaxed);
    }

    /// The part is synced and stepped.
    pub fn applied(mut self) {
        self.settle(NOT_LOST);
    }

    /// The part can no longer be acknowledged.
    pub fn lost(mut self, why: Lost) {
        self.settle(match why {
            Lost::SyncFailed => SYNC_FAILED,
            Lost::Stopped => STOPPED,
            Lost::OutboxFailed => OUTBOX_FAILED,
        });
    }

    fn settle(&mut self, lost: u8) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        if lost != NOT_LOST {
            self.shared.lost.store(lost, Ordering::Relaxed);
        }
        if self.shared.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.waker.wake();
        }
    }
}

impl Drop for TicketPart {
    fn drop(&mut self) {
        self.settle(STOPPED);
    }
}

impl Shared {
    fn outcome(&self) -> Result<Applied, Lost> {
        match self.lost.load(Ordering::Relaxed) {
            SYNC_FAILED => return Err(Lost::SyncFailed),
            STOPPED => return Err(Lost::Stopped),
            OUTBOX_FAILED => return Err(Lost::OutboxFailed),
            _ => {}
        }
        let mut rejects: RejectCounts = [0; RejectReason::SLOTS];
        for (total, count) in rejects.iter_mut().zip(&self.rejects) {
            *total = u64::from(count.load(Ordering::Relaxed));
        }
        Ok(Applied { rejects })
    }
}

impl Future for AckTicket {
    type Output = Result<Applied, Lost>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let settled = || self.shared.remaining.load(Ordering::Acquire) == 0;
        if !settled() {
            self.shared.waker.register(cx.waker());
            // It may have settled between the look and the registration.
            if !settled() {
                return Poll::Pending;
            }
        }
        Poll::Ready(self.shared.outcome())
    }
}
