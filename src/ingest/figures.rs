//! What intake counts: every record once on the way in and once on the way out, so that at any time
//! received = evaluated + rejected(reason) + in flight.
//!
//! Counted per frame, never per record. Telemetry reads the numbers on scrape; nothing here knows of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::flow::{Flow, FlowSnapshot};
use crate::domain::reasons::RejectCounts;
use crate::domain::submission::Records;
use crate::wire::close::CloseCode;
use crate::wire::header::FrameKind;

/// Upper bounds of the buckets in which acks are counted by their age, ns; a last bucket takes what is older.
pub const ACK_BUCKETS_NS: [u64; 16] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Slots of the acks' buckets.
const ACK_SLOTS: usize = ACK_BUCKETS_NS.len() + 1;

/// The counters of intake since the process started. Each is exact on its own and orders nothing (`Relaxed`);
/// the two flows are consistent in themselves.
#[derive(Debug)]
pub struct IngestFigures {
    frames: AtomicU64,
    bytes: AtomicU64,
    acks: AtomicU64,
    ack_ages: [AtomicU64; ACK_SLOTS],
    flows: [Flow; RecordClass::COUNT],
    connections_opened: AtomicU64,
    connections_closed: AtomicU64,
    connections_retried: AtomicU64,
    connections_refused: AtomicU64,
    closes: [AtomicU64; CloseCode::ALL.len()],
    http_requests: AtomicU64,
    http_problems: AtomicU64,
    held_back: AtomicU64,
}

/// What a record is, as far as the metrics tell records apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RecordClass {
    /// A position.
    Ping,
    /// An outcome, a profile or a place hint.
    Report,
}

impl RecordClass {
    const COUNT: usize = 2;

    /// The class of an intake frame's records.
    pub(super) fn of_frame(kind: FrameKind) -> Self {
        if kind == FrameKind::Pings { Self::Ping } else { Self::Report }
    }

    /// The class of a body's records.
    pub(super) fn of(records: &Records) -> Self {
        match records {
            Records::Fixes(_) => Self::Ping,
            Records::Outcomes(_)
            | Records::Profiles(_)
            | Records::Hints(_)
            | Records::Erasures(_) => Self::Report,
        }
    }
}

impl Default for IngestFigures {
    fn default() -> Self {
        Self {
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            acks: AtomicU64::new(0),
            ack_ages: [const { AtomicU64::new(0) }; ACK_SLOTS],
            flows: std::array::from_fn(|_| Flow::default()),
            connections_opened: AtomicU64::new(0),
            connections_closed: AtomicU64::new(0),
            connections_retried: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            closes: [const { AtomicU64::new(0) }; CloseCode::ALL.len()],
            http_requests: AtomicU64::new(0),
            http_problems: AtomicU64::new(0),
            held_back: AtomicU64::new(0),
        }
    }
}

/// All counters at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IngestSnapshot {
    /// Frames and HTTP bodies read whole.
    pub frames: u64,
    /// Bytes read from data streams.
    pub bytes: u64,
    /// Acks sent.
    pub acks: u64,
    /// Acknowledged frames by age, each in one bucket of [`ACK_BUCKETS_NS`].
    pub ack_ages: [u64; ACK_SLOTS],
    /// Pings, by QUIC and HTTP.
    pub pings: FlowSnapshot,
    /// Outcomes, profiles and place hints, by QUIC and HTTP.
    pub reports: FlowSnapshot,
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
    /// HTTP requests to intake that showed a good token.
    pub http_requests: u64,
    /// Those of them that were answered with a problem.
    pub http_problems: u64,
    /// Frames and requests that came faster than their account may hand over.
    pub held_back: u64,
}

impl IngestFigures {
    /// Reads all counters.
    #[must_use]
    pub fn snapshot(&self) -> IngestSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let connections_closed = read(&self.connections_closed);
        let connections_opened = read(&self.connections_opened);
        let [pings, reports] = &self.flows;
        IngestSnapshot {
            frames: read(&self.frames),
            bytes: read(&self.bytes),
            acks: read(&self.acks),
            ack_ages: std::array::from_fn(|slot| read(&self.ack_ages[slot])),
            pings: pings.snapshot(),
            reports: reports.snapshot(),
            connections_opened,
            connections_open: connections_opened.saturating_sub(connections_closed),
            connections_retried: read(&self.connections_retried),
            connections_refused: read(&self.connections_refused),
            closes: std::array::from_fn(|slot| read(&self.closes[slot])),
            http_requests: read(&self.http_requests),
            http_problems: read(&self.http_problems),
            held_back: read(&self.held_back),
        }
    }

    pub(super) fn read_bytes(&self, bytes: usize) {
        add(&self.bytes, bytes as u64);
    }

    /// A frame, or an HTTP body, whose records were refused but for so many. Those are in flight until what
    /// is returned is settled or dropped.
    pub(super) fn receive(
        self: &Arc<Self>,
        class: RecordClass,
        rejects: &RejectCounts,
        believed: usize,
    ) -> InFlight {
        add(&self.frames, 1);
        let records = believed as u64;
        self.flow(class).enter(rejects, records);
        InFlight { figures: Arc::clone(self), class, records }
    }

    fn flow(&self, class: RecordClass) -> &Flow {
        &self.flows[class as usize]
    }

    pub(super) fn ack(&self) {
        add(&self.acks, 1);
    }

    /// A frame's ack leaves so long after the frame's last byte was read.
    pub(super) fn ack_age(&self, age: Duration) {
        let age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        let slot = ACK_BUCKETS_NS.partition_point(|&bound| bound < age_ns);
        add(&self.ack_ages[slot], 1);
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

    pub(super) fn held_back(&self) {
        add(&self.held_back, 1);
    }
}

/// Records that are neither evaluated nor refused yet. Dropping it counts them as `unavailable`: whoever
/// waited for them is gone, gets no ack, and sends them again.
#[derive(Debug)]
pub(super) struct InFlight {
    figures: Arc<IngestFigures>,
    class: RecordClass,
    records: u64,
}

impl InFlight {
    /// They came back, some of them refused by the shards.
    pub(super) fn settle(mut self, rejects: &RejectCounts) {
        self.figures.flow(self.class).settle(self.records, rejects);
        self.records = 0;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.records > 0 {
            self.figures.flow(self.class).lose(self.records);
        }
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
