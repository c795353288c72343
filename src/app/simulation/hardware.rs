//! What outlives a process: the disk, the rows of the outbox, the clock, and who has published what.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::catalog::{self, Catalog};
use super::lots::Lots;
use crate::clock::{Clock, Hands};
use crate::domain::units::UtcMs;
use crate::engine::testkit;
use crate::identity::Keyring;
use crate::journal::JournalConfig;
use crate::journal::sim_disk::SimDisk;
use crate::outbox::sim_rows::SimRows;
use crate::outbox::{OutboxConfig, samples};
use crate::shard::ShardConfig;

/// The machine.
pub(super) struct Hardware {
    pub(super) disk: SimDisk,
    pub(super) rows: SimRows,
    pub(super) hands: Hands,
    /// Bytes that the outbox finds free.
    pub(super) free: Arc<AtomicU64>,
    pub(super) catalog: Arc<Catalog>,
    /// Editions in the store of snapshots.
    pub(super) published: usize,
    /// How far the system's clock is from the devices' time, ms.
    pub(super) clock_error_ms: i64,
    pub(super) knobs: Knobs,
}

/// The config, and what else differs between runs.
pub(super) struct Knobs {
    pub(super) journal: JournalConfig,
    pub(super) outbox: OutboxConfig,
    pub(super) shard: ShardConfig,
    /// How many shards the next process has at most.
    pub(super) shards: u64,
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Killed; the system lives, and with it what was written.
    Kill,
    /// With the power: what was not synced is lost, torn and reordered.
    Power,
}

impl Hardware {
    pub(super) fn new(lots: &mut Lots) -> Self {
        let (_, hands) = Clock::manual(UtcMs(testkit::NOON));
        Self {
            disk: SimDisk::new(),
            rows: SimRows::default(),
            hands,
            free: Arc::new(AtomicU64::new(u64::MAX)),
            catalog: catalog::of(lots),
            published: 1,
            clock_error_ms: 0,
            knobs: Knobs::drawn(lots),
        }
    }

    pub(super) fn keyring() -> Keyring {
        samples::keyring()
    }

    pub(super) fn data_dir() -> PathBuf {
        PathBuf::from("data")
    }

    /// The time by the devices, which no operator steps.
    pub(super) fn true_time(&self) -> UtcMs {
        use crate::clock::OsClock as _;
        UtcMs(self.hands.system_ms() - self.clock_error_ms)
    }

    /// An operator, or a broken server of time, moves the system's clock.
    pub(super) fn step_clock_ms(&mut self, ms: i64) {
        self.hands.step_ms(ms);
        self.clock_error_ms += ms;
    }

    pub(super) fn set_outbox_full(&self, is_full: bool) {
        self.free.store(if is_full { 1 } else { u64::MAX }, Ordering::SeqCst);
    }

    /// What the next process finds. Of the last one nothing must be left.
    pub(super) fn end_process(&mut self, how: End, lots: &mut Lots) {
        self.disk = match how {
            // A disk that has died has died of power.
            End::Kill if !self.disk.is_dead() => self.disk.end_process(),
            End::Kill | End::Power => self.disk.lose_power(lots.next()),
        };
        self.rows = self.rows.end_process();
    }

    /// A byte of the newest checkpoint of a partition goes bad, where there is one before it.
    pub(super) fn damage_checkpoint(&self, lots: &mut Lots) -> bool {
        let is_checkpoint = |path: &PathBuf| path.extension().is_some_and(|end| end == "ckpt");
        let files: Vec<PathBuf> = self.disk.paths().into_iter().filter(is_checkpoint).collect();
        let partition =
            |path: &PathBuf| path.file_name().map(|name| name.as_encoded_bytes()[..3].to_vec());
        let pairs: Vec<&[PathBuf]> =
            files.windows(2).filter(|pair| partition(&pair[0]) == partition(&pair[1])).collect();
        let Some(pair) = (!pairs.is_empty()).then(|| pairs[lots.index(pairs.len())]) else {
            return false;
        };
        self.disk.damage(&pair[1], |bytes| {
            if !bytes.is_empty() {
                let at = lots.index(bytes.len());
                bytes[at] ^= 1 << lots.below(8);
            }
        });
        true
    }
}

impl Knobs {
    fn drawn(lots: &mut Lots) -> Self {
        let journal = JournalConfig {
            dir: Hardware::data_dir(),
            segment_max_bytes: 64 << 10,
            commit_max_bytes: 64 << 10,
            // A publication to all partitions fits twice.
            shard_buffer_bytes: lots.pick(&[64 << 10, 1 << 20]),
            ..JournalConfig::default()
        };
        let outbox = OutboxConfig {
            handoff_releases: lots.pick(&[8, 256]),
            handoff_bytes: lots.pick(&[2048, 128 << 20]),
            retain_min_s: lots.pick(&[3600, 1 << 30]),
            ..OutboxConfig::default()
        };
        let shard = ShardConfig {
            mailbox_records: lots.pick(&[4, 1024]),
            batch_records: lots.pick(&[1, 3, 8192]),
            unsynced_batches: lots.pick(&[1, 2, 1024]),
            tick_ms: 1000,
            gather_us: 0,
            checkpoint_every_s: lots.pick(&[1, 60, 3600]),
            ..ShardConfig::default()
        };
        Self { journal, outbox, shard, shards: 1 + lots.below(3) }
    }
}
