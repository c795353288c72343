//! What intake counts: every record once on the way in and once on the way out, so that at any time
//! received = evaluated + rejected(reason) + in flight.
//!
//! Counted per frame, never per ping. Telemetry reads the numbers on scrape; nothing here knows of it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::reasons::{RejectCounts, RejectReason};
use crate::wire::close::CloseCode;

/// The counters of intake since the process started. Relaxed throughout: each number is exact, and a reader
/// that wants them consistent with each other reads them at rest or through [`snapshot`](Self::snapshot).
#[derive(Debug)]
pub struct IngestFigures {
    frames: AtomicU64,
    bytes: AtomicU64,
    acks: AtomicU64,
    received: AtomicU64,
    evaluated: AtomicU64,
    rejected: [AtomicU64; RejectReason::SLOTS],
    connections_opened: AtomicU64,
    connections_closed: AtomicU64,
    connections_retried: AtomicU64,
    connections_refused: AtomicU64,
    closes: [AtomicU64; CloseCode::ALL.len()],
    http_requests: AtomicU64,
    http_problems: AtomicU64,
}

impl Default for IngestFigures {
    fn default() -> Self {
        Self {
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            acks: AtomicU64::new(0),
            received: AtomicU64::new(0),
            evaluated: AtomicU64::new(0),
            rejected: std::array::from_fn(|_| AtomicU64::new(0)),
            connections_opened: AtomicU64::new(0),
            connections_closed: AtomicU64::new(0),
            connections_retried: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            closes: std::array::from_fn(|_| AtomicU64::new(0)),
            http_requests: AtomicU64::new(0),
            http_problems: AtomicU64::new(0),
        }
    }
}

/// All counters at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IngestSnapshot {
    /// Frames read whole.
    pub frames: u64,
    /// Bytes read from data streams.
    pub bytes: u64,
    /// Acks sent.
    pub acks: u64,
    /// Records that came in, of all four kinds, by QUIC and HTTP.
    pub received: u64,
    /// Records that the shards took and stepped over.
    pub evaluated: u64,
    /// Records refused, at intake or by the shards, by reason.
    pub rejected: RejectCounts,
    /// Records received and neither evaluated nor rejected yet.
    pub in_flight: u64,
    /// Connections that were let in since the start.
    pub connections_opened: u64,
    /// Connections that are in now.
    pub connections_open: u64,
    /// Attempts that were asked to prove their address.
    pub connections_retried: u64,
    /// Attempts that QUIC refused because too many were under way.
    pub connections_refused: u64,
    /// Connections that we closed, by code, in the order of [`CloseCode::ALL`].
    pub closes: [u64; CloseCode::ALL.len()],
    /// HTTP requests to intake.
    pub http_requests: u64,
    /// HTTP requests that were answered with a problem.
    pub http_problems: u64,
}

impl IngestFigures {
    /// Reads all counters. What leaves is read before what enters, so in flight is never negative.
    #[must_use]
    pub fn snapshot(&self) -> IngestSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let evaluated = read(&self.evaluated);
        let rejected: RejectCounts = std::array::from_fn(|slot| read(&self.rejected[slot]));
        let connections_closed = read(&self.connections_closed);
        let received = read(&self.received);
        let connections_opened = read(&self.connections_opened);
        IngestSnapshot {
            frames: read(&self.frames),
            bytes: read(&self.bytes),
            acks: read(&self.acks),
            received,
            evaluated,
            rejected,
            in_flight: received.saturating_sub(evaluated + rejected.iter().sum::<u64>()),
            connections_opened,
            connections_open: connections_opened.saturating_sub(connections_closed),
            connections_retried: read(&self.connections_retried),
            connections_refused: read(&self.connections_refused),
            closes: std::array::from_fn(|slot| read(&self.closes[slot])),
            http_requests: read(&self.http_requests),
            http_problems: read(&self.http_problems),
        }
    }

    pub(super) fn read_bytes(&self, bytes: usize) {
        add(&self.bytes, bytes as u64);
    }

    /// A frame, or an HTTP body, with so many records.
    pub(super) fn receive(&self, records: usize) {
        add(&self.frames, 1);
        add(&self.received, records as u64);
    }

    pub(super) fn reject(&self, counts: &RejectCounts) {
        for (counter, &count) in self.rejected.iter().zip(counts) {
            if count > 0 {
                add(counter, count);
            }
        }
    }

    /// So many submitted records came back, some of them refused by the shards.
    pub(super) fn settle(&self, submitted: u64, rejects: &RejectCounts) {
        let refused: u64 = rejects.iter().sum();
        add(&self.evaluated, submitted.saturating_sub(refused));
        self.reject(rejects);
    }

    /// So many submitted records will not come back: the client has no ack and sends them again.
    pub(super) fn lose(&self, submitted: u64) {
        add(&self.rejected[usize::from(RejectReason::Unavailable.number())], submitted);
    }

    pub(super) fn ack(&self) {
        add(&self.acks, 1);
    }

    pub(super) fn open_connection(&self) {
        add(&self.connections_opened, 1);
    }

    pub(super) fn close_connection(&self) {
        add(&self.connections_closed, 1);
    }

    pub(super) fn retry_connection(&self) {
        add(&self.connections_retried, 1);
    }

    pub(super) fn refuse_connection(&self) {
        add(&self.connections_refused, 1);
    }

    pub(super) fn close_with(&self, code: CloseCode) {
        if let Some(slot) = CloseCode::ALL.iter().position(|&known| known == code) {
            add(&self.closes[slot], 1);
        }
    }

    pub(super) fn http_request(&self) {
        add(&self.http_requests, 1);
    }

    pub(super) fn http_problem(&self) {
        add(&self.http_problems, 1);
    }
}

/// Release, so that whoever sees a record leave has seen it enter.
fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Release);
}
