//! What the journal counts about itself. Telemetry samples it; nothing waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::telemetry::pulse::Pulse;

/// Upper bounds of the buckets in which sync times are counted, ns; a last bucket takes what is
/// longer.
pub const SYNC_BUCKETS_NS: [u64; 12] = [
    125_000,
    250_000,
    500_000,
    1_000_000,
    2_000_000,
    4_000_000,
    8_000_000,
    16_000_000,
    32_000_000,
    64_000_000,
    250_000_000,
    1_000_000_000,
];

/// Counters since the process began. Written by the writer thread alone, but for checkpoints and what is recorded; each is read on its own,
/// so none orders anything (`Relaxed`).
#[derive(Default, Debug)]
pub struct JournalFigures {
    groups: AtomicU64,
    commits: AtomicU64,
    bytes: AtomicU64,
    segments: AtomicU64,
    sync_ns: AtomicU64,
    sync_max_ns: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_BUCKETS_NS.len() + 1],
    checkpoints: AtomicU64,
    full_waits: AtomicU64,
    recording_bytes: AtomicU64,
    disk_full: AtomicBool,
    /// The writer's, for the watchdog.
    pub pulse: Pulse,
}

/// The counters at one moment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct JournalSample {
    /// Groups written and synced.
    pub groups: u64,
    /// Commits in them.
    pub commits: u64,
    /// Bytes in them, group marks included.
    pub bytes: u64,
    /// Segments begun.
    pub segments: u64,
    /// Time spent in sync, ns.
    pub sync_ns: u64,
    /// The longest sync, ns.
    pub sync_max_ns: u64,
    /// Syncs by [`SYNC_BUCKETS_NS`], each in one bucket.
    pub sync_buckets: [u64; SYNC_BUCKETS_NS.len() + 1],
    /// Checkpoints of partitions made durable.
    pub checkpoints: u64,
    /// Times that the writer found the disk full and waited.
    pub full_waits: u64,
    /// What the recording takes on the disk, bytes.
    pub recording_bytes: u64,
    /// Whether it is waiting now.
    pub disk_full: bool,
}

impl JournalFigures {
    /// All counters now.
    #[must_use]
    pub fn sample(&self) -> JournalSample {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        JournalSample {
            groups: read(&self.groups),
            commits: read(&self.commits),
            bytes: read(&self.bytes),
            segments: read(&self.segments),
            sync_ns: read(&self.sync_ns),
            sync_max_ns: read(&self.sync_max_ns),
            sync_buckets: std::array::from_fn(|bucket| read(&self.sync_buckets[bucket])),
            checkpoints: read(&self.checkpoints),
            full_waits: read(&self.full_waits),
            recording_bytes: read(&self.recording_bytes),
            disk_full: self.disk_full.load(Ordering::Relaxed),
        }
    }

    pub(super) fn count_group(&self, commits: u64, bytes: u64) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.commits.fetch_add(commits, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_segment(&self) {
        self.segments.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_sync(&self, took_ns: u64) {
        self.sync_ns.fetch_add(took_ns, Ordering::Relaxed);
        self.sync_max_ns.fetch_max(took_ns, Ordering::Relaxed);
        let bucket = SYNC_BUCKETS_NS.partition_point(|&bound| bound < took_ns);
        self.sync_buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_checkpoints(&self, made: u64) {
        self.checkpoints.fetch_add(made, Ordering::Relaxed);
    }

    pub(super) fn count_full_wait(&self) {
        self.full_waits.fetch_add(1, Ordering::Relaxed);
        self.disk_full.store(true, Ordering::Relaxed);
    }

    /// By the recorder alone.
    pub fn set_recording(&self, bytes: u64) {
        self.recording_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn has_room(&self) {
        self.disk_full.store(false, Ordering::Relaxed);
    }
}
