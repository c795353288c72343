//! What the outbox counts. Telemetry samples it; nobody decides by it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::record::RecordKind;
use crate::telemetry::pulse::Pulse;

/// Counters since start, and gauges of now. All relaxed: each stands alone.
#[derive(Debug, Default)]
pub struct OutboxFigures {
    /// Records written, by kind.
    written: [AtomicU64; RecordKind::ALL.len()],
    /// Bytes of records written.
    pub written_bytes: AtomicU64,
    /// Records dropped because an earlier run had written them: none in a daemon, whose recovery makes only what is missing.
    pub already_written: AtomicU64,
    /// Batches written, each synced once.
    pub batches: AtomicU64,
    /// Jobs that left as `expired` events, counted once per consumer.
    pub expired: AtomicU64,
    /// Consumers dropped for being idle.
    pub consumers_dropped: AtomicU64,
    /// Records removed by retention.
    pub removed: AtomicU64,
    /// Bytes of records held now.
    pub held_bytes: AtomicU64,
    /// The writer's, for the watchdog.
    pub pulse: Pulse,
}

impl OutboxFigures {
    /// Records of a kind written since start.
    #[must_use]
    pub fn written(&self, kind: RecordKind) -> u64 {
        self.written[usize::from(kind.number())].load(Ordering::Relaxed)
    }

    pub(super) fn count_written(&self, kind: RecordKind, bytes: u64) {
        self.written[usize::from(kind.number())].fetch_add(1, Ordering::Relaxed);
        self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
