//! What a shard counts, for telemetry: its engine's totals and the size of its tables, as of its last batch and second.

use std::sync::{Mutex, PoisonError};

use crate::engine::Counts;
use crate::telemetry::pulse::Pulse;

use super::worker::Worker;

/// One shard's figures. The worker writes after each batch and each second, telemetry reads at a scrape.
#[derive(Debug, Default)]
pub struct ShardFigures {
    /// All of them change together, so that the identities hold at every scrape. The worker only tries the
    /// lock: when a scrape holds it, its next round brings the figures up to date.
    latest: Mutex<ShardSample>,
    /// The worker's, for the watchdog.
    pub pulse: Pulse,
}

/// A shard's figures at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShardSample {
    /// The engine's running totals, without what recovery did.
    pub counts: Counts,
    /// Records refused because their frame had been applied before.
    pub resent: u64,
    /// Devices held.
    pub devices: u64,
    /// Bytes they took within the last second.
    pub device_bytes: u64,
    /// Batches stepped.
    pub batches: u64,
    /// The epoch that decides.
    pub epoch: u64,
}

impl ShardFigures {
    /// Publishes the worker's figures, unless they are being read right now; whether it did.
    pub(super) fn offer(&self, sample: &ShardSample) -> bool {
        let latest = self.latest.try_lock();
        latest.map(|mut latest| *latest = *sample).is_ok()
    }

    /// As a scrape does that takes its time.
    #[cfg(test)]
    pub(super) fn hold(&self) -> std::sync::MutexGuard<'_, ShardSample> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the worker's last figures for good.
    pub(super) fn settle(&self, sample: &ShardSample) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = *sample;
    }

    /// The latest figures.
    #[must_use]
    pub fn sample(&self) -> ShardSample {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often the bytes of devices are looked up.
const BYTES_EVERY_NS: u64 = 1_000_000_000;

impl Worker {
    /// Offers the figures as they are.
    pub(super) fn publish_figures(&mut self) {
        self.sample.counts = self.out.counts;
        self.sample.epoch = self.epoch.0;
        self.sample.devices = self.parts.partitions.iter().map(|one| one.devices() as u64).sum();
        self.is_published = self.parts.figures.offer(&self.sample);
    }

    /// Not with each batch: it goes through all lists of all partitions.
    pub(super) fn look_up_bytes_when_due(&mut self) {
        let now_ns = self.parts.clock.monotonic_ns();
        if now_ns >= self.next_bytes_ns {
            self.next_bytes_ns = now_ns + BYTES_EVERY_NS;
            let bytes = self.parts.partitions.iter().map(|one| one.bytes() as u64).sum();
            self.is_published &= self.sample.device_bytes == bytes;
            self.sample.device_bytes = bytes;
        }
    }
}
