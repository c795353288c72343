//! The shards' knobs.

use std::time::Duration;

use crate::domain::knobs::BadKnobs;

/// The shards' knobs. Each is in the unit its name ends in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShardConfig {
    /// Shards, each one OS thread. Default 0: one for each processor but one, which the sockets take; at least
    /// 1, at most 256. Output does not depend on it.
    pub shards: u16,
    /// Records that may wait for a shard. Default 65,536. Worst case in memory: 56 bytes each, per shard.
    /// When it is full, connections stop reading.
    pub mailbox_records: u32,
    /// Records stepped as one batch at most, all in one commit. Default 8,192. Larger: fewer syncs, later acks.
    pub batch_records: u32,
    /// How long a shard waits for more after the first record of a batch, µs. Default 500. Longer: larger batches, later
    /// acks.
    pub gather_us: u32,
    /// Batches that may wait for their sync, or for room in the outbox. Default 1,024. Fewer: on a slow disk, what comes
    /// after so many waits for the end of the sync under way, and only then for its own. Worst case in memory: that of
    /// `outbox.handoff_bytes` and of `journal.shard_buffer_bytes`.
    pub unsynced_batches: u16,
    /// How often timers are looked at, ms. Default 100: a dwell comes true up to this late, and after a second or more without
    /// room up to sixteen batches later.
    pub tick_ms: u32,
    /// A checkpoint of every partition is made in so many seconds. Default 300. Longer: recovery reads more.
    pub checkpoint_every_s: u32,
}

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            shards: 0,
            mailbox_records: 65_536,
            batch_records: 8192,
            gather_us: 500,
            unsynced_batches: 1024,
            tick_ms: 100,
            checkpoint_every_s: 300,
        }
    }
}

impl ShardConfig {
    /// Every knob that is out of its range.
    #[must_use]
    pub fn check(&self) -> BadKnobs {
        let mut bad = BadKnobs::new();
        bad.within("shards", self.shards, (0, 256), "shards; 0 goes by processors");
        bad.within("mailbox_records", self.mailbox_records, (1024, 1 << 24), "records");
        bad.within("batch_records", self.batch_records, (1, 1_000_000), "records");
        bad.within("gather_us", self.gather_us, (0, 100_000), "µs");
        bad.within("unsynced_batches", self.unsynced_batches, (1, 65_535), "batches");
        bad.within("tick_ms", self.tick_ms, (1, 10_000), "ms");
        bad.within("checkpoint_every_s", self.checkpoint_every_s, (1, 86_400), "s");
        bad
    }

    /// How long an idle shard waits at most.
    #[must_use]
    pub fn tick(&self) -> Duration {
        Duration::from_millis(u64::from(self.tick_ms))
    }

    /// How many shards to start on a machine with `processors`.
    #[must_use]
    pub fn shards_on(&self, processors: usize) -> usize {
        match self.shards {
            0 => processors.saturating_sub(1).clamp(1, 256),
            fixed => usize::from(fixed),
        }
    }
}
