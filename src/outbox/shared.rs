//! What the outbox thread and everyone who reads have in common.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

use crate::domain::ids::PARTITIONS;
use crate::domain::units::UtcMs;

use super::config::{Clocks, OutboxConfig};
use super::consumer::{Consumer, ConsumerKey};
use super::figures::OutboxFigures;
use super::orders::OutboxError;
use super::tables::Tables;

/// A consumer with what need not survive a crash.
#[derive(Debug)]
pub(super) struct Seat {
    /// Its durable state. `acked` and `seen_at` may run ahead of the disk: past records it does not want, and
    /// while it merely asks.
    pub(super) consumer: Consumer,
    /// The last offset it was shown or passed by, in this run.
    pub(super) scanned_through: u64,
    /// Whether the state has run ahead of the disk.
    pub(super) is_dirty: bool,
    /// When the state was last written.
    pub(super) wrote_at: UtcMs,
    /// The `idle_ms` that was written last.
    wrote_idle_ms: u64,
    /// Up to when idleness is counted, on the clock of [`Clocks::up_ms`].
    counted_ms: u64,
}

/// How far the idleness of a silent consumer may run ahead of the disk: a daemon that is killed more often never
/// drops one.
const IDLE_WRITTEN_EVERY_MS: u64 = 600_000;

impl Seat {
    pub(super) fn new(consumer: Consumer, wrote_at: UtcMs, up_ms: u64) -> Self {
        let (scanned_through, wrote_idle_ms) = (consumer.decided_through(), consumer.idle_ms);
        let is_dirty = false;
        Self { consumer, scanned_through, is_dirty, wrote_at, wrote_idle_ms, counted_ms: up_ms }
    }

    /// The consumer asks, without waiting for the disk to know.
    pub(super) fn touch(&mut self, now: UtcMs, up_ms: u64) {
        self.consumer.seen_at = self.consumer.seen_at.max(now);
        self.consumer.idle_ms = 0;
        self.counted_ms = up_ms;
        self.is_dirty = true;
    }

    /// Time passes; gives how long it has been idle, ms.
    pub(super) fn count_idle(&mut self, up_ms: u64) -> u64 {
        let idle_ms = &mut self.consumer.idle_ms;
        *idle_ms = idle_ms.saturating_add(up_ms.saturating_sub(self.counted_ms));
        self.counted_ms = up_ms;
        self.is_dirty |= idle_ms.abs_diff(self.wrote_idle_ms) >= IDLE_WRITTEN_EVERY_MS;
        *idle_ms
    }

    /// Whether the disk has another state; at a close the last second of idleness counts too.
    pub(super) fn is_ahead(&self, is_closing: bool) -> bool {
        self.is_dirty || (is_closing && self.consumer.idle_ms != self.wrote_idle_ms)
    }

    /// It was shown everything it wants up to `through`, and up to `quiet_through` there was nothing it wants:
    /// that much it need not acknowledge.
    pub(super) fn scanned(&mut self, through: u64, quiet_through: u64) {
        self.scanned_through = self.scanned_through.max(through);
        if quiet_through > self.consumer.acked {
            self.consumer.ack(quiet_through);
            self.is_dirty = true;
        }
    }

    /// A state that reached the disk; what ran ahead meanwhile stays ahead.
    pub(super) fn settle(&mut self, written: Consumer, now: UtcMs) {
        let ahead = (self.consumer.acked, self.consumer.seen_at);
        let idle_ms = self.consumer.idle_ms.min(written.idle_ms);
        self.wrote_idle_ms = written.idle_ms;
        self.consumer = Consumer { idle_ms, ..written };
        self.consumer.ack(ahead.0);
        self.consumer.seen_at = self.consumer.seen_at.max(ahead.1);
        self.wrote_at = now;
    }
}

/// What the outbox thread and everyone who reads have in common.
pub(super) struct Shared {
    pub(super) tables: Tables,
    pub(super) config: OutboxConfig,
    pub(super) clocks: Clocks,
    pub(super) figures: OutboxFigures,
    /// Ordered, so that listings are. Held for moments; never while the disk is written.
    seats: Mutex<BTreeMap<ConsumerKey, Seat>>,
    /// Held while blocks of records are removed, or written once more with fewer records.
    blocks: Mutex<()>,
    /// Per partition the last input whose outputs are on stable storage. Stored with release after the sync and after what
    /// tells readers how far they may read: so who reads it with acquire may trim what lies before, and sees what that caused.
    pub(super) durable: [AtomicU64; PARTITIONS],
    /// The same of those that were [announced](super::store::Outbox::announce).
    pub(super) announced: [AtomicU64; PARTITIONS],
    /// The oldest offset kept.
    pub(super) first_offset: AtomicU64,
    /// The newest row of tallies on stable storage.
    pub(super) newest_tally: AtomicU64,
    /// The last offset that the figures have taken in; the end of all where nobody keeps any.
    pub(super) followed: AtomicU64,
    /// The same of rows of tallies.
    pub(super) followed_tally: AtomicU64,
    /// What was announced and is not written yet takes in memory.
    pub(super) waiting_bytes: AtomicU64,
    /// Whether some of it never will be, because its shard has ended.
    pub(super) lacks_some: AtomicBool,
    /// Whether the log is new, too: then nothing in here repeats what figures have counted. Set before they follow.
    pub(super) is_log_new: AtomicBool,
    /// When the store was made.
    pub(super) made_at: UtcMs,
    /// Whether intake should stop.
    pub(super) is_full: AtomicBool,
    /// The latest instant that was written when this run began.
    pub(super) instant_before: UtcMs,
    /// Set once, when the thread gives up.
    pub(super) failed: OnceLock<OutboxError>,
    /// The newest offset on stable storage; readers wait here for more.
    pub(super) visible: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(
        tables: Tables,
        config: OutboxConfig,
        clocks: Clocks,
        seats: BTreeMap<ConsumerKey, Seat>,
        (made_at, instant_before): (UtcMs, UtcMs),
    ) -> Self {
        Self {
            tables,
            config,
            clocks,
            figures: OutboxFigures::default(),
            seats: Mutex::new(seats),
            blocks: Mutex::new(()),
            durable: [const { AtomicU64::new(0) }; PARTITIONS],
            announced: [const { AtomicU64::new(0) }; PARTITIONS],
            first_offset: AtomicU64::new(1),
            newest_tally: AtomicU64::new(0),
            followed: AtomicU64::new(u64::MAX),
            followed_tally: AtomicU64::new(0),
            waiting_bytes: AtomicU64::new(0),
            lacks_some: AtomicBool::new(false),
            is_log_new: AtomicBool::new(false),
            made_at,
            is_full: AtomicBool::new(false),
            instant_before,
            failed: OnceLock::new(),
            visible: watch::Sender::new(0),
        }
    }

    /// The consumers. No code panics while it holds them, and their state is whole between statements, so a
    /// poisoned lock is as good as any.
    pub(super) fn seats(&self) -> MutexGuard<'_, BTreeMap<ConsumerKey, Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to remove blocks of records, or to write them with fewer records.
    pub(super) fn blocks(&self) -> MutexGuard<'_, ()> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Per partition the last input whose outputs were announced by now.
    pub(super) fn announced(&self) -> [u64; PARTITIONS] {
        self.announced.each_ref().map(|seq| seq.load(Ordering::Acquire))
    }

    /// Whether the outputs of all inputs up to these can be seen.
    pub(super) fn shows(&self, announced: &[u64; PARTITIONS]) -> bool {
        let pairs = self.durable.iter().zip(announced);
        pairs.into_iter().all(|(durable, announced)| durable.load(Ordering::Acquire) >= *announced)
    }

    pub(super) fn newest(&self) -> u64 {
        *self.visible.borrow()
    }

    pub(super) fn oldest(&self) -> u64 {
        self.first_offset.load(Ordering::Acquire)
    }

    /// The error that ended the outbox; closed if it ended without one.
    pub(super) fn why_ended(&self) -> OutboxError {
        self.failed.get().cloned().unwrap_or(OutboxError::Closed)
    }
}
